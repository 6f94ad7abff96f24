# Chooses the settings of every loss before it is trained.


rule tune:
    input:
        images_file=f"{RESULTS}/pack/{{recipe}}/images.npy",
        targets_file=f"{RESULTS}/pack/{{recipe}}/targets.npy",
        placement_table=f"{RESULTS}/pack/{{recipe}}/placement.tsv",
        folds_table=f"{RESULTS}/folds.tsv",
    output:
        trials_table=f"{RESULTS}/tuning/{{recipe}}/{{loss}}/{{scope}}/trials.tsv",
        history_table=f"{RESULTS}/tuning/{{recipe}}/{{loss}}/{{scope}}/history.tsv",
        best_file=f"{RESULTS}/tuning/{{recipe}}/{{loss}}/{{scope}}/best.yaml",
    log:
        f"{LOGS}/tune/{{recipe}}/{{loss}}/{{scope}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tune/{{recipe}}/{{loss}}/{{scope}}.tsv"
    conda:
        "../envs/training.yaml"
    threads: TUNING["trials_at_once"] * config["training"]["threads"]
    resources:
        mem_mb=1500 + 2000 * TUNING["trials_at_once"],
        gpu=0,
    params:
        code=tune_code,
        recipe="{recipe}",
        settings=settings_for_tuning,
        loss="{loss}",
        loss_function=loss_function,
        constants=constants,
        network=lookup(within=config, dpath="network"),
        search=search_of,
        fold=tuning_fold,
        seed=lookup(within=config, dpath="seed"),
        threads=lookup(within=config, dpath="training/threads"),
        at_once=lookup(within=config, dpath="tuning/trials_at_once"),
        wanted_device=lookup(within=config, dpath="training/device"),
        state_dir=f"{RESULTS}/.resume/tune-{{recipe}}-{{loss}}-{{scope}}",
    script:
        "../scripts/tune.py"


rule show_tuning:
    input:
        best_files=collect(
            f"{RESULTS}/tuning/{{recipe}}/{{loss}}/{{scope}}/best.yaml",
            recipe=RECIPES,
            loss=LOSSES,
            scope=SCOPES,
        ),
        # Beside best.yaml, whose folder is read.
        others=collect(
            f"{RESULTS}/tuning/{{recipe}}/{{loss}}/{{scope}}/{{name}}.tsv",
            recipe=RECIPES,
            loss=LOSSES,
            scope=SCOPES,
            name=["trials", "history"],
        ),
    output:
        tables=[
            f"{RESULTS}/tables/table1.tsv",
            report(
                f"{RESULTS}/tables/table1.html",
                caption="../report/table1.rst",
                category="3. Training",
                labels={"figure": "Table 1, what tuning searched and chose"},
            ),
        ],
        curves=[
            report(
                f"{RESULTS}/figures/tuning_curves/{recipe}.svg",
                caption="../report/tuning_curves.rst",
                category="3. Training",
                labels={"figure": f"Tuning by epoch ({recipe})"},
            )
            for recipe in RECIPES
        ],
        effects=[
            report(
                f"{RESULTS}/figures/tuning_sensitivity/{recipe}.svg",
                caption="../report/tuning_sensitivity.rst",
                category="3. Training",
                labels={"figure": f"Sensitivity to what was tuned ({recipe})"},
            )
            for recipe in RECIPES
        ],
    log:
        f"{LOGS}/show_tuning.log",
    benchmark:
        f"{RESULTS}/benchmarks/show_tuning.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        code=code("show_tuning.py"),
    script:
        "../scripts/show_tuning.py"
