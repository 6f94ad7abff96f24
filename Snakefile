# tumorseg: compares segmentation losses, from raw slices and annotations to a report.
#   snakemake --cores all all                                         the default: config.yaml
#   snakemake --cores all all --configfile experiments/<name>.yaml    another experiment
import atexit
import time

from snakemake.utils import min_version

min_version("9.27")
STARTED = time.time()


configfile: "config.yaml"


include: "rules/common.smk"


# The jobs know when the run began that the user started, also on a cluster.
os.environ.setdefault(job.STARTED, str(STARTED))


include: "rules/resources.smk"
include: "rules/storage.smk"
include: "rules/sources.smk"
include: "rules/params.smk"


# The report begins with what explains the page; with the answer before it in the Snakemake that
# write_report starts.
report: os.environ.get("TUMORSEG_OPENING", "report/workflow.rst")


include: "rules/check.smk"
include: "rules/data.smk"
include: "rules/preprocess.smk"
include: "rules/pack.smk"
include: "rules/split.smk"
include: "rules/plan.smk"
include: "rules/protocol.smk"
include: "rules/register.smk"
include: "rules/tune.smk"
include: "rules/train.smk"
include: "rules/convergence.smk"
include: "rules/evaluate.smk"
include: "rules/compare.smk"
include: "rules/describe.smk"
include: "rules/statistics.smk"


if OUTSIDE:

    include: "rules/external_data.smk"
    include: "rules/external.smk"
    include: "rules/external_results.smk"


include: "rules/answer.smk"
include: "rules/classes.smk"
include: "rules/papers.smk"
include: "rules/checklists.smk"
include: "rules/predict.smk"


rule study:
    input:
        rules.plan.output,
        rules.compare.output,
        rules.show_results.output,
        rules.analyse.output,
        rules.show_statistics.output,
        rules.show_classes.output if CLASSES else [],
        rules.compare_paper.output if PAPER else [],
        rules.show_adaptive.output if ADAPTIVE else [],
        rules.show_losses.output,
        rules.show_tuning.output if SCOPES else [],
        rules.show_data.output,
        rules.describe.output,
        rules.show_registration.output,
        rules.fill_checklists.output,
        rules.check_convergence.output,
        rules.write_answer.output,
        rules.show_convergence.output,
        rules.show_cases.output,
        of_set_ups(MEASURED),
        rules.analyse_external.output if OUTSIDE else [],
        rules.show_external.output if OUTSIDE else [],
        collect(FIGURES_OF_RECIPE, recipe=RECIPES),


include: "rules/report.smk"


# Snakemake prints lines of its own after those of a failed job: the reason is repeated at the end.
onerror:
    atexit.register(job.print_errors, [LOGS, LOCAL, EXTERNAL_LOCAL, *JOB_LOGS], STARTED)


rule all:
    default_target: True
    input:
        rules.study.input,
        rules.write_report.output,
        rules.write_manuscript.output,
        rules.seek_names.output,
        rules.seek_names_external.output if OUTSIDE else [],
