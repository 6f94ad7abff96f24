# Validation, the names every stage uses, and the code digest; nothing else.
import functools
import os
import sys
from pathlib import Path

import yaml

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

sys.path.insert(0, f"{workflow.basedir}/scripts")

from tumorseg.core import registry
from tumorseg.core.errors import UserError
from tumorseg.loss_kit.configured import configured_losses
from tumorseg.tuning import preset_check, search_space
from tumorseg.workflow.code_digest import code_digest as code


def one_line(error):
    """The schema validator's first complaint, as a line that names the key and what it allows."""
    cause = error
    while cause is not None and not hasattr(cause, "absolute_path"):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return str(error).strip().splitlines()[0]
    key = ".".join(str(part) for part in cause.absolute_path) or "the top level"
    return f"config: {key}: {cause.message} (see config.schema.yaml)"


try:
    validate(config, f"{workflow.basedir}/config.schema.yaml")
except Exception as error:  # jsonschema's message spans pages; its user needs one line
    raise WorkflowError(one_line(error)) from None

RESULTS = f"results/{config['experiment']}"
LOGS = f"logs/{config['experiment']}"
# What may name source files; never shared, never part of a report.
LOCAL = f"local/{config['experiment']}"
LOCAL_KEYS = ("table", "annotation_file", "patient_pattern", "images", "masks", "labels")
# Written once the public data set is in data_dir; the other sources download nothing.
DOWNLOADED = f"{LOCAL}/downloaded.tsv" if config["source"]["kind"] == "cheng_mat" else []
LOSSES = list(config["losses"])
RECIPES = list(config["use_recipes"])
STATISTICS = {
    "contrasts": "Every pair of losses, tested",
    "ranking": "Ranking",
    "thresholds": "Thresholds that validation chose",
    "calibration": "Calibration",
    "variances": "Where scores vary",
    "subgroups": "Subgroups",
    "distribution": "Every metric: mean, quantiles, undefined",
}
# What the report opens with: the answer, once there is one, before the guide to the page.
OPENING = os.path.abspath(f"{RESULTS}/opening.rst")
OPENING = OPENING if os.path.exists(OPENING) else "report/workflow.rst"
CAPTIONS = sorted(map(os.path.relpath, Path(workflow.basedir, "report").glob("*.rst")))
FOLDS = list(range(1, config["folds"]["count"] + 1))
SEEDS = list(range(config["seed"], config["seed"] + config["training"]["seeds"]))

try:
    FUNCTIONS = configured_losses(config["losses"])
except UserError as error:
    raise WorkflowError(f"config: {error}") from None
for name in RECIPES:
    if name not in config["recipes"]:
        known = ", ".join(config["recipes"])
        raise WorkflowError(f"config: use_recipes: no {name!r}; there are: {known}")
if config["reference_loss"] not in LOSSES:
    raise WorkflowError(
        f"config: reference_loss: {config['reference_loss']!r} is not among losses: "
        + ", ".join(LOSSES)
    )
if config["source"]["kind"] != "phantom" and not config["data_dir"]:
    raise WorkflowError("config: data_dir: say where the data lie, --config data_dir=<folder>")
SCHEMA = yaml.safe_load(Path(workflow.basedir, "config.schema.yaml").read_text(encoding="utf-8"))
TRAINING_KEYS = SCHEMA["properties"]["recipes"]["additionalProperties"]["properties"]["training"]
TUNING = config["tuning"]
if TUNING["preset"] not in TUNING["presets"]:
    known = ", ".join(TUNING["presets"])
    raise WorkflowError(f"config: tuning.preset: no {TUNING['preset']!r}; there are: {known}")
PRESET = TUNING["presets"][TUNING["preset"]]
if TUNING["scope"] != "none":
    where = f"config: tuning.presets.{TUNING['preset']}"
    try:
        for name, (function, _) in FUNCTIONS.items():
            preset_check.check(PRESET, name, function, TRAINING_KEYS["properties"], where)
    except UserError as error:
        raise WorkflowError(str(error)) from None
# The searches of each recipe and loss: one for all folds, or one inside every fold.
SCOPES = {"none": [], "shared": ["shared"], "nested": [f"fold-{fold}" for fold in FOLDS]}
SCOPES = SCOPES[TUNING["scope"]]


wildcard_constraints:
    scope="|".join(["shared", *(f"fold-{fold}" for fold in FOLDS)]),
    recipe="|".join(RECIPES),
    loss="|".join(LOSSES),
    fold="|".join(map(str, FOLDS)),
    seed="|".join(map(str, SEEDS)),


@functools.cache
def source_state(downloaded):
    """Changes with any file of the source: as inputs, Snakemake would store and print their names."""
    if config["source"]["kind"] == "phantom":
        return "made"
    # Imported here, because what reads data takes seconds to load, and made heads do without.
    from tumorseg.core.digests import files_digest

    source = dict(config["source"])
    reader = registry.entry("sources", source.pop("kind"))
    return files_digest(reader.files(data_dir=config["data_dir"], **source), config["data_dir"])


def source_digest(wildcards):
    """The state of the source, looked up once; again after a download, as Snakemake asks again then."""
    return source_state(bool(DOWNLOADED) and os.path.exists(DOWNLOADED))


def import_code(wildcards):
    """The importer with the source that the config names, and every format and annotation form."""
    entries = [f"tumorseg.sources.{config['source']['kind']}"]
    for folder in ("formats", "annotations"):
        entries += [f"tumorseg.{folder}.{name}" for name in registry.names(folder)]
    return code("import_cases.py", *entries)


def train_code(wildcards):
    """The training script with one loss and the network in use: other losses do not re-train it."""
    network = config["network"]["name"]
    loss = loss_function(wildcards)
    return code("train.py", f"tumorseg.losses.{loss}", f"tumorseg.networks.{network}")


def loss_function(wildcards):
    """The file in losses/ that a name of the config stands for."""
    return FUNCTIONS[wildcards.loss][0]


def search_of(wildcards):
    """What is tuned of a loss with a recipe."""
    recipe = config["recipes"][wildcards.recipe]
    name = wildcards.loss
    return search_space.resolve(PRESET, name, FUNCTIONS[name][0], recipe["training"])


def settings_for_tuning(wildcards):
    """The recipe with a trial's length: where that is set apart, the recipe's own changes nothing."""
    recipe = config["recipes"][wildcards.recipe]
    return recipe | {"training": recipe["training"] | {"epochs": search_of(wildcards)["epochs"]}}


def searches(wildcards):
    """The searches of every recipe and loss, for the plan."""
    return {
        recipe: {
            name: search_space.resolve(
                PRESET, name, function, config["recipes"][recipe]["training"]
            )
            for name, (function, _) in FUNCTIONS.items()
        }
        for recipe in (RECIPES if SCOPES else [])
    }


def tuning_fold(wildcards):
    """The fold whose training patients a search uses; tuned once, it is the first fold's."""
    return 1 if wildcards.scope == "shared" else int(wildcards.scope.removeprefix("fold-"))


def tuned(wildcards):
    """What tuning chose for a training; nothing where nothing is tuned."""
    scope = {"none": None, "shared": "shared", "nested": f"fold-{wildcards.fold}"}[TUNING["scope"]]
    folder = f"{RESULTS}/tuning/{wildcards.recipe}/{wildcards.loss}/{scope}"
    return f"{folder}/best.yaml" if scope else []


def tune_code(wildcards):
    """The tuning script with one loss and the network in use."""
    network = config["network"]["name"]
    loss = loss_function(wildcards)
    return code("tune.py", f"tumorseg.losses.{loss}", f"tumorseg.networks.{network}")


def constants(wildcards):
    """The constants that the config gives the loss."""
    return FUNCTIONS[wildcards.loss][1]


def all_losses_code(wildcards):
    """The figure of losses, with every loss of the folder that it draws."""
    known = registry.names("losses")
    return code("show_losses.py", *(f"tumorseg.losses.{name}" for name in known))


def predict_cases_code(wildcards):
    """The prediction script with the network in use; no loss is part of it."""
    return code("predict_cases.py", f"tumorseg.networks.{config['network']['name']}")


def predict_code(wildcards):
    """The script for new images with every network and file format: a model may be another's."""
    entries = [
        f"{folder}.{name}" for folder in ("networks", "formats") for name in registry.names(folder)
    ]
    return code("predict.py", *(f"tumorseg.{entry}" for entry in entries))


def exported_model(wildcards):
    """The model for new images; none is made where the config names one, or no images."""
    return f"{RESULTS}/model" if config["images"] and not config["model"] else []


def fold_number(wildcards):
    """The fold as a number."""
    return int(wildcards.fold)


def training_seed(wildcards):
    """The seed of a training as a number; the data and the folds keep the config's."""
    return int(wildcards.seed)


def plan_recipes(wildcards):
    """The settings of the recipes in use."""
    return {name: config["recipes"][name] for name in RECIPES}


def settings_in_force(wildcards):
    """The whole config."""
    return dict(config)


def settings_shown(wildcards):
    """The whole config as the report prints it: what names files or people reads (local)."""
    return hidden(config, ("data_dir", "images", "model")) | {
        "source": hidden(config["source"], LOCAL_KEYS),
        "identifiers": hidden(config["identifiers"], ["key_file"]),
    }


def hidden(settings, keys):
    """The settings with (local) in place of what these keys hold, where they hold anything."""
    return settings | {key: "(local)" for key in keys if settings.get(key)}


def own_names(wildcards):
    """The experiment's own words, which are written on purpose."""
    numbered = [f"{what}-{n}" for what, some in (("fold", FOLDS), ("seed", SEEDS)) for n in some]
    return [config["experiment"], *RECIPES, *LOSSES, *numbered]
