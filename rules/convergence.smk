# Judges the trainings before the losses are compared: had they converged, was the comparison fair?


rule check_convergence:
    input:
        histories=of_set_ups(f"{MODEL}/history.tsv", **TRAININGS),
        settings_files=of_set_ups(f"{MODEL}/settings.yaml", **TRAININGS),
        strip_methods_table=f"{RESULTS}/strip_methods.tsv",
        masks_table=f"{RESULTS}/masks.tsv",
    output:
        tables=collect(f"{RESULTS}/tables/{{name}}.tsv", name=["convergence", "fairness"]),
        pages=[
            reported("fairness", "3. Training", "Was the comparison fair?"),
            reported("convergence", "3. Training", "Convergence of every training"),
        ],
    log:
        f"{LOGS}/check_convergence.log",
    benchmark:
        f"{TIMES}/check_convergence.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
    params:
        code=code("check_convergence.py"),
        method=lookup(within=config, dpath="skull_strip/method"),
    script:
        "../scripts/check_convergence.py"


rule show_convergence:
    input:
        convergence_table=f"{RESULTS}/tables/convergence.tsv",
    output:
        gains_svg=shown(
            "figures/convergence.svg",
            "3. Training",
            "Had the trainings converged?",
            caption="gains",
        ),
    log:
        f"{LOGS}/show_convergence.log",
    benchmark:
        f"{TIMES}/show_convergence.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
    params:
        code=code("show_convergence.py"),
    script:
        "../scripts/show_convergence.py"
