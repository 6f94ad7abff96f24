# Validates the config and holds the names and paths that every rule file uses; nothing else.
import os
import sys
from pathlib import Path

sys.path.insert(0, f"{workflow.basedir}/scripts")

from tumorseg.core import registry
from tumorseg.core.errors import UserError
from tumorseg.workflow import job, protocol, settings
from tumorseg.workflow.code_digest import code_digest as code

# Whether no files are shared: then a storage has all that steps write (storage.smk).
STORED = workflow.storage_settings.default_storage_provider is not None

try:
    settings.check_files(workflow.configfiles)
    EXPERIMENT = settings.load(config, f"{workflow.basedir}/config.schema.yaml", stored=STORED)
    OUTSIDE = EXPERIMENT.external  # the same with outside data, or None
except UserError as error:
    sys.exit(f"ERROR: {error}")  # so that this line is the last; an exception would add its own

LOSSES = list(EXPERIMENT.losses)
RECIPES = EXPERIMENT.recipes
FOLDS = EXPERIMENT.folds
SEEDS = EXPERIMENT.seeds
SCOPES = EXPERIMENT.scopes
NETWORKS = {recipe: EXPERIMENT.network(recipe) for recipe in RECIPES}
# Recipes whose cases are packed; those with another network read the same.
PREPARED = list(dict.fromkeys(EXPERIMENT.prepared.values()))
CLASSES, VOLUMES = EXPERIMENT.classes, EXPERIMENT.volumes
OVERLAPPING = bool(CLASSES) and config["overlapping"]
BY_SITE = config["folds"].get("by") == "site"

RESULTS = f"results/{config['experiment']}"
LOGS = f"logs/{config['experiment']}"
# What may name source files; never shared, never part of a report.
LOCAL = f"local/{config['experiment']}"
# From here a killed training continues. Where jobs have no common disk: the place of a volume.
STATE = f".resume/{config['experiment']}"
TIMES = f"{RESULTS}/benchmarks"
# The plan, written before the first training and never again.
REGISTRATION = f"{RESULTS}/registration.yaml"
# The outside data, where the config names some, in the same layout as the inside ones. Both have
# the key of pseudonyms in local/, so a person has the same one in both.
EXTERNAL, EXTERNAL_LOCAL = f"{RESULTS}/external", f"{LOCAL}.external"
PACK = f"{RESULTS}/pack/{{recipe}}"
# The environment of the rules that train or predict.
TRAINING = f"../envs/{EXPERIMENT.training_environment}.yaml"
# One file for all slices; of volumes a folder with one file each.
PACKED_IMAGES = f"{PACK}/images" + ("" if VOLUMES else ".npy")
PACKED_TARGETS = f"{PACK}/targets" + ("" if VOLUMES else ".npy")
TUNING = f"{RESULTS}/tuning/{{recipe}}/{{loss}}/{{scope}}"
MODEL = f"{RESULTS}/models/{{recipe}}/{{loss}}/seed-{{seed}}/fold-{{fold}}"
PREDICTIONS = f"{RESULTS}/predictions/{{recipe}}/{{loss}}/seed-{{seed}}/fold-{{fold}}"
METRICS = f"{RESULTS}/metrics/{{recipe}}/{{loss}}"
CLASS_THRESHOLDS = f"{METRICS}.class_thresholds.tsv"
MEASURED = [f"{METRICS}.{kind}" for kind in ("tsv", "thresholds.tsv", "reliability.tsv", "html")]
MEASURED += [f"{METRICS}.classes.tsv"] if CLASSES else []
MEASURED += [CLASS_THRESHOLDS] if OVERLAPPING else []
FIGURES_OF_RECIPE = [
    f"{RESULTS}/figures/{name}/{{recipe}}.{kind}"
    for name in ("fig1", "fig5", "training_curves")
    for kind in ("svg", "pdf")
]
# The values of wildcards for collect(): of a set-up, a recipe with a loss, each training has one
# seed and one fold.
TRAININGS = {"seed": SEEDS, "fold": FOLDS}


wildcard_constraints:
    scope="|".join(SCOPES) or "none",
    recipe="|".join(RECIPES),
    loss="|".join(LOSSES),
    fold="|".join(map(str, FOLDS)),
    seed="|".join(map(str, SEEDS)),


def of_set_ups(path, **others):
    """The paths of every set-up, a recipe with a loss. others: values of further wildcards."""
    return [
        file
        for recipe in RECIPES
        for file in collect(path, recipe=recipe, loss=EXPERIMENT.losses_of(recipe), **others)
    ]


def packed(path):
    """The packed file that a recipe reads. path: of PACK."""
    paths = {recipe: path.format(recipe=of) for recipe, of in EXPERIMENT.prepared.items()}
    return lookup(within=paths, dpath="{recipe}")


def of_outside(path):
    """The outside data's file or folder that has this path among the inside ones."""
    return f"{EXTERNAL}{path.removeprefix(RESULTS)}"


def shown(path, category, item, caption=None, subcategory=None, **labels):
    """A result that the report lists as `item`; its caption is report/<caption or own name>.rst."""
    return report(
        f"{RESULTS}/{path}",
        caption=f"../report/{caption or Path(path).stem}.rst",
        category=category,
        subcategory=subcategory,
        labels={"item": item} | labels,
    )


def drawn(*names):
    """Outputs: the PDFs that are drawn beside these figures, for manuscripts."""
    return [f"{RESULTS}/figures/{name}.pdf" for name in names]


def reported(table, category, item, **more):
    """The page of a table of results, as the report shows it."""
    return shown(f"tables/{table}.html", category, item, **more)
