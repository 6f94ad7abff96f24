# Trains the network: recipe x loss x seed x fold; and predicts each fold's own cases.


rule train:
    input:
        images_file=packed(PACKED_IMAGES),
        targets_file=packed(PACKED_TARGETS),
        placement_table=packed(f"{PACK}/placement.tsv"),
        folds_table=f"{RESULTS}/folds.tsv",
        registration=REGISTRATION,
        best_file=tuned,
    output:
        weights_file=f"{MODEL}/model.weights.h5",
        history_table=f"{MODEL}/history.tsv",
        settings_file=f"{MODEL}/settings.yaml",
    log:
        f"{LOGS}/train/{{recipe}}/{{loss}}/seed-{{seed}}/fold-{{fold}}.log",
    benchmark:
        f"{TIMES}/train/{{recipe}}/{{loss}}/seed-{{seed}}/fold-{{fold}}.tsv"
    conda:
        TRAINING
    # A fixed number, so that --cores 1 and --cores 8 give the same bytes.
    threads: config["training"]["threads"]
    resources:
        **gpus(),
        mem_mb=memory(3000),
    params:
        code=with_one_loss("train.py"),
        job=training_job,
    script:
        "../scripts/train.py"


rule predict_cases:
    input:
        **({"cases_dir": f"{RESULTS}/cases"} if VOLUMES else {}),
        images_file=packed(PACKED_IMAGES),
        placement_table=packed(f"{PACK}/placement.tsv"),
        folds_table=f"{RESULTS}/folds.tsv",
        weights=collect(f"{MODEL}/model.weights.h5", **TRAININGS, allow_missing=True),
        settings_files=collect(f"{MODEL}/settings.yaml", **TRAININGS, allow_missing=True),
    output:
        predictions=directory(collect(PREDICTIONS, **TRAININGS, allow_missing=True)),
    log:
        f"{LOGS}/predict_cases/{{recipe}}/{{loss}}.log",
    benchmark:
        f"{TIMES}/predict_cases/{{recipe}}/{{loss}}.tsv"
    conda:
        TRAINING
    threads: config["training"]["threads"]
    resources:
        **gpus(),
        mem_mb=memory(2500),
    params:
        code=with_network("predict_cases.py"),
        settings=lookup(within=config, dpath="recipes/{recipe}"),
        network=lookup(within=NETWORKS, dpath="{recipe}"),
        seed=lookup(within=config, dpath="seed"),
        threads=lookup(within=config, dpath="training/threads"),
        wanted_device=lookup(within=config, dpath="training/device"),
        backend=lookup(within=config, dpath="training/backend"),
    script:
        "../scripts/predict_cases.py"
