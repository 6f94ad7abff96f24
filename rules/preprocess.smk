# Cases to stripped images and masks.


PACKED_AS = (
    {
        "volumes": lookup(within=config, dpath="recipes/{recipe}/volumes"),
        "patch": config["network"].get("patch"),
    }
    if VOLUMES
    else {
        "size_px": lookup(within=config, dpath="network/size_px"),
        "preparation": lookup(within=config, dpath="recipes/{recipe}/preparation"),
    }
)


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
        mem_mb=1500,
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
        mem_mb=1000,
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
        mem_mb=1500,
    params:
        code=code("compare_strips.py"),
        methods=lookup(within=config, dpath="skull_strip/compare"),
        method=lookup(within=config, dpath="skull_strip/method"),
    script:
        "../scripts/compare_strips.py"


rule pack:
    input:
        cases_table=f"{RESULTS}/cases.tsv",
        stripped_dir=f"{RESULTS}/stripped",
        masks_dir=f"{RESULTS}/masks",
    output:
        images_file=directory(PACKED_IMAGES) if VOLUMES else PACKED_IMAGES,
        targets_file=directory(PACKED_TARGETS) if VOLUMES else PACKED_TARGETS,
        placement_table=f"{PACK}/placement.tsv",
    log:
        f"{LOGS}/pack/{{recipe}}.log",
    benchmark:
        f"{TIMES}/pack/{{recipe}}.tsv"
    conda:
        "../envs/imaging.yaml"
    threads: 4 if VOLUMES else 1
    resources:
        mem_mb=4000 if VOLUMES else 2000,
    params:
        **PACKED_AS,
        code=code("pack_volumes.py" if VOLUMES else "pack.py"),
        inputs=lookup(within={r: EXPERIMENT.inputs(r) for r in RECIPES}, dpath="{recipe}"),
        classes=max(1, len(CLASSES)),
        overlapping=lookup(within=config, dpath="overlapping"),
    script:
        "../scripts/pack_volumes.py" if VOLUMES else "../scripts/pack.py"
