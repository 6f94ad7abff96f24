# From a data source to cases in the project's own format.


if DOWNLOADED or DOWNLOADED_OUTSIDE:

    # An interrupted download continues where it stopped, in the next attempt and after a kill.
    rule download:
        output:
            downloaded=local(f"{LOCAL}/downloaded.tsv"),
        log:
            local(f"{LOCAL}/download.log"),
        retries: 3
        # A cluster's nodes often have no way to the internet.
        localrule: True
        conda:
            "../envs/imaging.yaml"
        threads: 1
        resources:
            mem_mb=memory(500),
        params:
            code=with_source("download.py", EXPERIMENT),
            kind=lookup(within=config, dpath="source/kind"),
            data_dir=lookup(within=config, dpath="data_dir"),
        script:
            "../scripts/download.py"


rule import_cases:
    input:
        DOWNLOADED,
    output:
        cases_table=f"{RESULTS}/cases.tsv",
        cases_dir=directory(f"{RESULTS}/cases"),
        annotations_dir=directory(f"{RESULTS}/annotations"),
        true_brain_dir=directory(f"{RESULTS}/true_brain"),
    log:
        local(f"{LOCAL}/import_cases.log"),
    benchmark:
        f"{TIMES}/import_cases.tsv"
    localrule: STORED
    conda:
        "../envs/imaging.yaml"
    threads: 4
    resources:
        mem_mb=memory(2000),
    params:
        code=import_code,
        sources=source_digest,
        source=EXPERIMENT.source,
        identifiers=lookup(within=config, dpath="identifiers"),
        local_dir=LOCAL,
        data_dir=lookup(within=config, dpath="data_dir"),
        seed=lookup(within=config, dpath="seed"),
    script:
        "../scripts/import_cases.py"
