# The outside data, by the same rules as the inside ones: imported, stripped, rasterized, packed.

OUTSIDE_IMAGES, OUTSIDE_TARGETS = map(of_outside, (PACKED_IMAGES, PACKED_TARGETS))

if DOWNLOADED_OUTSIDE:

    use rule download as download_external with:
        output:
            downloaded=DOWNLOADED_OUTSIDE,
        log:
            local(f"{EXTERNAL_LOCAL}/download.log"),
        params:
            code=with_source("download.py", OUTSIDE),
            kind=OUTSIDE.source["kind"],
            data_dir=OUTSIDE.config["data_dir"],


# Before packing and training, so that data that cannot be used stop the run early.
use rule import_cases as import_cases_external with:
    input:
        DOWNLOADED_OUTSIDE,
    output:
        cases_table=f"{EXTERNAL}/cases.tsv",
        cases_dir=directory(f"{EXTERNAL}/cases"),
        annotations_dir=directory(f"{EXTERNAL}/annotations"),
        true_brain_dir=directory(f"{EXTERNAL}/true_brain"),
    log:
        local(f"{EXTERNAL_LOCAL}/import_cases.log"),
    benchmark:
        f"{TIMES}/external/import_cases.tsv"
    priority: 100
    params:
        code=outside_import_code,
        sources=outside_digest,
        source=OUTSIDE.source,
        local_dir=EXTERNAL_LOCAL,
        data_dir=OUTSIDE.config["data_dir"],
        seed=OUTSIDE.config["seed"],
        trains=False,


rule compare_sources:
    input:
        cases_table=f"{RESULTS}/cases.tsv",
        cases_dir=f"{RESULTS}/cases",
        external_table=f"{EXTERNAL}/cases.tsv",
        external_dir=f"{EXTERNAL}/cases",
    output:
        sources_table=f"{EXTERNAL}/sources.tsv",
    log:
        f"{LOGS}/external/compare_sources.log",
    benchmark:
        f"{TIMES}/external/compare_sources.tsv"
    priority: 100
    conda:
        "../envs/imaging.yaml"
    threads: 4
    resources:
        mem_mb=memory(1000),
    params:
        code=code("compare_sources.py"),
    script:
        "../scripts/compare_sources.py"


use rule skull_strip as skull_strip_external with:
    input:
        f"{EXTERNAL}/true_brain",
        cases_table=f"{EXTERNAL}/cases.tsv",
        cases_dir=f"{EXTERNAL}/cases",
    output:
        strip_table=f"{EXTERNAL}/strip.tsv",
        brain_dir=directory(f"{EXTERNAL}/brain"),
        stripped_dir=directory(f"{EXTERNAL}/stripped"),
    log:
        f"{LOGS}/external/skull_strip.log",
    benchmark:
        f"{TIMES}/external/skull_strip.tsv"


use rule rasterize as rasterize_external with:
    input:
        cases_table=f"{EXTERNAL}/cases.tsv",
        annotations_dir=f"{EXTERNAL}/annotations",
        stripped_dir=f"{EXTERNAL}/stripped",
        cases_dir=f"{EXTERNAL}/cases",
        brain_dir=f"{EXTERNAL}/brain",
    output:
        masks_table=f"{EXTERNAL}/masks.tsv",
        masks_dir=directory(f"{EXTERNAL}/masks"),
    log:
        f"{LOGS}/external/rasterize.log",
    benchmark:
        f"{TIMES}/external/rasterize.tsv"


use rule pack as pack_external with:
    input:
        cases_table=f"{EXTERNAL}/cases.tsv",
        stripped_dir=f"{EXTERNAL}/stripped",
        masks_dir=f"{EXTERNAL}/masks",
    output:
        images_file=directory(OUTSIDE_IMAGES) if VOLUMES else OUTSIDE_IMAGES,
        targets_file=directory(OUTSIDE_TARGETS) if VOLUMES else OUTSIDE_TARGETS,
        placement_table=f"{EXTERNAL}/pack/{{recipe}}/placement.tsv",
    log:
        f"{LOGS}/external/pack/{{recipe}}.log",
    benchmark:
        f"{TIMES}/external/pack/{{recipe}}.tsv"
