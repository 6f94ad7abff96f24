# Records what was run and what it cost.

COST = "8. Provenance and cost"


rule describe:
    input:
        cases_table=f"{RESULTS}/cases.tsv",
        folds_table=f"{RESULTS}/folds.tsv",
        settings_files=collect(f"{MODEL}/settings.yaml", **SET_UPS, **TRAININGS),
        benchmarks=[
            *collect(
                f"{TIMES}/{{stage}}.tsv",
                stage=["import_cases", "skull_strip", "compare_strips", "rasterize", "split"],
            ),
            *collect(f"{TIMES}/{{stage}}.tsv", stage=["compare", "show_data", "show_results"]),
            *collect(f"{TIMES}/pack/{{recipe}}.tsv", recipe=PREPARED),
            *collect(f"{TIMES}/tune/{{recipe}}/{{loss}}/{{scope}}.tsv", **SET_UPS, scope=SCOPES),
            *collect(
                f"{TIMES}/train/{{recipe}}/{{loss}}/seed-{{seed}}/fold-{{fold}}.tsv",
                **SET_UPS,
                **TRAININGS,
            ),
            *collect(
                f"{TIMES}/{{stage}}/{{recipe}}/{{loss}}.tsv",
                stage=["predict_cases", "measure"],
                **SET_UPS,
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
        mem_mb=500,
    params:
        code=code("describe.py"),
        tolerances_px=lookup(within=config, dpath="measure/tolerances_px"),
        excluded=len(config["source"]["exclude"]),
    script:
        "../scripts/describe.py"
