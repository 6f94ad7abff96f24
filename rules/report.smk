# Gathers all results in one page, and for a manuscript. A rule and not --report-after-run, so that the page lies beside
# its experiment's results and is made again when a result or a caption is newer, and only then.


rule write_report:
    input:
        rules.study.input,
        CAPTIONS,
        answer_file=rules.analyse.output.answer_file,
        guide_file=os.path.relpath(Path(workflow.basedir, "report/workflow.rst")),
    output:
        settings_file=f"{RESULTS}/config.yaml",
        opening_file=f"{RESULTS}/opening.rst",
        report_file=f"{RESULTS}/report.html",
        zip_file=f"{RESULTS}/report.zip",
    log:
        f"{LOGS}/write_report.log",
    localrule: True
    # Runs Snakemake itself, hence in Snakemake's own environment and without `conda`.
    handover: True
    params:
        code=code("write_report.py"),
        config=settings_in_force,
        target="study",
    script:
        "../scripts/write_report.py"


rule write_manuscript:
    input:
        results=rules.study.input,
    output:
        manuscript_dir=directory(f"{RESULTS}/manuscript"),
    log:
        f"{LOGS}/write_manuscript.log",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        code=code("write_manuscript.py"),
    script:
        "../scripts/write_manuscript.py"
