# Compares the losses: tables with the published values, figures, and a page of every test case.

RESULT = {"category": "4. Results", "subcategory": "Tables"}
FIGURE = {"category": "4. Results", "subcategory": "Figures"}


rule compare:
    input:
        metrics=of_set_ups(f"{METRICS}.tsv"),
        background=f"{RESULTS}/metrics/background.tsv",
    output:
        tables=collect(
            f"{RESULTS}/tables/{{name}}.tsv",
            name=["summary", "table2", "table3", "audit"],
        ),
        pages=[
            reported("summary", item="Summary, one row per recipe and loss", **RESULT),
            reported("table2", item="Table 2, every fold, with the published one", **RESULT),
            reported("table3", item="Table 3, Hausdorff distance", **RESULT),
            reported("audit", "6. Audit", "Audit of our tables and of the published ones"),
        ],
    log:
        f"{LOGS}/compare.log",
    benchmark:
        f"{TIMES}/compare.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
    params:
        code=code("compare.py"),
    script:
        "../scripts/compare.py"


rule show_results:
    input:
        metrics=of_set_ups(f"{METRICS}.tsv"),
        background=f"{RESULTS}/metrics/background.tsv",
    output:
        bars_svg=shown("figures/fig4.svg", item="Fig. 4, precision, F1 and recall", **FIGURE),
        cases_svg=shown(
            "figures/dice_by_case.svg", item="Dice of every test case", caption="cases", **FIGURE
        ),
    log:
        f"{LOGS}/show_results.log",
    benchmark:
        f"{TIMES}/show_results.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
    params:
        code=code("show_results.py"),
    script:
        "../scripts/show_results.py"


rule show_cases:
    input:
        **({"cases_table": f"{RESULTS}/cases.tsv"} if VOLUMES else {}),
        metrics=of_set_ups(f"{METRICS}.tsv"),
        predictions=of_set_ups(PREDICTIONS, seed=SEEDS[0], fold=FOLDS),
        cases_dir=f"{RESULTS}/cases",
        masks_dir=f"{RESULTS}/masks",
    output:
        # A page to look through each volume, opened from the page of all cases.
        **({"volumes_dir": directory(f"{RESULTS}/figures/volumes")} if VOLUMES else {}),
        page=shown(
            "figures/cases.html",
            "4. Results",
            "Every test case, worst first",
            caption="case_browser",
            subcategory="Cases",
        ),
    log:
        f"{LOGS}/show_cases.log",
    benchmark:
        f"{TIMES}/show_cases.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
    params:
        **(
            {
                "classes": CLASSES or ["tumour"],
                "exclusive": bool(CLASSES) and not config["overlapping"],
            }
            if VOLUMES or CLASSES
            else {}
        ),
        code=code("show_volumes.py" if VOLUMES else "show_cases.py"),
        reference_loss=lookup(within=config, dpath="reference_loss"),
        threshold=lookup(within=config, dpath="measure/threshold"),
    script:
        "../scripts/show_volumes.py" if VOLUMES else "../scripts/show_cases.py"
