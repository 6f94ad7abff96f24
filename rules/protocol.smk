# The plan that is registered, and what earlier runs left; functions, apart from the rules.
from types import SimpleNamespace

from snakemake.common import async_run
from snakemake.io import is_flagged

AMENDMENTS = f"{RESULTS}/amendments.yaml"

# The digests of the code of every step between the data and the answer.
CODE_IN_USE = {
    "import": import_code({}),
    "skull stripping": code("skull_strip.py"),
    "masks": code("rasterize.py"),
    "folds": code("split.py"),
    "packing": code("pack_volumes.py" if VOLUMES else "pack.py"),
    **{
        f"{step} {recipe}/{loss}": with_one_loss(script)(SimpleNamespace(recipe=recipe, loss=loss))
        for step, script in [("training", "train.py"), ("tuning", "tune.py")]
        if SCOPES or step == "training"
        for recipe in RECIPES
        for loss in EXPERIMENT.losses_of(recipe)
    },
    **{
        f"predictions {recipe}": with_network("predict_cases.py")(SimpleNamespace(recipe=recipe))
        for recipe in RECIPES
    },
    "metrics": code("measure.py"),
    "statistics": code("analyse.py"),
}
if OUTSIDE:
    CODE_IN_USE |= {
        "outside import": outside_import_code({}),
        "outside comparison with the inside": code("compare_sources.py"),
        **{
            f"outside predictions {recipe}": with_network("predict_external.py")(
                SimpleNamespace(recipe=recipe)
            )
            for recipe in RECIPES
        },
        "outside metrics": code("measure_external.py"),
        "outside statistics": code("analyse_external.py"),
    }
PLAN = protocol.plan(EXPERIMENT, CODE_IN_USE)


def retrieve(path):
    """Brings a result of an earlier run here where a storage has it: `update` expects it here."""
    file = workflow.modifier.path_modifier.apply_default_storage(path)
    if is_flagged(file, "storage_object") and exists(path):
        async_run(file.flags["storage_object"].managed_retrieve())


def left_by_earlier_runs():
    """Numbers of finished trainings, and of set-ups whose test cases were measured."""
    for path in (REGISTRATION, AMENDMENTS):
        retrieve(path)
    trainings = of_set_ups(f"{MODEL}/settings.yaml", **TRAININGS)
    return {
        "trainings": sum(map(exists, trainings)),
        "tested": sum(map(exists, of_set_ups(f"{METRICS}.tsv"))),
    }


# Looked up before any job runs, in the process that starts them.
EXISTED = left_by_earlier_runs() if workflow.is_main_process else {}


# As functions of `output` these params are no reason for Snakemake to run a job again.
def planned(wildcards, output):
    """The plan."""
    return PLAN


def existed(wildcards, output):
    """What earlier runs left."""
    return EXISTED
