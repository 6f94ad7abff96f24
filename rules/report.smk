# Collects all results in one page, and for a manuscript. A rule and not --report-after-run, so that
# the page is in its experiment's folder and is made again only if a result or a caption is newer.

CAPTIONS = sorted(map(os.path.relpath, Path(workflow.basedir, "report").glob("*.rst")))


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
        cases_table=f"{RESULTS}/cases.tsv",
    output:
        privacy_table=f"{RESULTS}/privacy.tsv",
    log:
        f"{LOCAL}/seek_names.log",
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
    params:
        code=code("seek_names.py", f"tumorseg.sources.{config['source']['kind']}"),
        source=EXPERIMENT.source,
        data_dir=lookup(within=config, dpath="data_dir"),
        names=lookup(within=config, dpath="identifiers/names"),
        key_file=lookup(within=config, dpath="identifiers/key_file"),
        own_names=EXPERIMENT.public_names(),
        folders=[RESULTS, LOGS],
        local_dir=LOCAL,
    script:
        "../scripts/seek_names.py"
