# Collects all results in one page, and for a manuscript. A rule and not --report-after-run, so that
# the page is in its experiment's folder and is made again only if a result or a caption is newer.

# Files of the workflow itself, which no storage holds.
TEXTS = map(os.path.relpath, Path(workflow.basedir, "report").glob("*.rst"))
CAPTIONS = [local(path) for path in sorted(TEXTS)]


rule write_report:
    input:
        rules.study.input,
        CAPTIONS,
        answer_file=rules.analyse.output.answer_file,
        outside_words=OUTSIDE_WORDS if OUTSIDE else [],
        registration_text=f"{RESULTS}/registration.rst",
        guide_file=local(os.path.relpath(Path(workflow.basedir, "report/workflow.rst"))),
    output:
        settings_file=f"{RESULTS}/config.yaml",
        opening_file=f"{RESULTS}/opening.rst",
        report_file=f"{RESULTS}/report.html",
        zip_file=f"{RESULTS}/report.zip",
    log:
        f"{LOGS}/write_report.log",
    localrule: True
    # Starts Snakemake, so it runs in Snakemake's own environment, without `conda`. Without threads
    # and resources of its own it would be given all cores: a number that a cluster has not.
    handover: True
    threads: 1
    resources:
        mem_mb=memory(1000),
    params:
        code=code("write_report.py"),
        config=dict(config),
        shown=EXPERIMENT.shown(),
        target="study",
        storage=storage_options,
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
        mem_mb=memory(500),
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
        written,
        report_file=f"{RESULTS}/report.html",
        cases_table=f"{RESULTS}/cases.tsv",
    output:
        privacy_table=f"{RESULTS}/privacy.tsv",
    log:
        local(f"{LOCAL}/seek_names.log"),
    localrule: STORED
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
    params:
        code=with_source("seek_names.py", EXPERIMENT),
        source=EXPERIMENT.source,
        data_dir=lookup(within=config, dpath="data_dir"),
        names=lookup(within=config, dpath="identifiers/names"),
        key_file=lookup(within=config, dpath="identifiers/key_file"),
        own_names=EXPERIMENT.public_names(),
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
            written,
            report_file=f"{RESULTS}/report.html",
            cases_table=f"{EXTERNAL}/cases.tsv",
        output:
            privacy_table=f"{EXTERNAL}/privacy.tsv",
        log:
            local(f"{EXTERNAL_LOCAL}/seek_names.log"),
        params:
            code=with_source("seek_names.py", OUTSIDE),
            source=OUTSIDE.source,
            data_dir=OUTSIDE.config["data_dir"],
            local_dir=EXTERNAL_LOCAL,
