# Says what was run and what it cost.


rule describe:
    input:
        cases_table=f"{RESULTS}/cases.tsv",
        folds_table=f"{RESULTS}/folds.tsv",
        settings_files=collect(
            f"{RESULTS}/models/{{recipe}}/{{loss}}/seed-{{seed}}/fold-{{fold}}/settings.yaml",
            recipe=RECIPES,
            loss=LOSSES,
            seed=SEEDS,
            fold=FOLDS,
        ),
        benchmarks=[
            f"{RESULTS}/benchmarks/import_cases.tsv",
            f"{RESULTS}/benchmarks/skull_strip.tsv",
            f"{RESULTS}/benchmarks/compare_strips.tsv",
            f"{RESULTS}/benchmarks/rasterize.tsv",
            f"{RESULTS}/benchmarks/split.tsv",
            f"{RESULTS}/benchmarks/compare.tsv",
            f"{RESULTS}/benchmarks/show_data.tsv",
            f"{RESULTS}/benchmarks/show_results.tsv",
            *collect(f"{RESULTS}/benchmarks/pack/{{recipe}}.tsv", recipe=RECIPES),
            *collect(
                f"{RESULTS}/benchmarks/tune/{{recipe}}/{{loss}}/{{scope}}.tsv",
                recipe=RECIPES,
                loss=LOSSES,
                scope=SCOPES,
            ),
            *collect(
                f"{RESULTS}/benchmarks/train/{{recipe}}/{{loss}}/seed-{{seed}}/fold-{{fold}}.tsv",
                recipe=RECIPES,
                loss=LOSSES,
                seed=SEEDS,
                fold=FOLDS,
            ),
            *collect(
                f"{RESULTS}/benchmarks/{{stage}}/{{recipe}}/{{loss}}.tsv",
                stage=["predict_cases", "measure"],
                recipe=RECIPES,
                loss=LOSSES,
            ),
        ],
    output:
        tables=collect(
            f"{RESULTS}/tables/{{name}}.tsv", name=["run", "cost", "loss_cost", "conventions"]
        ),
        pages=[
            report(
                f"{RESULTS}/tables/run.html",
                caption="../report/run.rst",
                category="0. What was run",
                labels={"table": "Data, folds, recipes, versions"},
            ),
            report(
                f"{RESULTS}/tables/cost.html",
                caption="../report/cost.rst",
                category="8. Provenance and cost",
                labels={"table": "Seconds and memory by stage"},
            ),
            report(
                f"{RESULTS}/tables/loss_cost.html",
                caption="../report/loss_cost.rst",
                category="8. Provenance and cost",
                labels={"table": "Training seconds by loss"},
            ),
            report(
                f"{RESULTS}/tables/conventions.html",
                caption="../report/conventions.rst",
                category="7. Conventions",
                labels={"table": "Metrics of empty masks"},
            ),
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
    script:
        "../scripts/describe.py"
