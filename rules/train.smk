# Training and prediction of every cell: recipe x loss x seed x fold.


# Goes first by priority, not as an input of `train`: an ancient input that has to be made hides
# changed params of the job (Snakemake 9.27), so a recipe with other epochs would not train again.
rule plan:
    input:
        folds_table=f"{RESULTS}/folds.tsv",
    output:
        plan_table=report(
            f"{RESULTS}/plan.tsv",
            caption="../report/plan.rst",
            category="8. Provenance and cost",
            labels={"table": "What was planned"},
        ),
    log:
        f"{LOGS}/plan.log",
    benchmark:
        f"{RESULTS}/benchmarks/plan.tsv"
    priority: 100
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        code=code("plan.py"),
        recipes=plan_recipes,
        searches=searches,
        scopes=len(SCOPES),
        losses=LOSSES,
        seeds=SEEDS,
        network=lookup(within=config, dpath="network"),
        threads=lookup(within=config, dpath="training/threads"),
    script:
        "../scripts/plan.py"


rule train:
    input:
        images_file=f"{RESULTS}/pack/{{recipe}}/images.npy",
        targets_file=f"{RESULTS}/pack/{{recipe}}/targets.npy",
        placement_table=f"{RESULTS}/pack/{{recipe}}/placement.tsv",
        folds_table=f"{RESULTS}/folds.tsv",
        best_file=tuned,
    output:
        weights_file=f"{RESULTS}/models/{{recipe}}/{{loss}}/seed-{{seed}}/fold-{{fold}}/model.weights.h5",
        history_table=f"{RESULTS}/models/{{recipe}}/{{loss}}/seed-{{seed}}/fold-{{fold}}/history.tsv",
        settings_file=f"{RESULTS}/models/{{recipe}}/{{loss}}/seed-{{seed}}/fold-{{fold}}/settings.yaml",
    log:
        f"{LOGS}/train/{{recipe}}/{{loss}}/seed-{{seed}}/fold-{{fold}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{recipe}}/{{loss}}/seed-{{seed}}/fold-{{fold}}.tsv"
    conda:
        "../envs/training.yaml"
    # A fixed number, so that --cores 1 and --cores 8 give the same bytes.
    threads: config["training"]["threads"]
    resources:
        mem_mb=3000,
    params:
        code=train_code,
        recipe="{recipe}",
        settings=lookup(within=config, dpath="recipes/{recipe}"),
        loss="{loss}",
        loss_function=loss_function,
        constants=constants,
        network=lookup(within=config, dpath="network"),
        fold=fold_number,
        seed=training_seed,
        threads=lookup(within=config, dpath="training/threads"),
        wanted_device=lookup(within=config, dpath="training/device"),
        state_dir=f"{RESULTS}/.resume",
    script:
        "../scripts/train.py"


rule predict_cases:
    input:
        images_file=f"{RESULTS}/pack/{{recipe}}/images.npy",
        placement_table=f"{RESULTS}/pack/{{recipe}}/placement.tsv",
        folds_table=f"{RESULTS}/folds.tsv",
        weights=collect(
            f"{RESULTS}/models/{{{{recipe}}}}/{{{{loss}}}}/seed-{{seed}}/fold-{{fold}}/model.weights.h5",
            seed=SEEDS,
            fold=FOLDS,
        ),
        settings_files=collect(
            f"{RESULTS}/models/{{{{recipe}}}}/{{{{loss}}}}/seed-{{seed}}/fold-{{fold}}/settings.yaml",
            seed=SEEDS,
            fold=FOLDS,
        ),
    output:
        predictions=directory(
            collect(
                f"{RESULTS}/predictions/{{{{recipe}}}}/{{{{loss}}}}/seed-{{seed}}/fold-{{fold}}",
                seed=SEEDS,
                fold=FOLDS,
            )
        ),
    log:
        f"{LOGS}/predict_cases/{{recipe}}/{{loss}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/predict_cases/{{recipe}}/{{loss}}.tsv"
    conda:
        "../envs/training.yaml"
    threads: config["training"]["threads"]
    resources:
        mem_mb=2500,
    params:
        code=predict_cases_code,
        settings=lookup(within=config, dpath="recipes/{recipe}"),
        network=lookup(within=config, dpath="network"),
        seed=lookup(within=config, dpath="seed"),
        threads=lookup(within=config, dpath="training/threads"),
        wanted_device=lookup(within=config, dpath="training/device"),
    script:
        "../scripts/predict_cases.py"
