# Registers the plan before the first training, and lists its later changes.
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
PLAN = protocol.plan(EXPERIMENT, CODE_IN_USE)


def retrieve(path):
    """Brings a result of an earlier run here where a storage has it: `update` expects it here."""
    file = workflow.modifier.path_modifier.apply_default_storage(path)
    if is_flagged(file, "storage_object") and exists(path):
        async_run(file.flags["storage_object"].managed_retrieve())


def registered_plan(wildcards, output):
    """The plan. As a function of `output` it is no reason for Snakemake to run a job again."""
    return PLAN


def existing(wildcards, output):
    """What earlier runs left: finished trainings, and set-ups whose test cases were measured."""
    for path in (REGISTRATION, AMENDMENTS):
        retrieve(path)
    trainings = of_set_ups(f"{MODEL}/settings.yaml", **TRAININGS)
    return {
        "trainings": sum(map(exists, trainings)),
        "tested": sum(map(exists, of_set_ups(f"{METRICS}.tsv"))),
    }


# Runs once: its inputs are ancient, its params are functions of `output`, and it has no digest of
# its code. So nothing but a missing registration makes it run, and trainings may depend on it.
rule register:
    input:
        cases_dir=ancient(f"{RESULTS}/cases"),
        masks_dir=ancient(f"{RESULTS}/masks"),
        folds_table=ancient(f"{RESULTS}/folds.tsv"),
    output:
        # `update`: Snakemake does not delete it when it is forced to run the rule again.
        registration_file=update(REGISTRATION),
    log:
        f"{LOGS}/register.log",
    priority: 100
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        plan=registered_plan,
        existed=existing,
    script:
        "../scripts/register.py"


# Goes before trainings by priority, as `plan` does, and not as their input.
rule amend:
    input:
        registration_file=REGISTRATION,
        cases_dir=f"{RESULTS}/cases",
        masks_dir=f"{RESULTS}/masks",
        folds_table=f"{RESULTS}/folds.tsv",
    output:
        amendments_file=update(AMENDMENTS),
    log:
        f"{LOGS}/amend.log",
    priority: 100
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        code=code("amend.py"),
        plan=PLAN,
        existed=existing,
    script:
        "../scripts/amend.py"


rule show_registration:
    input:
        registration_file=REGISTRATION,
        amendments_file=AMENDMENTS,
        settings_files=of_set_ups(f"{MODEL}/settings.yaml", **TRAININGS),
    output:
        text_file=f"{RESULTS}/registration.rst",
        tables=collect(f"{RESULTS}/tables/{{name}}.tsv", name=["registration", "amendments"]),
        pages=[
            reported("registration", "0. What was run", "What was registered, and what was run"),
            reported("amendments", "0. What was run", "Changes since the registration"),
        ],
    log:
        f"{LOGS}/show_registration.log",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        code=code("show_registration.py"),
    script:
        "../scripts/show_registration.py"
