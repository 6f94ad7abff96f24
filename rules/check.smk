# Checks all data before anything is computed: snakemake --cores all check


# Without an output the rule runs whenever it is asked for, and Snakemake, which deletes the outputs
# of a job that failed, keeps the page with the reasons.
rule check:
    input:
        DOWNLOADED,
    log:
        f"{LOCAL}/check.log",
    retries: 0  # what it finds is no accident, even under a profile that repeats what failed
    conda:
        "../envs/imaging.yaml"
    threads: 64
    resources:
        mem_mb=memory(2000),
    params:
        source=EXPERIMENT.source,
        data_dir=lookup(within=config, dpath="data_dir"),
        seed=lookup(within=config, dpath="seed"),
        fold_count=lookup(within=config, dpath="folds/count"),
        strip_method=lookup(within=config, dpath="skull_strip/method"),
        accept_harm=lookup(within=config, dpath="skull_strip/accept_harm"),
        experiment=lookup(within=config, dpath="experiment"),
        folder=LOCAL,
        names=lookup(within=config, dpath="identifiers/names"),
    script:
        "../scripts/check.py"
