# What steps must be given where no files are shared (--default-storage-provider). Steps that read the
# user's own files, or write what may name them, then run where Snakemake was started (localrule:
# STORED). Without a storage provider nothing here has an effect.
import os
import shlex

from snakemake.io import get_wildcard_names, is_flagged

from tumorseg.workflow.s3_folders import see_new_folders

STORAGE = workflow.storage_settings
if STORAGE.default_storage_provider == "s3":
    see_new_folders()
# As in the jobs elsewhere: keys and what else of the storage is not among storage_options.
if STORED:
    os.environ.update(workflow.spawned_job_args_factory.get_storage_provider_envvars())

# Where the logs of failed jobs are besides LOGS and LOCAL.
LOGS_OF_CLOUDS = [".snakemake/auxiliary", ".snakemake/googlebatch_logs"]
JOB_LOGS = [str(STORAGE.local_storage_prefix), *LOGS_OF_CLOUDS] if STORED else []
ON_DEMAND = ("export_model", "predict", "check", "check_external")
SEEKING = ("seek_names", "seek_names_external")


def storage_options(wildcards):
    """A param: the options that name the storage. Its keys are in the environment of each job."""
    factory = workflow.spawned_job_args_factory
    options = [factory.get_default_storage_provider_args(), *factory.get_storage_provider_args()]
    return shlex.split(" ".join(options)) if STORED else []


def under_prefix(file):
    """The path of a rule's output, as the rule gives it."""
    return (
        file.flags["storage_object"].query.removeprefix(STORAGE.default_storage_prefix).lstrip("/")
    )


def written(wildcards):
    """An input: all that the rules write, where a storage has it; else it is in the folder."""
    files, not_run = [], () if SCOPES else ("show_tuning",)
    for each in workflow.rules if STORED else ():
        kept = [*each.output, *each.log, *filter(None, [each.benchmark])]
        if each.name in (*ON_DEMAND, *not_run, *SEEKING):
            continue
        for path in (under_prefix(file) for file in kept if not is_flagged(file, "local")):
            names = get_wildcard_names(path)
            values = {"seed": SEEDS, "fold": FOLDS, "scope": SCOPES}
            others = {name: values[name] for name in names - {"recipe", "loss"}}
            if "loss" in names:
                files += of_set_ups(path, **others)
            else:
                files += collect(path, recipe=PREPARED if each.name.startswith("pack") else RECIPES)
    return files
