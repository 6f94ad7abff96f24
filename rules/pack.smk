# Cases as the network sees them: slices at network size in one array, volumes in a file each.

PACKED_AS = (
    {
        "volumes": lookup(within=config, dpath="recipes/{recipe}/volumes"),
        "patch": config["network"].get("patch"),
        "organ": lookup(within={r: EXPERIMENT.organ(r) for r in PREPARED}, dpath="{recipe}"),
    }
    if VOLUMES
    else {
        "size_px": lookup(within=config, dpath="network/size_px"),
        "preparation": lookup(within=config, dpath="recipes/{recipe}/preparation"),
    }
)


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
        mem_mb=memory(4000 if VOLUMES else 2000),
    params:
        **PACKED_AS,
        code=code("pack_volumes.py" if VOLUMES else "pack.py"),
        inputs=lookup(within={r: EXPERIMENT.inputs(r) for r in PREPARED}, dpath="{recipe}"),
        classes=max(1, len(CLASSES)),
        overlapping=lookup(within=config, dpath="overlapping"),
    script:
        "../scripts/pack_volumes.py" if VOLUMES else "../scripts/pack.py"
