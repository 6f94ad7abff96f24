# Reporting checklists, filled with what the run knows.

CHECKLISTS = {"claim_2024": "CLAIM 2024", "tripod_ai": "TRIPOD+AI"}


rule fill_checklists:
    input:
        registration_file=REGISTRATION,
        amendments_file=AMENDMENTS,
        settings_files=of_set_ups(f"{MODEL}/settings.yaml", **TRAININGS),
        facts=[
            *collect(f"{RESULTS}/{{name}}.tsv", name=["cases", "masks", "folds"]),
            *collect(
                f"{RESULTS}/tables/{{name}}.tsv",
                name=[
                    *("run", "conventions", "summary", "harmed_cases", "convergence"),
                    *("contrasts", "ranking", "subgroups", "distribution"),
                ],
            ),
        ],
    output:
        tables=collect(f"{RESULTS}/tables/{{name}}.tsv", name=CHECKLISTS),
        pages=[
            reported(name, "9. Checklists", item, caption="checklists")
            for name, item in CHECKLISTS.items()
        ],
    log:
        f"{LOGS}/fill_checklists.log",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
    params:
        code=code("fill_checklists.py"),
        names=lookup(within=config, dpath="identifiers/names"),
        excluded=len(config["source"]["exclude"]),
    script:
        "../scripts/fill_checklists.py"
