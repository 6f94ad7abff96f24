# The outside data, predicted by all trainings of each loss together, measured and analysed.

OUTSIDE_PREDICTIONS = f"{EXTERNAL}/predictions/{{recipe}}/{{loss}}"
OUTSIDE_METRICS = f"{EXTERNAL}/metrics/{{recipe}}/{{loss}}"
OUTSIDE_SHOWN = {"category": "5. Statistics", "subcategory": "Outside data"}
OUTSIDE_TABLES = {
    "external": "Outside data: every loss, and its drop",
    "external_contrasts": "Outside data: every pair of losses",
    "external_subgroups": "Outside data: subgroups",
}


rule predict_external:
    input:
        **({"cases_dir": f"{EXTERNAL}/cases"} if VOLUMES else {}),
        images_file=packed(OUTSIDE_IMAGES),
        placement_table=packed(f"{EXTERNAL}/pack/{{recipe}}/placement.tsv"),
        weights=rules.predict_cases.input.weights,
        settings_files=rules.predict_cases.input.settings_files,
    output:
        predictions_dir=directory(OUTSIDE_PREDICTIONS),
    log:
        f"{LOGS}/external/predict/{{recipe}}/{{loss}}.log",
    benchmark:
        f"{TIMES}/external/predict/{{recipe}}/{{loss}}.tsv"
    conda:
        TRAINING
    threads: config["training"]["threads"]
    resources:
        **gpus(),
        mem_mb=memory(3000),
    params:
        code=with_network("predict_external.py"),
        settings=lookup(within=config, dpath="recipes/{recipe}"),
        network=lookup(within=NETWORKS, dpath="{recipe}"),
        seed=lookup(within=config, dpath="seed"),
        threads=lookup(within=config, dpath="training/threads"),
        wanted_device=lookup(within=config, dpath="training/device"),
        backend=lookup(within=config, dpath="training/backend"),
        threshold=lookup(within=config, dpath="measure/threshold"),
    script:
        "../scripts/predict_external.py"


rule measure_external:
    input:
        predictions_dir=OUTSIDE_PREDICTIONS,
        masks_dir=f"{EXTERNAL}/masks",
        cases_table=f"{EXTERNAL}/cases.tsv",
        thresholds_table=f"{METRICS}.thresholds.tsv",
    output:
        metrics_table=f"{OUTSIDE_METRICS}.tsv",
        members_table=f"{OUTSIDE_METRICS}.members.tsv",
    log:
        f"{LOGS}/external/measure/{{recipe}}/{{loss}}.log",
    benchmark:
        f"{TIMES}/external/measure/{{recipe}}/{{loss}}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
    params:
        **CLASSES_MEASURED,
        code=code("measure_external.py"),
        recipe="{recipe}",
        loss="{loss}",
        threshold=lookup(within=config, dpath="measure/threshold"),
        tolerances_px=lookup(within=config, dpath="measure/tolerances_px"),
    script:
        "../scripts/measure_external.py"


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
