"""The table of edits: which file, what in it, and the jobs that must follow.

Jobs are written as `rule recipe/loss/fold`; `*` stands for any part.
"""

from dataclasses import dataclass

DATA = ["import_cases", "skull_strip", "rasterize", "compare_strips", "split", "show_data", "plan"]
REPORT = ["write_report", "seek_names"]
SHOWN = [*REPORT, "write_manuscript"]  # where a figure or a table changes
# Results of all losses: the tables, the figures, what it cost.
TABLES = ["compare", "show_results", "describe", *SHOWN]
STATISTICS = ["analyse", "show_statistics"]
RESULTS = [*TABLES, *STATISTICS, "show_cases"]
LIBRARY = "scripts/tumorseg"


def cells(recipe: str, loss: str, first: str = "tune") -> list[str]:
    """What follows for these cells, from tuning, training, prediction or measuring on."""
    cell = f"{recipe}/{loss}"
    steps = [f"tune {cell}/*", f"train {cell}/*", f"predict_cases {cell}", f"measure {cell}"]
    begin = ["tune", "train", "predict_cases", "measure"].index(first)
    shown = ["show_tuning"] if first == "tune" else []
    return [*steps[begin:], *shown, f"show_recipe {recipe}", *RESULTS]


@dataclass(frozen=True)
class Edit:
    """In `file`, `old` becomes `new`; `jobs` follow. An empty `old` adds to the file's end."""

    name: str
    file: str
    old: str
    new: str
    jobs: tuple[str, ...] = ()

    def apply(self, text: str) -> str:
        assert self.old in text, f"{self.file} has changed: this test edits {self.old!r}"
        return text.replace(self.old, self.new, 1) if self.old else text + self.new


def edit(name: str, file: str, old: str, new: str, *jobs: str) -> Edit:
    return Edit(name, file, old, new, jobs)


EDITS = [
    # Nothing that runs changes.
    edit("comment in a loss", f"{LIBRARY}/losses/bce.py", "", "\n# Another comment.\n"),
    edit("docstring of a loss", f"{LIBRARY}/losses/focal.py", '"""Focal loss."""', '"""Focal."""'),
    edit("comment in a script", "scripts/train.py", "", "# Another comment.\n"),
    edit(
        "docstring of metrics",
        f"{LIBRARY}/metrics.py",
        '"""',
        '"""Edited. ',
    ),
    edit("a comment in the config", "tiny.yaml", "", "# Another comment.\n"),
    # Losses.
    edit(
        "focal.py",
        f"{LIBRARY}/losses/focal.py",
        "-weight *",
        "-1.0 * weight *",
        "show_losses",
        *cells("*", "focal"),
    ),
    edit(
        "loss_parts.py, which every loss is made of",
        f"{LIBRARY}/loss_parts.py",
        "EPSILON = 1e-7",
        "EPSILON = 2e-7",
        "show_losses",
        *cells("*", "*"),
    ),
    edit(
        "a loss that nothing here trains with",
        f"{LIBRARY}/losses/iou.py",
        "1.0, 1.0)",
        "1.0, 1.5)",
        "show_losses",
        *SHOWN,
    ),
    edit(
        "a constant of focal in the config",
        "tiny.yaml",
        "",
        "losses: {bce: {}, focal: {alpha: 0.7, gamma: 2.0}}\n",
        "show_losses",
        *cells("*", "focal"),
    ),
    # Training.
    edit(
        "augmentation.py",
        f"{LIBRARY}/augmentation.py",
        "(-15, 15)",
        "(-20, 20)",
        *cells("*", "*"),
    ),
    edit(
        "a recipe's epochs",
        "tiny.yaml",
        "{epochs: 2}",
        "{epochs: 3}",
        "plan",
        *cells("robust", "*", "train"),
    ),
    edit(
        "a recipe's learning rate",
        "tiny.yaml",
        "{epochs: 1}",
        "{epochs: 1, learning_rate: 0.01}",
        "plan",
        *cells("paper", "*"),
    ),
    # Tuning.
    edit(
        "trials of the tuning",
        "tiny.yaml",
        "trials: 2",
        "trials: 3",
        "plan",
        *cells("*", "*"),
    ),
    edit(
        "what is tuned of focal",
        "tiny.yaml",
        "trials: 2",
        "space: {focal: {alpha: {low: 0.4}}}, trials: 2",
        "plan",
        *cells("*", "focal"),
    ),
    edit(
        "a preset that is not in use",
        "tiny.yaml",
        "presets: {",
        "presets: {paper: {space: {focal: {alpha: [0.3, 0.4]}}}, ",
        *REPORT,
    ),
    edit(
        "tuning_charts.py (figures)",
        f"{LIBRARY}/tuning_charts.py",
        "",
        "\nEDITED = True\n",
        "show_tuning",
        *SHOWN,
    ),
    edit(
        "networks/unet.py",
        f"{LIBRARY}/networks/unet.py",
        'name="unet"',
        'name="net"',
        "show_network *",
        *cells("*", "*"),
    ),
    # Measuring and showing: nothing is trained.
    edit(
        "metrics.py",
        f"{LIBRARY}/metrics.py",
        "\ndef ",
        "\nEDITED = True\n\n\ndef ",
        "measure_background",
        *cells("*", "*", "measure"),
    ),
    edit(
        "measure.threshold",
        "tiny.yaml",
        "",
        "measure: {threshold: 0.4}\n",
        "measure_background",
        *cells("*", "*", "measure"),
    ),
    edit(
        "predict_cases.py",
        "scripts/predict_cases.py",
        "* 65535",
        "* 65535.0",
        *cells("*", "*", "predict_cases"),
    ),
    edit(
        "result_charts.py (figures)",
        f"{LIBRARY}/result_charts.py",
        "",
        "\nEDITED = True\n",
        "show_results",
        "show_recipe *",
        "describe",
        *SHOWN,
    ),
    edit(
        "data_charts.py (figures)",
        f"{LIBRARY}/data_charts.py",
        "",
        "\nEDITED = True\n",
        "show_data",
        "describe",
        *SHOWN,
    ),
    edit(
        "network_drawing.py (figure)",
        f"{LIBRARY}/network_drawing.py",
        "",
        "\nEDITED = True\n",
        "show_network *",
        *SHOWN,
    ),
    edit(
        "masks.large_ratio",
        "tiny.yaml",
        "",
        "masks: {large_ratio: 0.05}\n",
        "show_data",
        "describe",
        *SHOWN,
    ),
    edit("comparison.py", f"{LIBRARY}/comparison.py", "", "\nEDITED = True\n", *STATISTICS, *SHOWN),
    edit(
        "statistics.resamples",
        "tiny.yaml",
        "",
        "statistics: {resamples: 1999}\n",
        *STATISTICS,
        *SHOWN,
    ),
    edit("tables.py", f"{LIBRARY}/tables.py", "", "\nEDITED = True\n", *TABLES),
    edit(
        "the case browser's style",
        f"{LIBRARY}/case_browser.css",
        "",
        "b { color: red }\n",
        "show_cases",
        *SHOWN,
    ),
    edit("a caption of the report", "report/fig4.rst", "", "\nMore.\n", *REPORT),
    # Data.
    edit(
        "a format or annotation form, which an import may meet",
        f"{LIBRARY}/formats/mat.py",
        "",
        "\nEDITED = True\n",
        *DATA,
        "measure_background",
        "pack *",
        *cells("*", "*"),
    ),
    edit(
        "skull_strip.method",
        "tiny.yaml",
        "",
        "skull_strip: {method: none}\n",
        *(job for job in DATA if job != "import_cases"),
        "measure_background",
        "pack *",
        *cells("*", "*"),
    ),
    edit(
        "network.size_px",
        "tiny.yaml",
        "size_px: 32",
        "size_px: 48",
        "pack *",
        "plan",
        "show_network *",
        *cells("*", "*"),
    ),
]
