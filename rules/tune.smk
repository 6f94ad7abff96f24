# Chooses the settings of every loss before it is trained.


rule tune:
    input:
        images_file=packed(PACKED_IMAGES),
        targets_file=packed(PACKED_TARGETS),
        placement_table=packed(f"{PACK}/placement.tsv"),
        folds_table=f"{RESULTS}/folds.tsv",
        registration=REGISTRATION,
    output:
        trials_table=f"{TUNING}/trials.tsv",
        history_table=f"{TUNING}/history.tsv",
        best_file=f"{TUNING}/best.yaml",
    log:
        f"{LOGS}/tune/{{recipe}}/{{loss}}/{{scope}}.log",
    benchmark:
        f"{TIMES}/tune/{{recipe}}/{{loss}}/{{scope}}.tsv"
    conda:
        TRAINING
    threads: config["tuning"]["trials_at_once"] * config["training"]["threads"]
    resources:
        **gpus(config["tuning"]["trials_at_once"]),
        mem_mb=memory(1500 + 2000 * config["tuning"]["trials_at_once"]),
    params:
        code=with_one_loss("tune.py"),
        job=tuning_job,
        search=search_of,
        at_once=lookup(within=config, dpath="tuning/trials_at_once"),
    script:
        "../scripts/tune.py"


TUNING_FIGURES = ("tuning_curves", "tuning_sensitivity")


rule show_tuning:
    input:
        best_files=of_set_ups(f"{TUNING}/best.yaml", scope=SCOPES),
        # Found by the script in the folder of each best.yaml.
        others=of_set_ups(f"{TUNING}/{{name}}.tsv", scope=SCOPES, name=["trials", "history"]),
    output:
        drawn(*(f"{name}/{r}" for name in TUNING_FIGURES for r in RECIPES)),
        tables=[
            f"{RESULTS}/tables/table1.tsv",
            reported("table1", "3. Training", "Table 1, settings searched and chosen"),
        ],
        curves=[
            shown(
                f"figures/tuning_curves/{recipe}.svg",
                "3. Training",
                f"Tuning by epoch ({recipe})",
                caption="tuning_curves",
            )
            for recipe in RECIPES
        ],
        effects=[
            shown(
                f"figures/tuning_sensitivity/{recipe}.svg",
                "3. Training",
                f"Effect of each tuned value ({recipe})",
                caption="tuning_sensitivity",
            )
            for recipe in RECIPES
        ],
    log:
        f"{LOGS}/show_tuning.log",
    benchmark:
        f"{TIMES}/show_tuning.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
    params:
        code=code("show_tuning.py"),
    script:
        "../scripts/show_tuning.py"
