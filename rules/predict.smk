# Exports a model and predicts new images with it; only when asked for, not part of `all`.

MODEL_TRAININGS = {"recipe": RECIPES[0], "loss": LOSSES, **TRAININGS}


rule export_model:
    input:
        **(
            {"class_thresholds_table": f"{RESULTS}/tables/class_thresholds.tsv"}
            if OVERLAPPING
            else {}
        ),
        settings_files=collect(f"{MODEL}/settings.yaml", **MODEL_TRAININGS),
        weights=collect(f"{MODEL}/model.weights.h5", **MODEL_TRAININGS),
        ranking_table=f"{RESULTS}/tables/ranking.tsv",
        thresholds_table=f"{RESULTS}/tables/thresholds.tsv",
        cases_table=f"{RESULTS}/cases.tsv",
    output:
        model_dir=directory(f"{RESULTS}/model"),
    log:
        f"{LOGS}/export_model.log",
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
    params:
        code=code("export_model.py"),
        experiment=config["experiment"],
        recipe=RECIPES[0],
        settings=lookup(within=config, dpath=f"recipes/{RECIPES[0]}"),
        losses=LOSSES,
        model_loss=lookup(within=config, dpath="model_loss"),
        network=NETWORKS[RECIPES[0]],
        skull_strip=lookup(within=config, dpath="skull_strip/method"),
        threshold=lookup(within=config, dpath="measure/threshold"),
        labels=EXPERIMENT.class_labels,
        classes=config.get("classes", {}),
        primary_class=EXPERIMENT.primary_class,
        channels=EXPERIMENT.channels,
        inputs=EXPERIMENT.inputs(RECIPES[0]),
    script:
        "../scripts/export_model.py"


# Without an output the rule always runs (the script skips unchanged images), and the names of
# images stay out of Snakemake's own records.
rule predict:
    input:
        model_dir=f"{RESULTS}/model" if config["images"] and not config["model"] else [],
    log:
        local(f"{LOCAL}/predict.log"),
    localrule: STORED
    conda:
        TRAINING
    threads: config["training"]["threads"]
    resources:
        **gpus(),
        mem_mb=memory(3000),
    params:
        code=predict_code,
        model=lookup(within=config, dpath="model"),
        images=lookup(within=config, dpath="images"),
        local_dir=LOCAL,
        threads=lookup(within=config, dpath="training/threads"),
        wanted_device=lookup(within=config, dpath="training/device"),
        backend=lookup(within=config, dpath="training/backend"),
    script:
        "../scripts/predict.py"
