# Collects all results in one page, and for a manuscript. A rule and not --report-after-run, so that
# the page is in its experiment's folder and is made again only if a result or a caption is newer.

CAPTIONS = sorted(map(os.path.relpath, Path(workflow.basedir, "report").glob("*.rst")))


rule write_report:
    input:
        rules.study.input,
        CAPTIONS,
        answer_file=rules.analyse.output.answer_file,
        registration_text=f"{RESULTS}/registration.rst",
        guide_file=os.path.relpath(Path(workflow.basedir, "report/workflow.rst")),
    output:
        settings_file=f"{RESULTS}/config.yaml",
        opening_file=f"{RESULTS}/opening.rst",
        report_file=f"{RESULTS}/report.html",
        zip_file=f"{RESULTS}/report.zip",
    log:
        f"{LOGS}/write_report.log",
    localrule: True
    # Starts Snakemake, so it runs in Snakemake's own environment, without `conda`.
    handover: True
    params:
        code=code("write_report.py"),
        config=dict(config),
        shown=EXPERIMENT.shown(),
        target="study",
    script:
        "../scripts/write_report.py"


rule write_manuscript:
    input:
        results=rules.study.input,
        checklists=collect(f"{RESULTS}/tables/{{name}}.tsv", name=CHECKLISTS),
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


# The last step searches everything that was written; a name of the source stops the run.
rule seek_names:
    input:
        rules.study.input,
        rules.write_report.output,
        rules.write_manuscript.output,
        cases_table=f"{RESULTS}/cases.tsv",
    output:
        privacy_table=f"{RESULTS}/privacy.tsv",
    log:
        f"{LOCAL}/seek_names.log",
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=with_source("seek_names.py", EXPERIMENT),
        source=EXPERIMENT.source,
        data_dir=lookup(within=config, dpath="data_dir"),
        names=lookup(within=config, dpath="identifiers/names"),
        key_file=lookup(within=config, dpath="identifiers/key_file"),
        own_names=EXPERIMENT.public_names(),
        folders=[RESULTS, LOGS],
        local_dir=LOCAL,
    script:
        "../scripts/seek_names.py"


if OUTSIDE:

    # After the other, so that neither writes while one reads.
    use rule seek_names as seek_names_external with:
        input:
            rules.study.input,
            rules.write_report.output,
            rules.write_manuscript.output,
            f"{RESULTS}/privacy.tsv",
            cases_table=f"{EXTERNAL}/cases.tsv",
        output:
            privacy_table=f"{EXTERNAL}/privacy.tsv",
        log:
            f"{EXTERNAL_LOCAL}/seek_names.log",
        params:
            code=with_source("seek_names.py", OUTSIDE),
            source=OUTSIDE.source,
            data_dir=OUTSIDE.config["data_dir"],
            local_dir=EXTERNAL_LOCAL,
