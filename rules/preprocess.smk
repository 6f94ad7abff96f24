# Cases to stripped images and masks.


rule skull_strip:
    input:
        # Read through the table's column true_brain.
        f"{RESULTS}/true_brain",
        cases_table=f"{RESULTS}/cases.tsv",
        cases_dir=f"{RESULTS}/cases",
    output:
        strip_table=f"{RESULTS}/strip.tsv",
        brain_dir=directory(f"{RESULTS}/brain"),
        stripped_dir=directory(f"{RESULTS}/stripped"),
    log:
        f"{LOGS}/skull_strip.log",
    benchmark:
        f"{TIMES}/skull_strip.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 4
    resources:
        mem_mb=memory(1500),
    params:
        code=code("skull_strip.py"),
        method=lookup(within=config, dpath="skull_strip/method"),
        channels=max(1, len(EXPERIMENT.channels)),
    script:
        "../scripts/skull_strip.py"


rule rasterize:
    input:
        cases_table=f"{RESULTS}/cases.tsv",
        annotations_dir=f"{RESULTS}/annotations",
        stripped_dir=f"{RESULTS}/stripped",
        # What stripping removed is measured before anything is trained.
        cases_dir=f"{RESULTS}/cases",
        brain_dir=f"{RESULTS}/brain",
    output:
        masks_table=f"{RESULTS}/masks.tsv",
        masks_dir=directory(f"{RESULTS}/masks"),
    log:
        f"{LOGS}/rasterize.log",
    benchmark:
        f"{TIMES}/rasterize.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 4
    resources:
        mem_mb=memory(1000),
    params:
        code=code("rasterize.py"),
        classes=max(1, len(CLASSES)),
    script:
        "../scripts/rasterize.py"


rule compare_strips:
    input:
        # Read through the table's column true_brain.
        f"{RESULTS}/true_brain",
        cases_table=f"{RESULTS}/cases.tsv",
        cases_dir=f"{RESULTS}/cases",
        masks_table=f"{RESULTS}/masks.tsv",
        masks_dir=f"{RESULTS}/masks",
    output:
        strip_methods_table=f"{RESULTS}/strip_methods.tsv",
    log:
        f"{LOGS}/compare_strips.log",
    benchmark:
        f"{TIMES}/compare_strips.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 4
    resources:
        mem_mb=memory(1500),
    params:
        code=code("compare_strips.py"),
        methods=lookup(within=config, dpath="skull_strip/compare"),
        method=lookup(within=config, dpath="skull_strip/method"),
    script:
        "../scripts/compare_strips.py"
