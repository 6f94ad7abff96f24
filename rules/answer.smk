# The first page: the answer for readers who are no statisticians.

# What the first page leads to, below the experiment's folder.
ONWARDS = [
    ("report.html", "The report, with every table and figure"),
    ("tables/verdicts.html", "What is claimed of each loss, with all its numbers"),
    ("tables/summary.html", "Every loss in one row"),
    ("figures/cases.html", "Every test case, the worst first"),
    ("tables/convergence.html", "Which trainings had converged"),
]

# The outside data's results, where there are any.
OUTSIDE_RESULTS = {}
if OUTSIDE:
    OUTSIDE_RESULTS["outside_words"] = OUTSIDE_WORDS
    OUTSIDE_RESULTS["external_table"] = f"{RESULTS}/tables/external.tsv"
    OUTSIDE_RESULTS["external_contrasts_table"] = f"{RESULTS}/tables/external_contrasts.tsv"


rule write_answer:
    input:
        **OUTSIDE_RESULTS,
        verdicts_table=f"{RESULTS}/tables/verdicts.tsv",
        ranking_table=f"{RESULTS}/tables/ranking.tsv",
        convergence_table=f"{RESULTS}/tables/convergence.tsv",
        fairness_table=f"{RESULTS}/tables/fairness.tsv",
        table2=f"{RESULTS}/tables/table2.tsv",
        cases_table=f"{RESULTS}/cases.tsv",
        settings_files=of_set_ups(f"{MODEL}/settings.yaml", **TRAININGS),
        answer_file=f"{RESULTS}/answer.rst",
        registration_text=f"{RESULTS}/registration.rst",
    output:
        page=shown("answer.html", "0. Answer", "The answer, for every reader"),
    log:
        f"{LOGS}/write_answer.log",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
    params:
        code=code("write_answer.py"),
        experiment=config["experiment"],
        recipe=RECIPES[0],
        reference_loss=lookup(within=config, dpath="reference_loss"),
        generated=config["source"]["kind"] == "phantom",
        links=ONWARDS,
    script:
        "../scripts/write_answer.py"
