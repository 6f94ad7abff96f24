# Compares the losses: tables beside the published ones, and the figures of the results.


rule compare:
    input:
        metrics=collect(f"{RESULTS}/metrics/{{recipe}}/{{loss}}.tsv", recipe=RECIPES, loss=LOSSES),
        background=f"{RESULTS}/metrics/background.tsv",
    output:
        summary_file=report(
            f"{RESULTS}/tables/summary.tsv",
            caption="../report/summary.rst",
            category="4. Results",
            subcategory="Tables",
            labels={"table": "Summary, one line a recipe and loss"},
        ),
        table2_file=report(
            f"{RESULTS}/tables/table2.tsv",
            caption="../report/table2.rst",
            category="4. Results",
            subcategory="Tables",
            labels={"table": "Table 2, every fold, beside the published one"},
        ),
        table3_file=report(
            f"{RESULTS}/tables/table3.tsv",
            caption="../report/table3.rst",
            category="4. Results",
            subcategory="Tables",
            labels={"table": "Table 3, Hausdorff distance"},
        ),
        published_check_file=report(
            f"{RESULTS}/tables/published_check.tsv",
            caption="../report/published_check.rst",
            category="5. Published study",
            labels={"table": "Published means recomputed"},
        ),
        table_checks_file=report(
            f"{RESULTS}/tables/table_checks.tsv",
            caption="../report/table_checks.rst",
            category="5. Published study",
            labels={"table": "Arithmetic checks, ours and published"},
        ),
    log:
        f"logs/{config['experiment']}/compare.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        code=code("compare.py"),
    script:
        "../scripts/compare.py"


rule show_results:
    input:
        metrics=collect(f"{RESULTS}/metrics/{{recipe}}/{{loss}}.tsv", recipe=RECIPES, loss=LOSSES),
        background=f"{RESULTS}/metrics/background.tsv",
    output:
        bars_svg=report(
            f"{RESULTS}/figures/fig4.svg",
            caption="../report/fig4.rst",
            category="4. Results",
            subcategory="Figures",
            labels={"figure": "Fig. 4, precision, F1 and recall"},
        ),
        cases_svg=report(
            f"{RESULTS}/figures/dice_by_case.svg",
            caption="../report/cases.rst",
            category="4. Results",
            subcategory="Figures",
            labels={"figure": "Dice of every test case"},
        ),
    log:
        f"logs/{config['experiment']}/show_results.log",
    benchmark:
        f"{RESULTS}/benchmarks/show_results.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1500,
    params:
        code=code("show_results.py"),
    script:
        "../scripts/show_results.py"


rule describe:
    input:
        cases_table=f"{RESULTS}/cases.tsv",
        folds_table=f"{RESULTS}/folds.tsv",
        settings_files=collect(
            f"{RESULTS}/models/{{recipe}}/{{loss}}/fold-{{fold}}/settings.yaml",
            recipe=RECIPES,
            loss=LOSSES,
            fold=FOLDS,
        ),
        benchmarks=[
            f"{RESULTS}/benchmarks/import_cases.tsv",
            f"{RESULTS}/benchmarks/skull_strip.tsv",
            f"{RESULTS}/benchmarks/compare_strips.tsv",
            f"{RESULTS}/benchmarks/rasterize.tsv",
            f"{RESULTS}/benchmarks/split.tsv",
            f"{RESULTS}/benchmarks/compare.tsv",
            f"{RESULTS}/benchmarks/show_data.tsv",
            f"{RESULTS}/benchmarks/show_results.tsv",
            *collect(f"{RESULTS}/benchmarks/pack/{{recipe}}.tsv", recipe=RECIPES),
            *collect(
                f"{RESULTS}/benchmarks/train/{{recipe}}/{{loss}}/fold-{{fold}}.tsv",
                recipe=RECIPES,
                loss=LOSSES,
                fold=FOLDS,
            ),
            *collect(
                f"{RESULTS}/benchmarks/{{stage}}/{{recipe}}/{{loss}}.tsv",
                stage=["predict", "measure"],
                recipe=RECIPES,
                loss=LOSSES,
            ),
        ],
    output:
        run_table=report(
            f"{RESULTS}/tables/run.tsv",
            caption="../report/run.rst",
            category="0. What was run",
            labels={"table": "Data, folds, recipes, versions"},
        ),
        cost_table=report(
            f"{RESULTS}/tables/cost.tsv",
            caption="../report/cost.rst",
            category="6. Cost",
            labels={"table": "Seconds and memory by stage"},
        ),
        loss_cost_table=report(
            f"{RESULTS}/tables/loss_cost.tsv",
            caption="../report/loss_cost.rst",
            category="6. Cost",
            labels={"table": "Training seconds by loss"},
        ),
    log:
        f"{LOGS}/describe.log",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        code=code("describe.py"),
    script:
        "../scripts/describe.py"
