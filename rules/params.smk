# Parameters and inputs that are functions; Snakemake's linter wants them apart from rules.
from tumorseg.workflow.experiment import fold_of_scope


def all_losses_code(wildcards):
    """The figure of losses, with every loss of the folder: it draws them all."""
    return code("show_losses.py", *entries("losses"))


def of_losses(path, **others):
    """An input: the paths of every loss that is trained with the recipe of the job."""
    return lambda wildcards: collect(
        path, recipe=wildcards.recipe, loss=EXPERIMENT.losses_of(wildcards.recipe), **others
    )


def with_one_loss(script):
    """A param: the script with one loss and the network in use; another loss changes nothing."""

    def digest(wildcards):
        function, _ = EXPERIMENT.losses[wildcards.loss]
        network = NETWORKS[wildcards.recipe]["name"]
        return code(script, f"tumorseg.losses.{function}", f"tumorseg.networks.{network}")

    return digest


def job_fields(wildcards, **other):
    """What trainings and trials of tuning share of TrainingJob's fields (training/job.py)."""
    function, constants = EXPERIMENT.losses[wildcards.loss]
    fields = {
        "recipe": wildcards.recipe,
        "loss": {"name": wildcards.loss, "function": function, "constants": constants},
        "network": NETWORKS[wildcards.recipe],
        "threads": config["training"]["threads"],
        "wanted_device": config["training"]["device"],
        "backend": config["training"]["backend"],
        "precision": config["training"]["precision"],
    }
    if file := EXPERIMENT.encoder_file(wildcards.recipe):
        fields["encoder_file"] = file
    return dict(sorted((fields | other).items()))


def tuning_job(wildcards):
    """The training that tuning varies, with a trial's epochs, the search's fold, the first seed."""
    return job_fields(
        wildcards,
        settings=EXPERIMENT.trial_recipe(wildcards.recipe, wildcards.loss),
        fold=fold_of_scope(wildcards.scope),
        seed=config["seed"],
        state_dir=f"{STATE}/tune-{wildcards.recipe}-{wildcards.loss}-{wildcards.scope}",
    )


def search_of(wildcards):
    """What is searched for a loss with a recipe."""
    return EXPERIMENT.search(wildcards.recipe, wildcards.loss)


def training_job(wildcards):
    """A training, before what tuning chose."""
    return job_fields(
        wildcards,
        settings=EXPERIMENT.recipe(wildcards.recipe),
        fold=int(wildcards.fold),
        seed=int(wildcards.seed),
        state_dir=STATE,
    )


def tuned(wildcards):
    """What tuning chose for a training; nothing where nothing is tuned."""
    scope = EXPERIMENT.scope_of(int(wildcards.fold))
    values = {"recipe": wildcards.recipe, "loss": wildcards.loss, "scope": scope}
    return f"{TUNING}/best.yaml".format(**values) if scope else []


def with_network(script):
    """A param: the script with the network in use; no loss is part of it."""
    return lambda wildcards: code(script, f"tumorseg.networks.{NETWORKS[wildcards.recipe]['name']}")


def predict_code(wildcards):
    """The script for new images with every network and image format: a model may be another's."""
    return code("predict.py", *entries("networks", "formats"))
