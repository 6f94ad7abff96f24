# Divides the patients into folds, and shows the data: slices, annotations, stripping, folds.


rule split:
    input:
        # Without folds.by, no input more, so that older results stay.
        **({"cases_table": f"{RESULTS}/cases.tsv"} if BY_SITE else {}),
        masks_table=f"{RESULTS}/masks.tsv",
    output:
        folds_table=f"{RESULTS}/folds.tsv",
    log:
        f"{LOGS}/split.log",
    benchmark:
        f"{TIMES}/split.tsv"
    # Before packing, so that the plan is printed early.
    priority: 100
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
    params:
        code=code("split.py"),
        fold_count=lookup(within=config, dpath="folds/count"),
        test_patients=config["folds"].get("test_patients", 0),
        validation_share=lookup(within=config, dpath="folds/validation_share"),
        seed=lookup(within=config, dpath="seed"),
    script:
        "../scripts/split.py"


DATA, STRIPPING = "1. Data", "2. Skull stripping"


rule show_data:
    input:
        cases_dir=f"{RESULTS}/cases",
        stripped_dir=f"{RESULTS}/stripped",
        brain_dir=f"{RESULTS}/brain",
        masks_dir=f"{RESULTS}/masks",
        masks_table=f"{RESULTS}/masks.tsv",
        strip_methods_table=f"{RESULTS}/strip_methods.tsv",
        folds_table=f"{RESULTS}/folds.tsv",
    output:
        drawn("fig2", "figS1", "fig3", "skull_stripping"),
        annotation_svg=shown("figures/fig2.svg", DATA, "Fig. 2, annotation to mask"),
        ratio_svg=shown("figures/figS1.svg", DATA, "Fig. S1, tumour to brain ratio"),
        strip_svg=shown("figures/fig3.svg", STRIPPING, "Fig. 3, skull stripping"),
        strip_methods_svg=shown(
            "figures/skull_stripping.svg",
            STRIPPING,
            "Share of each tumour kept, by method",
            caption="strip_methods",
        ),
        tables=collect(
            f"{RESULTS}/tables/{{name}}.tsv",
            name=["tumour_brain_ratio", "folds", "skull_stripping", "harmed_cases"],
        ),
        pages=[
            reported(
                "tumour_brain_ratio", DATA, "Tumour to brain ratio (table)", caption="ratios"
            ),
            reported("folds", DATA, "Folds (table)"),
            reported("skull_stripping", STRIPPING, "Methods compared (table)"),
            reported("harmed_cases", STRIPPING, "Warnings: harmed cases (table)"),
        ],
    log:
        f"{LOGS}/show_data.log",
    benchmark:
        f"{TIMES}/show_data.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
    params:
        code=code("show_data.py"),
        method=lookup(within=config, dpath="skull_strip/method"),
        large_ratio=lookup(within=config, dpath="masks/large_ratio"),
    script:
        "../scripts/show_data.py"
