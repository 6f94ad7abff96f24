# The statistics of the comparison, and their figures.

STATISTICS = {
    "verdicts": "What is claimed: better, worse, equivalent, undecided",
    "contrasts": "Every pair of losses, tested",
    "ranking": "Ranking",
    "thresholds": "Thresholds chosen on validation cases",
    "calibration": "Calibration",
    "variances": "Where the scores vary",
    "subgroups": "Subgroups",
    "interactions": "Do differences depend on the subgroup?",
    "distribution": "Every metric: mean, quantiles, undefined",
}
if len(RECIPES) > 1:
    STATISTICS["recipes"] = "Every pair of recipes, tested"
if CLASSES:
    STATISTICS["classes"] = "Every class by itself"
if OVERLAPPING:
    STATISTICS["class_thresholds"] = "Thresholds of every class"
STATISTIC = {"category": "5. Statistics", "subcategory": "Figures"}


rule analyse:
    input:
        metrics=of_set_ups(f"{METRICS}.tsv"),
        thresholds_tables=of_set_ups(f"{METRICS}.thresholds.tsv"),
        reliability_tables=of_set_ups(f"{METRICS}.reliability.tsv"),
        classes_tables=of_set_ups(f"{METRICS}.classes.tsv") if CLASSES else [],
        class_thresholds_tables=of_set_ups(CLASS_THRESHOLDS) if OVERLAPPING else [],
        cases_table=f"{RESULTS}/cases.tsv",
        masks_table=f"{RESULTS}/masks.tsv",
        settings_files=of_set_ups(f"{MODEL}/settings.yaml", **TRAININGS),
        convergence_table=f"{RESULTS}/tables/convergence.tsv",
    output:
        answer_file=f"{RESULTS}/answer.rst",
        tables=collect(f"{RESULTS}/tables/{{name}}.tsv", name=STATISTICS),
        pages=[
            reported(name, STATISTIC["category"], item, subcategory="Tables")
            for name, item in STATISTICS.items()
        ],
    log:
        f"{LOGS}/analyse.log",
    benchmark:
        f"{TIMES}/analyse.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
    params:
        code=code("analyse.py"),
        recipe=RECIPES[0],
        reference_loss=lookup(within=config, dpath="reference_loss"),
        resamples=lookup(within=config, dpath="statistics/resamples"),
        seed=lookup(within=config, dpath="seed"),
        margin=lookup(within=config, dpath="statistics/margin"),
        of=EXPERIMENT.asked_about,
    script:
        "../scripts/analyse.py"


rule show_statistics:
    input:
        metrics=rules.analyse.input.metrics,
        thresholds_tables=rules.analyse.input.thresholds_tables,
        reliability_tables=rules.analyse.input.reliability_tables,
        contrasts_table=f"{RESULTS}/tables/contrasts.tsv",
        verdicts_table=f"{RESULTS}/tables/verdicts.tsv",
        ranking_table=f"{RESULTS}/tables/ranking.tsv",
        chosen_table=f"{RESULTS}/tables/thresholds.tsv",
        calibration_table=f"{RESULTS}/tables/calibration.tsv",
        subgroups_table=f"{RESULTS}/tables/subgroups.tsv",
    output:
        drawn("forest", "paired", "ranking", "balance", "size"),
        drawn("thresholds", "reliability", "subgroups"),
        forest_svg=shown("figures/forest.svg", item="Each loss against the reference", **STATISTIC),
        paired_svg=shown(
            "figures/paired.svg", item="Dice of every patient with every loss", **STATISTIC
        ),
        ranking_svg=shown(
            "figures/ranking.svg",
            item="Ranks of the losses",
            caption="ranks",
            **STATISTIC,
        ),
        balance_svg=shown("figures/balance.svg", item="Precision against recall", **STATISTIC),
        size_svg=shown("figures/size.svg", item="Dice against tumour size", **STATISTIC),
        thresholds_svg=shown(
            "figures/thresholds.svg",
            item="Dice against the threshold",
            caption="threshold_curves",
            **STATISTIC,
        ),
        reliability_svg=shown(
            "figures/reliability.svg", item="Reliability of the probabilities", **STATISTIC
        ),
        subgroups_svg=shown(
            "figures/subgroups.svg",
            item="Dice by subgroup",
            caption="subgroup_figure",
            **STATISTIC,
        ),
    log:
        f"{LOGS}/show_statistics.log",
    benchmark:
        f"{TIMES}/show_statistics.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
    params:
        code=code("show_statistics.py"),
        recipe=RECIPES[0],
        reference_loss=lookup(within=config, dpath="reference_loss"),
        threshold=lookup(within=config, dpath="measure/threshold"),
        margin=lookup(within=config, dpath="statistics/margin"),
    script:
        "../scripts/show_statistics.py"
