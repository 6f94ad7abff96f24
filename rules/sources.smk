# Parameters of the steps that read a source, inside or outside; functions, as in params.smk.
import functools

# Written once the public data set is in data_dir; the other sources download nothing.
DOWNLOADED = local(f"{LOCAL}/downloaded.tsv") if EXPERIMENT.downloads else []
DOWNLOADED_OUTSIDE = []
if OUTSIDE and OUTSIDE.downloads:
    DOWNLOADED_OUTSIDE = local(f"{EXTERNAL_LOCAL}/downloaded.tsv")


@functools.cache
def source_state(outside, downloaded):
    """Changes with any file of the source. Snakemake would store and print the names of inputs."""
    experiment = OUTSIDE if outside else EXPERIMENT
    source, data_dir = dict(experiment.source), experiment.config["data_dir"]
    kind = source.pop("kind")
    if kind == "phantom":
        return "made"
    # Imported here: what reads data takes seconds to load, and the phantom does without it.
    from tumorseg.core.digests import files_digest

    reader = registry.entry("sources", kind)
    return files_digest(reader.files(data_dir=data_dir, **source), data_dir)


def source_digest(wildcards):
    """The state of the source, looked up once, and once more after a download."""
    return source_state(False, bool(DOWNLOADED) and os.path.exists(DOWNLOADED))


def outside_digest(wildcards):
    """The state of the outside source, in the same way."""
    downloaded = bool(DOWNLOADED_OUTSIDE) and os.path.exists(DOWNLOADED_OUTSIDE)
    return source_state(True, downloaded)


def entries(*folders):
    """The modules of all files of these registries."""
    return [f"tumorseg.{folder}.{n}" for folder in folders for n in registry.names(folder)]


def with_source(script, experiment, *folders):
    """The script with the source in use, and all files of these registries."""
    kind = experiment.source["kind"]
    return code(script, f"tumorseg.sources.{kind}", *entries(*folders))


def import_code(wildcards):
    """The importer with the source in use, and every image and annotation format."""
    return with_source("import_cases.py", EXPERIMENT, "formats", "annotations")


def outside_import_code(wildcards):
    """The importer with the outside source."""
    return with_source("import_cases.py", OUTSIDE, "formats", "annotations")
