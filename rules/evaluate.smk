# Holds the predictions against the native masks, one line a test case, and shows each recipe.


rule measure:
    input:
        predictions=collect(
            f"{RESULTS}/predictions/{{{{recipe}}}}/{{{{loss}}}}/seed-{{seed}}/fold-{{fold}}",
            seed=SEEDS,
            fold=FOLDS,
        ),
        masks_dir=f"{RESULTS}/masks",
        cases_table=f"{RESULTS}/cases.tsv",
        folds_table=f"{RESULTS}/folds.tsv",
    output:
        metrics_table=f"{RESULTS}/metrics/{{recipe}}/{{loss}}.tsv",
        thresholds_table=f"{RESULTS}/metrics/{{recipe}}/{{loss}}.thresholds.tsv",
        reliability_table=f"{RESULTS}/metrics/{{recipe}}/{{loss}}.reliability.tsv",
        page=report(
            f"{RESULTS}/metrics/{{recipe}}/{{loss}}.html",
            caption="../report/metrics.rst",
            category="4. Results",
            subcategory="Every test case",
            labels={"table": "every test case", "recipe": "{recipe}", "loss": "{loss}"},
        ),
    log:
        f"logs/{config['experiment']}/measure/{{recipe}}/{{loss}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure/{{recipe}}/{{loss}}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
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
        f"logs/{config['experiment']}/measure_background.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_background.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        code=code("measure_background.py"),
        threshold=lookup(within=config, dpath="measure/threshold"),
        tolerances_px=lookup(within=config, dpath="measure/tolerances_px"),
    script:
        "../scripts/measure_background.py"


rule show_recipe:
    input:
        histories=collect(
            f"{RESULTS}/models/{{{{recipe}}}}/{{loss}}/seed-{{seed}}/fold-{{fold}}/history.tsv",
            loss=LOSSES,
            seed=SEEDS,
            fold=FOLDS,
        ),
        metrics=collect(f"{RESULTS}/metrics/{{{{recipe}}}}/{{loss}}.tsv", loss=LOSSES),
        predictions=collect(
            f"{RESULTS}/predictions/{{{{recipe}}}}/{{loss}}/seed-{{seed}}/fold-{{fold}}",
            loss=LOSSES,
            seed=SEEDS[0],
            fold=FOLDS,
        ),
        cases_dir=f"{RESULTS}/cases",
        masks_dir=f"{RESULTS}/masks",
    output:
        predictions_svg=report(
            f"{RESULTS}/figures/fig5/{{recipe}}.svg",
            caption="../report/fig5.rst",
            category="4. Results",
            subcategory="Figures",
            labels={"figure": "Fig. 5, predictions ({recipe})"},
        ),
        curves_svg=report(
            f"{RESULTS}/figures/training_curves/{{recipe}}.svg",
            caption="../report/curves.rst",
            category="3. Training",
            labels={"figure": "Training curves ({recipe})"},
        ),
    log:
        f"logs/{config['experiment']}/show_recipe/{{recipe}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/show_recipe/{{recipe}}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1500,
    params:
        code=code("show_recipe.py"),
        recipe="{recipe}",
        reference_loss=lookup(within=config, dpath="reference_loss"),
        threshold=lookup(within=config, dpath="measure/threshold"),
    script:
        "../scripts/show_recipe.py"
