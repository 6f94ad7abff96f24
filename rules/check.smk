# Checks all data before anything is computed: snakemake --cores all check


# Without an output the rule runs whenever it is asked for, and Snakemake, which deletes the outputs
# of a job that failed, keeps the page with the reasons.
rule check:
    input:
        DOWNLOADED,
    log:
        local(f"{LOCAL}/check.log"),
    retries: 0  # what it finds is no accident, even under a profile that repeats what failed
    localrule: STORED
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
        by_site=BY_SITE,
        strip_method=lookup(within=config, dpath="skull_strip/method"),
        accept_harm=lookup(within=config, dpath="skull_strip/accept_harm"),
        experiment=lookup(within=config, dpath="experiment"),
        folder=LOCAL,
        backend=lookup(within=config, dpath="training/backend"),
        names=lookup(within=config, dpath="identifiers/names"),
    script:
        "../scripts/check.py"


if OUTSIDE:

    use rule check as check_external with:
        input:
            DOWNLOADED_OUTSIDE,
        log:
            local(f"{EXTERNAL_LOCAL}/check.log"),
        params:
            source=OUTSIDE.source,
            data_dir=OUTSIDE.config["data_dir"],
            seed=OUTSIDE.config["seed"],
            fold_count=0,  # of no folds: nothing is trained
            by_site=False,
            folder=EXTERNAL_LOCAL,
