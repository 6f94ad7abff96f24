# What the outside data say: tables, a figure, and sentences for the first pages.

OUTSIDE_WORDS = f"{EXTERNAL}/answer.rst"
OUTSIDE_SHOWN = {"category": "5. Statistics", "subcategory": "Outside data"}
OUTSIDE_TABLES = {
    "external": "Outside data: every loss, and its drop",
    "external_contrasts": "Outside data: every pair of losses",
    "external_subgroups": "Outside data: subgroups",
}


rule analyse_external:
    input:
        # Stops the run where the outside data are among the inside ones.
        f"{EXTERNAL}/sources.tsv",
        metrics=of_set_ups(f"{METRICS}.tsv"),
        thresholds_tables=of_set_ups(f"{METRICS}.thresholds.tsv"),
        external_metrics=of_set_ups(f"{OUTSIDE_METRICS}.tsv"),
        members_tables=of_set_ups(f"{OUTSIDE_METRICS}.members.tsv"),
        cases_table=f"{EXTERNAL}/cases.tsv",
        masks_table=f"{EXTERNAL}/masks.tsv",
    output:
        tables=collect(f"{RESULTS}/tables/{{name}}.tsv", name=OUTSIDE_TABLES),
        pages=[reported(name, item=item, **OUTSIDE_SHOWN) for name, item in OUTSIDE_TABLES.items()],
    log:
        f"{LOGS}/external/analyse.log",
    benchmark:
        f"{TIMES}/external/analyse.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
    params:
        code=code("analyse_external.py"),
        recipe=RECIPES[0],
        reference_loss=lookup(within=config, dpath="reference_loss"),
        resamples=lookup(within=config, dpath="statistics/resamples"),
        seed=lookup(within=config, dpath="seed"),
        margin=lookup(within=config, dpath="statistics/margin"),
        of=EXPERIMENT.asked_about,
    script:
        "../scripts/analyse_external.py"


rule show_external:
    input:
        external_table=f"{RESULTS}/tables/external.tsv",
        external_contrasts_table=f"{RESULTS}/tables/external_contrasts.tsv",
        contrasts_table=f"{RESULTS}/tables/contrasts.tsv",
        ranking_table=f"{RESULTS}/tables/ranking.tsv",
    output:
        drawn("outside"),
        words_file=OUTSIDE_WORDS,
        outside_svg=shown(
            "figures/outside.svg", item="Outside data: Dice, and differences", **OUTSIDE_SHOWN
        ),
    log:
        f"{LOGS}/external/show.log",
    benchmark:
        f"{TIMES}/external/show.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
    params:
        code=code("show_external.py"),
        recipe=RECIPES[0],
        reference_loss=lookup(within=config, dpath="reference_loss"),
        margin=lookup(within=config, dpath="statistics/margin"),
    script:
        "../scripts/show_external.py"
