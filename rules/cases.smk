# Shows every test case of every recipe and loss in one page.


rule show_cases:
    input:
        metrics=collect(f"{RESULTS}/metrics/{{recipe}}/{{loss}}.tsv", recipe=RECIPES, loss=LOSSES),
        predictions=collect(
            f"{RESULTS}/predictions/{{recipe}}/{{loss}}/seed-{{seed}}/fold-{{fold}}",
            recipe=RECIPES,
            loss=LOSSES,
            seed=SEEDS[0],
            fold=FOLDS,
        ),
        cases_dir=f"{RESULTS}/cases",
        masks_dir=f"{RESULTS}/masks",
    output:
        page=report(
            f"{RESULTS}/figures/cases.html",
            caption="../report/case_browser.rst",
            category="4. Results",
            subcategory="Cases",
            labels={"page": "Every test case, worst first"},
        ),
    log:
        f"logs/{config['experiment']}/show_cases.log",
    benchmark:
        f"{RESULTS}/benchmarks/show_cases.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        code=code("show_cases.py"),
        reference_loss=lookup(within=config, dpath="reference_loss"),
        threshold=lookup(within=config, dpath="measure/threshold"),
    script:
        "../scripts/show_cases.py"
