"""The table of edits: what is edited, and the jobs that must run again.

`MODULES` covers every file of the library and every script: after any change of its code, these
jobs run. `EDITS` are single changes: of the config, of messages, of constants. Jobs are written as
`rule recipe/loss/seed/fold` (`rule recipe/loss/scope` for a search); `*` stands for any part.
"""

from dataclasses import dataclass

# What each kind of change re-runs. A group holds what follows it, down to the report.
NOTHING: tuple[str, ...] = ()
REPORT = ("write_report", "seek_names")
SHOWN = ("write_manuscript", *REPORT)  # where a figure or a table changes
CHECKED = ("fill_checklists", *SHOWN)  # where checklists are filled from it
DESCRIBED = ("describe", *CHECKED)  # where its seconds and memory are shown as well
FIRST_PAGE = ("write_answer", *SHOWN)
REGISTERED = ("show_registration", "write_answer", *CHECKED)
AMENDED = ("amend", *REGISTERED)  # where the plan of the study changes
COMPARED = ("compare", "write_answer", *DESCRIBED)
ANALYSED = (*("analyse", "show_statistics", "export_model", "predict", "write_answer", *CHECKED),)
ANSWER = (*ANALYSED, *AMENDED)  # by other code, which is part of the plan
FIGURES = (
    *("show_data", "show_network *", "show_losses", "show_tuning", "show_recipe *"),
    *("show_convergence", "show_results", "show_statistics", "show_cases", *DESCRIBED),
)
MEASURED = ("compare", "show_results", "describe", "show_recipe *", "show_cases", *ANSWER)


CONVERGENCE = ("check_convergence", "show_convergence", "write_answer")


def of_losses(first: str, recipe: str = "*", loss: str = "*") -> tuple[str, ...]:
    """What follows for these recipes and losses, from one step on: tune, train, predict_cases..."""
    setup = f"{recipe}/{loss}"
    steps = {
        "tune": (f"tune {setup}/*", "show_tuning"),
        "train": (f"train {setup}/*",),
        "predict_cases": (f"predict_cases {setup}",),
        "measure": (f"measure {setup}",),
    }
    begin = list(steps).index(first)
    jobs = [job for step in list(steps.values())[begin:] for job in step]
    if first in ("tune", "train"):
        jobs += CONVERGENCE
    shown = [job for job in MEASURED if job != "show_recipe *"]
    return (*jobs, f"show_recipe {recipe}", *shown)


PACKED = ("pack *", *of_losses("tune"))
FOLDS = ("split", "plan", "show_data", "measure_background", *of_losses("tune"))
MASKS = ("rasterize", "compare_strips", *FOLDS, *PACKED)
STRIPPED = ("skull_strip", *MASKS)
DATA = ("import_cases", *STRIPPED)
TUNED = of_losses("tune")
TRAINED = of_losses("train")
PREDICTED = of_losses("predict_cases")
METRICS = of_losses("measure")
LOSS_FIGURE = ("show_losses", *SHOWN)
EVERYTHING = ("show_network *", "show_losses", *DATA)

# Every file below scripts/tumorseg/ and every script, and what a change of its code runs again.
# A file belongs to the first row that names it; `losses/*` stands for all files of a folder.
MODULES: list[tuple[str, tuple[str, ...]]] = [
    # No job of this experiment: types, and what only refuses input; what no rule runs; the data
    # check, which runs whenever it is asked for; other experiments' sources.
    (
        "core/records.py core/quiet.py core/yaml_text.py data/settings.py prediction/records.py",
        NOTHING,
    ),
    ("loss_kit/constants.py loss_kit/configured.py", NOTHING),
    ("loss_kit/input_checks.py loss_kit/check*.py", NOTHING),
    ("tuning/preset_check.py workflow/*.py ../audit_table.py privacy/kept_names.py", NOTHING),
    ("checking/* ../check.py ../show_classes.py", NOTHING),
    ("../show_volumes.py ../pack_volumes.py", NOTHING),
    # Outside data, which this experiment has none of (OUTSIDE has what they run).
    ("../*_external.py ../compare_sources.py", NOTHING),
    ("statistics/outside.py evaluation/member_masks.py data/source_overlap.py", NOTHING),
    ("reporting/outside_figure.py", NOTHING),
    ("reporting/volume_cases.py reporting/volume_viewer.*", NOTHING),
    ("reporting/three_planes.py", NOTHING),
    ("reporting/paper_*.py reporting/adaptive_figures.py", NOTHING),
    ("../compare_paper.py ../show_adaptive.py", NOTHING),
    ("data/source_check.py data/source_files.py data/downloads.py ../download.py", NOTHING),
    ("data/dataset_choices.py data/dataset_files.py", NOTHING),
    ("data/dataset_json.py data/channel_names.py", ("predict",)),
    ("imaging/volume_input.py imaging/intensity.py", ("predict",)),
    ("sources/phantom.py phantom/*", DATA),
    ("sources/*", NOTHING),
    # From a source's files to masks and folds.
    ("core/errors.py core/disk.py core/files.py core/places.py core/registry.py", EVERYTHING),
    ("core/cases.py core/images.py core/names.py core/parallel.py core/problems.py", DATA),
    ("core/json_text.py core/spelling.py core/two_files.py core/volumes.py", DATA),
    (
        "core/user_tables.py",
        ("show_data", "show_results", "show_recipe *", "predict", *COMPARED),
    ),
    ("core/arrays.py", PACKED),
    ("core/case_index.py", TUNED),
    ("core/batch_norm.py", ("show_network *", *TUNED)),
    (
        "core/device.py core/backend.py core/gpus.py core/precision.py",
        ("show_losses", "show_network *", *TUNED),
    ),
    ("core/backends.py", ("plan", "show_losses", "show_network *", *TUNED)),
    ("core/digests.py", ("describe", "export_model", "predict", *AMENDED)),
    ("registration/record.py registration/content.py ../amend.py", AMENDED),
    ("../show_registration.py", ("show_registration", *FIRST_PAGE)),
    ("registration/review.py", REGISTERED),
    ("../register.py", NOTHING),  # what it wrote stays
    ("reporting/checklist* ../fill_checklists.py", CHECKED),
    (
        "imaging/kept_share.py ../compare_strips.py",
        ("compare_strips", "show_data", "describe", *CONVERGENCE, *ANALYSED),
    ),
    ("imaging/strip_harm.py", NOTHING),
    ("imaging/skull_strip.py ../skull_strip.py", STRIPPED),
    ("imaging/boxes.py", ("show_data", *PACKED)),
    ("imaging/placement.py", PACKED),
    ("imaging/volume_placement.py training/packed_cases.py", PREDICTED),
    ("imaging/tumour_shape.py", MASKS),
    ("imaging/* formats/* annotations/* ../import_cases.py", DATA),
    ("outlines/contours.py", ("predict",)),
    ("outlines/*", DATA),
    ("data/folds.py data/site_folds.py ../split.py", FOLDS),
    ("data/*", DATA),
    ("../rasterize.py", MASKS),
    ("../pack.py", PACKED),
    # Names kept out of results.
    ("privacy/pseudonyms.py privacy/local.py", DATA),
    ("privacy/* ../seek_names.py", ("seek_names",)),
    # Training. A loss re-runs its own trainings; those that nothing here trains with, a figure.
    ("losses/bce.py", ("show_losses", *of_losses("tune", loss="bce"))),
    ("losses/focal.py", ("show_losses", *of_losses("tune", loss="focal"))),
    ("losses/*", LOSS_FIGURE),
    ("loss_kit/*", ("show_losses", *TUNED)),
    ("networks/unet.py network_kit/parts.py network_kit/assembly.py", ("show_network *", *TUNED)),
    ("network_kit/sizes.py", ("show_network *", *TUNED)),
    ("network_kit/check.py network_kit/counting.py", NOTHING),
    ("network_kit/encoder_weights.py", TUNED),
    ("networks/* network_kit/*", ("predict",)),  # a model may be another experiment's
    ("training/plan.py tuning/search_space.py", ("plan", *TUNED)),
    ("training/budget.py ../plan.py", ("plan", *SHOWN)),
    ("tuning/table1.py", ("show_tuning", *SHOWN)),
    ("training/model.py", ("show_network *", *TUNED)),
    ("training/* tuning/* ../tune.py", TUNED),
    ("../train.py", TRAINED),
    # Predictions, measured.
    ("evaluation/probabilities.py", ("measure_background", *PREDICTED)),
    ("../predict_cases.py", PREDICTED),
    ("evaluation/classes.py evaluation/training_metrics.py ../measure.py", METRICS),
    ("evaluation/* distances.py metrics.py masks.py", ("measure_background", *METRICS)),
    ("../measure_background.py", ("measure_background", "show_results", *COMPARED)),
    # Tables and figures.
    ("reporting/answer_* statistics/plain_words.py ../write_answer.py", FIRST_PAGE),
    ("statistics/outside_words.py", FIRST_PAGE),
    ("statistics/estimates.py", ("compare", "show_results", "show_recipe *", "describe", *ANSWER)),
    ("../check_convergence.py", (*CONVERGENCE, *ANALYSED)),
    ("statistics/convergence.py", (*CONVERGENCE, *ANSWER)),
    ("statistics/* ../analyse.py", ANSWER),
    ("audit/findings.py audit/rows.py ../compare.py", COMPARED),
    ("audit/*", ("show_data", "show_results", "show_recipe *", *COMPARED)),
    ("reporting/figure_style.py", FIGURES),
    ("reporting/table_pages.py", ("show_data", "show_tuning", *CONVERGENCE, *METRICS)),
    (
        "reporting/page_parts.py",
        ("show_data", "show_recipe *", "show_cases", "predict", *DESCRIBED),
    ),
    ("reporting/shown_cases.py", ("show_data", "show_recipe *", "show_cases", *DESCRIBED)),
    ("reporting/slice_figures.py", ("show_data", "show_recipe *", *DESCRIBED)),
    ("reporting/study_tables.py", ("show_results", *COMPARED)),
    ("reporting/cost_tables.py", ("describe", *ANSWER)),
    (
        "reporting/case_browser.* ../show_cases.py",
        ("show_cases", *SHOWN),
    ),
    ("reporting/data_*.py ../show_data.py", ("show_data", *DESCRIBED)),
    ("reporting/loss_figures.py ../show_losses.py", LOSS_FIGURE),
    ("reporting/network_figure.py ../show_network.py", ("show_network *", *SHOWN)),
    ("reporting/result_figures.py", ("show_results", "show_recipe *", *DESCRIBED)),
    (
        "reporting/behaviour_figures.py reporting/comparison_figures.py ../show_statistics.py",
        ("show_statistics", *SHOWN),
    ),
    ("reporting/convergence_figures.py ../show_convergence.py", ("show_convergence", *SHOWN)),
    ("reporting/tuning_figures.py ../show_tuning.py", ("show_tuning", *SHOWN)),
    ("../show_recipe.py", ("show_recipe *", *SHOWN)),
    ("../show_results.py", ("show_results", *DESCRIBED)),
    ("reporting/run_tables.py ../describe.py", DESCRIBED),
    ("reporting/large_pages.py ../write_report.py", REPORT),
    ("../write_manuscript.py", ("write_manuscript", "seek_names")),
    # The model on new images.
    ("prediction/export*.py prediction/model_*.py", ("export_model", "predict")),
    ("../export_model.py", ("export_model", "predict")),
    ("prediction/* ../predict.py", ("predict",)),
]


@dataclass(frozen=True)
class Edit:
    """In `file`, `old` becomes `new`; `jobs` follow. An empty `old` adds to the file's end."""

    name: str
    file: str
    old: str
    new: str
    jobs: tuple[str, ...] = NOTHING
    dry_run: bool = False  # compared with a dry run of Snakemake as well

    def apply(self, text: str) -> str:
        assert self.old in text, f"{self.file} has changed: this test edits {self.old!r}"
        return text.replace(self.old, self.new, 1) if self.old else text + self.new


def tiny(name: str, new: str, *jobs: str, old: str = "", dry_run: bool = False) -> Edit:
    """An edit of the experiment's config."""
    return Edit(name, "tiny.yaml", old, new, jobs, dry_run)


def code(name: str, file: str, old: str, new: str, *jobs: str, dry_run: bool = False) -> Edit:
    """An edit of a library file."""
    return Edit(name, f"scripts/tumorseg/{file}", old, new, jobs, dry_run)


# What the outside data run, one step after another.
OUTSIDE = (
    *("import_cases_external", "compare_sources", "skull_strip_external", "rasterize_external"),
    *("pack_external *", "predict_external *", "measure_external *", "analyse_external"),
    *("show_external", "write_answer", "seek_names_external", *SHOWN),
)
RECIPE = of_losses("train", recipe="robust")
CHANGED_FOCAL = ("show_losses", *of_losses("tune", loss="focal"))
EDITS = [
    # What no result depends on.
    code("a comment in a loss", "losses/bce.py", "", "\n# Another comment.\n"),
    code("a docstring of a loss", "losses/focal.py", '"""Focal loss."""', '"""Focal."""'),
    code("the annotation of a loss's constant", "losses/focal.py", "Focus = 2.0", "float = 2.0"),
    code("the range of a constant", "loss_kit/constants.py", "Range(0, 10)", "Range(0, 12)"),
    code("a word of an error message", "core/registry.py", "there are:", "choose from:"),
    code("the text of LOCAL_ONLY.txt", "privacy/local_only.txt", "", "Another sentence.\n"),
    Edit("a comment in a script", "scripts/train.py", "", "# Another comment.\n"),
    tiny("a comment in the config", "# Another comment.\n"),
    # What a result depends on.
    code(
        "a loss's formula",
        "losses/focal.py",
        "-weight *",
        "-1.0 * weight *",
        *CHANGED_FOCAL,
        dry_run=True,
    ),
    code("a loss's default", "losses/focal.py", "Focus = 2.0", "Focus = 2.5", *CHANGED_FOCAL),
    code(
        "what every loss is made of",
        "loss_kit/parts.py",
        "EPSILON = 1e-7",
        "EPSILON = 2e-7",
        "show_losses",
        *TUNED,
    ),
    code("augmentation", "training/augmentation.py", "(-15, 15)", "(-20, 20)", *TUNED),
    code("resuming", "training/state.py", "", "\nEDITED = True\n", *TUNED),
    code("distances", "distances.py", "", "\nEDITED = True\n", "measure_background", *METRICS),
    code(
        "the width of figures",
        "reporting/figure_style.py",
        "WIDTH_IN = 9.0",
        "WIDTH_IN = 8.0",
        *FIGURES,
    ),
    code(
        "figures of results",
        "reporting/result_figures.py",
        "",
        "\nEDITED = True\n",
        "show_results",
        "show_recipe *",
        *DESCRIBED,
        dry_run=True,
    ),
    code("a data format", "formats/mat.py", "", "\nEDITED = True\n", *DATA, dry_run=True),
    Edit("a caption of the report", "report/fig4.rst", "", "\nMore.\n", REPORT, dry_run=True),
    # The config: losses.
    tiny(
        "a loss's constant",
        "losses: {bce: {}, focal: {alpha: 0.7, gamma: 2.0}}\n",
        *CHANGED_FOCAL,
        dry_run=True,
    ),
    # Recipes.
    tiny(
        "a recipe's epochs",
        "epochs: 3",
        "plan",
        *RECIPE,
        old="epochs: 8",
        dry_run=True,
    ),
    tiny(
        "a recipe's learning rate",
        "{epochs: 1, learning_rate: 0.01}",
        "plan",
        *of_losses("tune", recipe="paper"),
        old="{epochs: 1}",
    ),
    # Where it trains.
    tiny("another backend", "training: {backend: jax}\n", "plan", *TUNED),
    # Tuning.
    tiny("trials of the tuning", "trials: 3", "plan", *TUNED, old="trials: 2"),
    tiny(
        "what is tuned of one loss",
        "space: {focal: {alpha: {low: 0.4}}}, trials: 2",
        "plan",
        *of_losses("tune", loss="focal"),
        old="trials: 2",
    ),
    tiny(
        "a preset that is not in use",
        "presets: {paper: {space: {focal: {alpha: [0.3, 0.4]}}}, ",
        *REPORT,
        old="presets: {",
    ),
    # Data and measuring.
    tiny("skull_strip.method", "skull_strip: {method: none}\n", *STRIPPED),
    tiny("network.size_px", "size_px: 48", "plan", "show_network *", *PACKED, old="size_px: 32"),
    tiny("masks.large_ratio", "masks: {large_ratio: 0.05}\n", "show_data", "describe", *AMENDED),
    tiny("measure.threshold", "measure: {threshold: 0.4}\n", "measure_background", *METRICS),
    tiny("statistics.margin", "statistics: {margin: 0.05}\n", *ANSWER),
    tiny(
        "outside data",
        "external: {kind: phantom, patients: 7, height_px: 128, width_px: 200}\n",
        *OUTSIDE,
        *AMENDED,  # they are in the plan that is registered
    ),
    tiny("statistics.resamples", "statistics: {resamples: 1999}\n", *ANSWER),
]
