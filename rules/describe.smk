# Records what was run and what it cost.

COST = "8. Provenance and cost"


rule describe:
    input:
        cases_table=f"{RESULTS}/cases.tsv",
        folds_table=f"{RESULTS}/folds.tsv",
        settings_files=of_set_ups(f"{MODEL}/settings.yaml", **TRAININGS),
        benchmarks=[
            *collect(
                f"{TIMES}/{{stage}}.tsv",
                stage=["import_cases", "skull_strip", "compare_strips", "rasterize", "split"],
            ),
            *collect(f"{TIMES}/{{stage}}.tsv", stage=["compare", "show_data", "show_results"]),
            *collect(f"{TIMES}/pack/{{recipe}}.tsv", recipe=PREPARED),
            *of_set_ups(f"{TIMES}/tune/{{recipe}}/{{loss}}/{{scope}}.tsv", scope=SCOPES),
            *of_set_ups(
                f"{TIMES}/train/{{recipe}}/{{loss}}/seed-{{seed}}/fold-{{fold}}.tsv",
                **TRAININGS,
            ),
            *of_set_ups(
                f"{TIMES}/{{stage}}/{{recipe}}/{{loss}}.tsv",
                stage=["predict_cases", "measure"],
            ),
        ],
    output:
        tables=collect(
            f"{RESULTS}/tables/{{name}}.tsv", name=["run", "cost", "loss_cost", "conventions"]
        ),
        pages=[
            reported("run", "0. What was run", "Data, folds, recipes, versions"),
            reported("cost", COST, "Seconds and memory by stage"),
            reported("loss_cost", COST, "Training seconds by loss"),
            reported("conventions", "7. Conventions", "Metrics of empty masks"),
        ],
    log:
        f"{LOGS}/describe.log",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
    params:
        code=code("describe.py"),
        tolerances_px=lookup(within=config, dpath="measure/tolerances_px"),
        excluded=len(config["source"]["exclude"]),
        negatives=config["source"].get("negatives", False),
    script:
        "../scripts/describe.py"
