# Registers the plan before the first training, and lists its later changes.

OUTSIDE_DATA = {}
if OUTSIDE:
    OUTSIDE_DATA = {f"external_{name}_dir": f"{EXTERNAL}/{name}" for name in ("cases", "masks")}


# Runs once: its inputs are ancient, its params are functions of `output`, and it has no digest of
# its code. So nothing but a missing registration makes it run, and trainings may depend on it.
rule register:
    input:
        **{name: ancient(path) for name, path in OUTSIDE_DATA.items()},
        cases_dir=ancient(f"{RESULTS}/cases"),
        masks_dir=ancient(f"{RESULTS}/masks"),
        folds_table=ancient(f"{RESULTS}/folds.tsv"),
    output:
        # `update`: Snakemake does not delete it when it is forced to run the rule again.
        registration_file=update(REGISTRATION),
    log:
        f"{LOGS}/register.log",
    priority: 100
    localrule: True
    conda:
        TRAINING
    threads: 1
    resources:
        mem_mb=memory(500),
    params:
        plan=planned,
        existed=existed,
    script:
        "../scripts/register.py"


# Goes before trainings by priority and because it waits in no queue, not as their input.
rule amend:
    input:
        **OUTSIDE_DATA,
        registration_file=REGISTRATION,
        cases_dir=f"{RESULTS}/cases",
        masks_dir=f"{RESULTS}/masks",
        folds_table=f"{RESULTS}/folds.tsv",
    output:
        amendments_file=update(AMENDMENTS),
    log:
        f"{LOGS}/amend.log",
    priority: 100
    localrule: True
    conda:
        TRAINING
    threads: 1
    resources:
        mem_mb=memory(500),
    params:
        code=code("amend.py"),
        plan=PLAN,
        existed=existed,
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
            reported("registration", "0. What was run", "The plan: registered and run"),
            reported("amendments", "0. What was run", "Changes since the registration"),
        ],
    log:
        f"{LOGS}/show_registration.log",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
    params:
        code=code("show_registration.py"),
    script:
        "../scripts/show_registration.py"
