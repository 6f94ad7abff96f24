# From a data source to cases in the house's form.


rule import_cases:
    input:
        source_files,
    output:
        cases_table=f"{RESULTS}/cases.tsv",
        cases_dir=directory(f"{RESULTS}/cases"),
        annotations_dir=directory(f"{RESULTS}/annotations"),
        true_brain_dir=directory(f"{RESULTS}/true_brain"),
    log:
        f"{LOGS}/import_cases.log",
    benchmark:
        f"{RESULTS}/benchmarks/import_cases.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=import_code,
        source=lookup(within=config, dpath="source"),
        data_dir=lookup(within=config, dpath="data_dir"),
        seed=lookup(within=config, dpath="seed"),
    script:
        "../scripts/import_cases.py"
