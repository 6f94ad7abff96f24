# The outside data, predicted by all trainings of each loss together, and measured.

OUTSIDE_PREDICTIONS = f"{EXTERNAL}/predictions/{{recipe}}/{{loss}}"
OUTSIDE_METRICS = f"{EXTERNAL}/metrics/{{recipe}}/{{loss}}"


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
