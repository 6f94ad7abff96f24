# Measures the predictions against the masks at native size, and shows each recipe.


# Without classes of several, these add no params, so that older results stay.
CLASSES_MEASURED = (
    {
        "classes": CLASSES,
        "exclusive": not config["overlapping"],
        "mean": EXPERIMENT.primary_class == "mean",
    }
    if CLASSES
    else {}
)


rule measure:
    input:
        predictions=collect(PREDICTIONS, **TRAININGS, allow_missing=True),
        masks_dir=f"{RESULTS}/masks",
        cases_table=f"{RESULTS}/cases.tsv",
        folds_table=f"{RESULTS}/folds.tsv",
    output:
        **({"classes_table": f"{METRICS}.classes.tsv"} if CLASSES else {}),
        **({"class_thresholds_table": CLASS_THRESHOLDS} if OVERLAPPING else {}),
        metrics_table=f"{METRICS}.tsv",
        thresholds_table=f"{METRICS}.thresholds.tsv",
        reliability_table=f"{METRICS}.reliability.tsv",
        page=shown(
            "metrics/{recipe}/{loss}.html",
            "4. Results",
            "every test case",
            caption="metrics",
            subcategory="Every test case",
            recipe="{recipe}",
            loss="{loss}",
        ),
    log:
        f"{LOGS}/measure/{{recipe}}/{{loss}}.log",
    benchmark:
        f"{TIMES}/measure/{{recipe}}/{{loss}}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
    params:
        **CLASSES_MEASURED,
        code=code("measure.py"),
        recipe="{recipe}",
        loss="{loss}",
        threshold=lookup(within=config, dpath="measure/threshold"),
        tolerances_px=lookup(within=config, dpath="measure/tolerances_px"),
    script:
        "../scripts/measure.py"


rule measure_background:
    input:
        masks_dir=f"{RESULTS}/masks",
        cases_table=f"{RESULTS}/cases.tsv",
        folds_table=f"{RESULTS}/folds.tsv",
    output:
        metrics_table=f"{RESULTS}/metrics/background.tsv",
    log:
        f"{LOGS}/measure_background.log",
    benchmark:
        f"{TIMES}/measure_background.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
    params:
        code=code("measure_background.py"),
        threshold=lookup(within=config, dpath="measure/threshold"),
        tolerances_px=lookup(within=config, dpath="measure/tolerances_px"),
    script:
        "../scripts/measure_background.py"


rule show_recipe:
    input:
        histories=of_losses(f"{MODEL}/history.tsv", **TRAININGS),
        metrics=of_losses(f"{METRICS}.tsv"),
        predictions=of_losses(PREDICTIONS, seed=SEEDS[0], fold=FOLDS),
        cases_dir=f"{RESULTS}/cases",
        masks_dir=f"{RESULTS}/masks",
    output:
        predictions_svg=shown(
            "figures/fig5/{recipe}.svg",
            "4. Results",
            "Fig. 5, predictions ({recipe})",
            caption="fig5",
            subcategory="Figures",
        ),
        curves_svg=shown(
            "figures/training_curves/{recipe}.svg",
            "3. Training",
            "Training curves ({recipe})",
            caption="curves",
        ),
    log:
        f"{LOGS}/show_recipe/{{recipe}}.log",
    benchmark:
        f"{TIMES}/show_recipe/{{recipe}}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(1500),
    params:
        code=code("show_recipe.py"),
        recipe="{recipe}",
        reference_loss=lookup(within=config, dpath="reference_loss"),
        threshold=lookup(within=config, dpath="measure/threshold"),
    script:
        "../scripts/show_recipe.py"
