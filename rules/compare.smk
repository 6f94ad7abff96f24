# Compares the losses: tables beside the published ones, and the figures of the results.


rule compare:
    input:
        metrics=collect(f"{RESULTS}/metrics/{{recipe}}/{{loss}}.tsv", recipe=RECIPES, loss=LOSSES),
        background=f"{RESULTS}/metrics/background.tsv",
    output:
        tables=collect(
            f"{RESULTS}/tables/{{name}}.tsv",
            name=["summary", "table2", "table3", "audit"],
        ),
        pages=[
            report(
                f"{RESULTS}/tables/summary.html",
                caption="../report/summary.rst",
                category="4. Results",
                subcategory="Tables",
                labels={"table": "Summary, one line a recipe and loss"},
            ),
            report(
                f"{RESULTS}/tables/table2.html",
                caption="../report/table2.rst",
                category="4. Results",
                subcategory="Tables",
                labels={"table": "Table 2, every fold, beside the published one"},
            ),
            report(
                f"{RESULTS}/tables/table3.html",
                caption="../report/table3.rst",
                category="4. Results",
                subcategory="Tables",
                labels={"table": "Table 3, Hausdorff distance"},
            ),
            report(
                f"{RESULTS}/tables/audit.html",
                caption="../report/audit.rst",
                category="6. Audit",
                labels={"table": "Audit of our tables and of the published ones"},
            ),
        ],
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
