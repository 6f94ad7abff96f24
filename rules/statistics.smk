# The statistics of the comparison, and their figures.


rule analyse:
    input:
        metrics=collect(f"{RESULTS}/metrics/{{recipe}}/{{loss}}.tsv", recipe=RECIPES, loss=LOSSES),
        thresholds_tables=collect(
            f"{RESULTS}/metrics/{{recipe}}/{{loss}}.thresholds.tsv", recipe=RECIPES, loss=LOSSES
        ),
        reliability_tables=collect(
            f"{RESULTS}/metrics/{{recipe}}/{{loss}}.reliability.tsv", recipe=RECIPES, loss=LOSSES
        ),
        cases_table=f"{RESULTS}/cases.tsv",
        masks_table=f"{RESULTS}/masks.tsv",
        settings_files=rules.describe.input.settings_files,
    output:
        answer_file=f"{RESULTS}/answer.rst",
        tables=collect(f"{RESULTS}/tables/{{name}}.tsv", name=STATISTICS),
        pages=[
            report(
                f"{RESULTS}/tables/{name}.html",
                caption=f"../report/{name}.rst",
                category="5. Statistics",
                subcategory="Tables",
                labels={"item": label},
            )
            for name, label in STATISTICS.items()
        ],
    log:
        f"{LOGS}/analyse.log",
    benchmark:
        f"{RESULTS}/benchmarks/analyse.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1500,
    params:
        code=code("analyse.py"),
        recipe=RECIPES[0],
        reference_loss=lookup(within=config, dpath="reference_loss"),
        resamples=lookup(within=config, dpath="statistics/resamples"),
        seed=lookup(within=config, dpath="seed"),
    script:
        "../scripts/analyse.py"


rule show_statistics:
    input:
        metrics=rules.analyse.input.metrics,
        thresholds_tables=rules.analyse.input.thresholds_tables,
        reliability_tables=rules.analyse.input.reliability_tables,
        contrasts_table=f"{RESULTS}/tables/contrasts.tsv",
        ranking_table=f"{RESULTS}/tables/ranking.tsv",
        chosen_table=f"{RESULTS}/tables/thresholds.tsv",
        calibration_table=f"{RESULTS}/tables/calibration.tsv",
        subgroups_table=f"{RESULTS}/tables/subgroups.tsv",
    output:
        forest_svg=report(
            f"{RESULTS}/figures/forest.svg",
            caption="../report/forest.rst",
            category="5. Statistics",
            subcategory="Figures",
            labels={"item": "Each loss against the reference"},
        ),
        paired_svg=report(
            f"{RESULTS}/figures/paired.svg",
            caption="../report/paired.rst",
            category="5. Statistics",
            subcategory="Figures",
            labels={"item": "Every patient under every loss"},
        ),
        ranking_svg=report(
            f"{RESULTS}/figures/ranking.svg",
            caption="../report/ranks.rst",
            category="5. Statistics",
            subcategory="Figures",
            labels={"item": "Ranks and how steady they are"},
        ),
        balance_svg=report(
            f"{RESULTS}/figures/balance.svg",
            caption="../report/balance.rst",
            category="5. Statistics",
            subcategory="Figures",
            labels={"item": "Precision against recall"},
        ),
        size_svg=report(
            f"{RESULTS}/figures/size.svg",
            caption="../report/size.rst",
            category="5. Statistics",
            subcategory="Figures",
            labels={"item": "Dice against tumour size"},
        ),
        thresholds_svg=report(
            f"{RESULTS}/figures/thresholds.svg",
            caption="../report/threshold_curves.rst",
            category="5. Statistics",
            subcategory="Figures",
            labels={"item": "Dice against the threshold"},
        ),
        reliability_svg=report(
            f"{RESULTS}/figures/reliability.svg",
            caption="../report/reliability.rst",
            category="5. Statistics",
            subcategory="Figures",
            labels={"item": "Reliability of the probabilities"},
        ),
        subgroups_svg=report(
            f"{RESULTS}/figures/subgroups.svg",
            caption="../report/subgroup_figure.rst",
            category="5. Statistics",
            subcategory="Figures",
            labels={"item": "Dice by plane, type, size and smoothness"},
        ),
    log:
        f"{LOGS}/show_statistics.log",
    benchmark:
        f"{RESULTS}/benchmarks/show_statistics.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1500,
    params:
        code=code("show_statistics.py"),
        recipe=RECIPES[0],
        reference_loss=lookup(within=config, dpath="reference_loss"),
        threshold=lookup(within=config, dpath="measure/threshold"),
        resamples=lookup(within=config, dpath="statistics/resamples"),
        seed=lookup(within=config, dpath="seed"),
    script:
        "../scripts/show_statistics.py"
