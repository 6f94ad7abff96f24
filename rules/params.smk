# Parameters and inputs that depend on a job's wildcards or are computed once; Snakemake's linter asks
# for functions to stand apart from rules. In the order of the stages that use them.
import functools

# Written once the public data set is in data_dir; the other sources download nothing.
DOWNLOADED = f"{LOCAL}/downloaded.tsv" if EXPERIMENT.downloads else []


@functools.cache
def source_state(downloaded):
    """Changes with any file of the source: as inputs, Snakemake would store and print their names."""
    source = dict(config["source"])
    kind = source.pop("kind")
    if kind == "phantom":
        return "made"
    # Imported here: what reads data takes seconds to load, and the phantom does without it.
    from tumorseg.core.digests import files_digest

    reader = registry.entry("sources", kind)
    return files_digest(reader.files(data_dir=config["data_dir"], **source), config["data_dir"])


def source_digest(wildcards):
    """The state of the source, looked up once, and once more after a download."""
    return source_state(bool(DOWNLOADED) and os.path.exists(DOWNLOADED))


def import_code(wildcards):
    """The importer with the source in use, and every image and annotation format."""
    entries = [f"tumorseg.sources.{config['source']['kind']}"]
    for folder in ("formats", "annotations"):
        entries += [f"tumorseg.{folder}.{name}" for name in registry.names(folder)]
    return code("import_cases.py", *entries)


def all_losses_code(wildcards):
    """The figure of losses, with every loss of the folder: it draws them all."""
    return code("show_losses.py", *(f"tumorseg.losses.{n}" for n in registry.names("losses")))


def tune_code(wildcards):
    """The tuning script with one loss and the network in use."""
    function, _ = EXPERIMENT.losses[wildcards.loss]
    network = config["network"]["name"]
    return code("tune.py", f"tumorseg.losses.{function}", f"tumorseg.networks.{network}")


def loss_function(wildcards):
    """The file in losses/ that a name of the config stands for."""
    return EXPERIMENT.losses[wildcards.loss][0]


def constants(wildcards):
    """The constants that the config gives the loss."""
    return EXPERIMENT.losses[wildcards.loss][1]


def trial_recipe(wildcards):
    """The recipe with the length of a trial."""
    return EXPERIMENT.trial_recipe(wildcards.recipe, wildcards.loss)


def search_of(wildcards):
    """What is searched for a loss with a recipe."""
    return EXPERIMENT.search(wildcards.recipe, wildcards.loss)


def tuning_fold(wildcards):
    """The fold whose training patients the search uses."""
    return settings.fold_of_scope(wildcards.scope)


def train_code(wildcards):
    """The training script with one loss and the network in use: other losses do not re-train it."""
    network = config["network"]["name"]
    loss = loss_function(wildcards)
    return code("train.py", f"tumorseg.losses.{loss}", f"tumorseg.networks.{network}")


def tuned(wildcards):
    """What tuning chose for a training; nothing where nothing is tuned."""
    scope = EXPERIMENT.scope_of(int(wildcards.fold))
    values = {"recipe": wildcards.recipe, "loss": wildcards.loss, "scope": scope}
    return f"{TUNING}/best.yaml".format(**values) if scope else []


def fold_number(wildcards):
    """The fold as a number."""
    return int(wildcards.fold)


def training_seed(wildcards):
    """The seed of a training as a number; the data and the folds keep the config's."""
    return int(wildcards.seed)


def predict_cases_code(wildcards):
    """The prediction script with the network in use; no loss is part of it."""
    return code("predict_cases.py", f"tumorseg.networks.{config['network']['name']}")


def predict_code(wildcards):
    """The script for new images with every network and image format: a model may be another's."""
    entries = [
        f"{folder}.{name}" for folder in ("networks", "formats") for name in registry.names(folder)
    ]
    return code("predict.py", *(f"tumorseg.{entry}" for entry in entries))


def exported_model(wildcards):
    """The model for new images; none is made where the config names one, or no images."""
    return f"{RESULTS}/model" if config["images"] and not config["model"] else []
