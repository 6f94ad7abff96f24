"""Every table and figure can be made whatever the cases hold: no tumour, one, or one patient.

Each cohort is written as the steps before leave it; then all steps that measure, analyse, tabulate
and draw run one after another, each on the files of the one before.
"""

import inspect
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib import pyplot

import analyse
import check_convergence
import compare
import describe
import measure
import measure_background
import show_cases
import show_convergence
import show_data
import show_recipe
import show_results
import show_statistics
from tumorseg.core.files import read_table, write_table, write_text
from tumorseg.reporting import (
    behaviour_figures,
    comparison_figures,
    convergence_figures,
    cost_tables,
    data_figures,
    data_tables,
    result_figures,
    run_tables,
    slice_figures,
    study_tables,
)
from tumorseg.statistics import answer, calibration, comparison, convergence, ranking, subgroups

FOLDS, LOSSES, METHODS = (1, 2, 3), ("bce", "focal"), ("head", "none")
SHAPE = (40, 48)
KEYS = ["case", "patient", "plane"]
CASE_COLUMNS = ["pixel_height_mm", "pixel_width_mm", "tumour_type"]
NAMES = {
    "analyse": "verdicts contrasts ranking variances thresholds calibration subgroups distribution",
    "compare": "summary table2 table3 audit",
    "show_data": "tumour_brain_ratio skull_stripping harmed_cases folds",
    "check_convergence": "convergence fairness",
    "describe": "run cost loss_cost conventions",
}
# How the cases differ: which of the twelve have a tumour, what is predicted, what else is rare.
COHORTS = {
    "no tumour, none predicted": {"tumours": [], "predicted": []},
    "no tumour, one predicted": {"tumours": [], "predicted": [4]},
    "no tumour, all predicted": {"tumours": [], "predicted": range(12)},
    "one tumour, found": {"tumours": [0], "predicted": [0]},
    "one tumour, missed": {"tumours": [0], "predicted": []},
    "one tumour, all predicted": {"tumours": [0], "predicted": range(12)},
    "two tumours in one fold": {"tumours": [0, 3], "predicted": [0]},
    "one patient of a plane and of a type": {"rare": True},
    "one patient in each fold": {"patients": 3},
    "no brain found": {"tumours": [0, 1, 2], "predicted": [1], "ratio": np.nan},
    "every training failed, no tumour": {"tumours": [], "failed": FOLDS},
    "one training failed, one tumour": {"tumours": [0], "predicted": [0], "failed": (1,)},
}


def picture(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A round head and the mask of a tumour in it."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = np.where(np.hypot(rows - 20, columns - 24) < 17, 90 + rows + number, 0)
    mask = np.hypot(rows - 18, columns - 20 - number % 4) < 3 + number % 3
    return image.astype(np.uint8), mask.astype(np.uint8)


def png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)


class Cohort:
    """A results folder of twelve cases, three folds and two losses, as training leaves it."""

    def __init__(self, folder: Path, **how: object) -> None:
        self.folder, self.how = folder, how
        self.tumours = set(how.get("tumours", range(12)))
        self.predicted = set(how.get("predicted", range(0, 12, 2)))
        cases = [self._case(number) for number in range(12)]
        table = pd.DataFrame(cases)
        write_table(table[[*KEYS, *CASE_COLUMNS]], folder / "cases.tsv")
        write_table(table.drop(columns=CASE_COLUMNS), folder / "masks.tsv")
        roles = [
            row | {"fold": fold, "role": self._role(int(row["case"][1:]), fold)}
            for row in table[KEYS].to_dict("records")
            for fold in FOLDS
        ]
        write_table(pd.DataFrame(roles), folder / "folds.tsv")
        strips = [
            {"case": row["case"], "method": method, "tumour_px": row["tumour_px"]}
            | {"tumour_lost_px": 0, "true_brain_dice": np.nan}
            | {"tumour_kept": 1.0 if row["tumour_px"] else np.nan}
            for row in cases
            for method in METHODS
        ]
        write_table(pd.DataFrame(strips), folder / "strip_methods.tsv")
        self.trainings = [(loss, fold) for loss in LOSSES for fold in FOLDS]
        for loss, fold in self.trainings:
            self._training(loss, fold)
        times = pd.DataFrame({"s": [3.0], "max_rss": [100.0]})
        write_table(times, folder / "benchmarks/train/robust.tsv")

    def _case(self, number: int) -> dict[str, object]:
        image, mask = picture(number)
        mask = mask * (number in self.tumours)
        for name, pixels in {"cases": image, "stripped": image, "masks": mask * 255}.items():
            png(self.folder / f"{name}/c{number:02d}.png", pixels)
        png(self.folder / f"brain/c{number:02d}.png", (image > 0) * np.uint8(255))
        rare = bool(self.how.get("rare")) and number == 0
        area = int(mask.sum())
        return {
            "case": f"c{number:02d}",
            "patient": f"p{number % int(self.how.get('patients', 9))}",
            "plane": "sagittal" if rare else "axial",
            "tumour_type": "rare" if rare else "glioma" if self.how.get("rare") else np.nan,
            "pixel_height_mm": 0.5,
            "pixel_width_mm": 0.5,
            "tumour_px": area,
            "tumour_brain_ratio": self.how.get("ratio", area / 900),
            "compactness": 1.0 + number / 20 if area else np.nan,
            "gamma_msa": area / 5000,
        }

    @staticmethod
    def _role(number: int, fold: int) -> str:
        of_fold = 1 + number % 3
        return {fold: "test", 1 + fold % 3: "validation"}.get(of_fold, "train")

    def _training(self, loss: str, fold: int) -> None:
        place = f"robust/{loss}/seed-1/fold-{fold}"
        failed = fold in self.how.get("failed", ())
        epochs = [] if failed else range(1, 13)
        score = 0.5 if self.tumours else 0.0  # what validation gives where there is no tumour
        rows = [
            {"epoch": epoch, "learning_rate": 0.001, "loss": 1 / epoch, "val_loss": 1 / epoch}
            | {"val_iou": score, "val_dice": score, "seconds": 1.0}
            for epoch in epochs
        ]
        columns = ["epoch", "learning_rate", "loss", "val_loss", "val_iou", "val_dice", "seconds"]
        history = pd.DataFrame(rows, columns=columns)
        write_table(history, self.folder / f"models/{place}/history.tsv")
        record = {"recipe": "robust", "loss": {"name": loss}, "seed": 1, "fold": fold, "tuned": {}}
        record |= {"status": "failed" if failed else "ok", "failure": "NaN" if failed else ""}
        record |= {"network": {"name": "unet", "size_px": 32, "parameters": 9}, "threads": 1}
        record |= {
            "settings": {
                "preparation": "robust",
                "network": {},
                "training": {"epochs": 12, "keep_best": True},
            }
        }
        record |= {
            "device": {"kind": "cpu", "precision": "float32", "backend": "jax"},
            "versions": {},
            "code": "c",
        }
        record |= {"training_s": 9.0, "chosen_epoch": 1, "finished": "2026-01-01T00:00:00+00:00"}
        write_text(self.folder / f"models/{place}/settings.yaml", yaml.safe_dump(record))
        folder = self.folder / f"predictions/{place}"
        if failed:
            write_text(folder / "FAILED", "the loss became NaN")
            return
        for number in range(12):
            role = self._role(number, fold)
            if role != "train":
                _, mask = picture(number + (loss == "bce"))
                probability = 0.05 + 0.9 * mask * (number in self.predicted)
                part = "validation/" if role == "validation" else ""
                stored = (probability * 65535).astype(np.uint16)
                png(folder / f"{part}c{number:02d}.png", stored)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def each(self, pattern: str) -> list[str]:
        return [self.path(pattern.format(loss=loss, fold=fold)) for loss, fold in self.trainings]

    def outputs(self, step: str) -> dict[str, list[str]]:
        names = NAMES[step].split()
        return {
            kind: [self.path(f"tables/{name}.{suffix}") for name in names]
            for kind, suffix in (("tables", "tsv"), ("pages", "html"))
        }

    def run_all(self) -> None:
        """Every step from the predictions to the last figure."""
        path, metrics = self.path, [self.path(f"metrics/robust/{loss}.tsv") for loss in LOSSES]
        curves, bins = (
            [name.replace(".tsv", f".{kind}.tsv") for name in metrics]
            for kind in ("thresholds", "reliability")
        )
        read = {"cases_table": path("cases.tsv"), "folds_table": path("folds.tsv")}
        measuring = read | {"masks_dir": path("masks"), "tolerances_px": [2]}
        folders = self.each("predictions/robust/{loss}/seed-1/fold-{fold}")
        histories = self.each("models/robust/{loss}/seed-1/fold-{fold}/history.tsv")
        settings = self.each("models/robust/{loss}/seed-1/fold-{fold}/settings.yaml")
        for loss, table, curve, reliability in zip(LOSSES, metrics, curves, bins, strict=True):
            measure.main(
                **measuring,
                predictions=[folder for folder in folders if f"/{loss}/" in folder],
                metrics_table=table,
                thresholds_table=curve,
                reliability_table=reliability,
                page=table.replace(".tsv", ".html"),
                recipe="robust",
                loss=loss,
            )
        background = path("metrics/background.tsv")
        measure_background.main(**measuring, metrics_table=background)
        compare.main(metrics=metrics, background=background, **self.outputs("compare"))
        show_results.main(
            metrics=metrics,
            background=background,
            bars_svg=path("bars.svg"),
            cases_svg=path("cases.svg"),
        )
        check_convergence.main(
            histories=histories,
            settings_files=settings,
            strip_methods_table=path("strip_methods.tsv"),
            masks_table=path("masks.tsv"),
            method="head",
            **self.outputs("check_convergence"),
        )
        show_convergence.main(
            convergence_table=path("tables/convergence.tsv"), gains_svg=path("gains.svg")
        )
        tested = {"metrics": metrics, "thresholds_tables": curves, "reliability_tables": bins}
        question = {"recipe": "robust", "reference_loss": "bce", "margin": 0.02}
        analyse.main(
            **tested,
            cases_table=path("cases.tsv"),
            masks_table=path("masks.tsv"),
            settings_files=settings,
            convergence_table=path("tables/convergence.tsv"),
            answer_file=path("answer.rst"),
            **self.outputs("analyse"),
            **question,
            resamples=99,
            seed=1,
        )
        figures = [
            "forest",
            "paired",
            "ranking",
            "balance",
            "size",
            "thresholds",
            "reliability",
            "subgroups",
        ]
        tables = {"chosen": "thresholds"} | {
            name: name for name in ("contrasts", "verdicts", "ranking", "calibration", "subgroups")
        }
        show_statistics.main(
            **tested,
            **{f"{name}_table": path(f"tables/{file}.tsv") for name, file in tables.items()},
            **{f"{name}_svg": path(f"{name}.svg") for name in figures},
            **question,
            threshold=0.5,
        )
        show_data.main(
            **{f"{name}_dir": path(name) for name in ("cases", "stripped", "brain", "masks")},
            masks_table=path("masks.tsv"),
            strip_methods_table=path("strip_methods.tsv"),
            folds_table=path("folds.tsv"),
            annotation_svg=path("fig2.svg"),
            strip_svg=path("fig3.svg"),
            ratio_svg=path("figS1.svg"),
            strip_methods_svg=path("strips.svg"),
            method="head",
            large_ratio=0.1,
            **self.outputs("show_data"),
        )
        pictures = {"cases_dir": path("cases"), "masks_dir": path("masks")}
        pictures |= {"reference_loss": "bce", "predictions": folders, "metrics": metrics}
        show_recipe.main(
            **pictures,
            histories=histories,
            predictions_svg=path("fig5.svg"),
            curves_svg=path("curves.svg"),
            recipe="robust",
        )
        show_cases.main(**pictures, page=path("cases.html"))
        describe.main(
            **read,
            settings_files=settings,
            benchmarks=[path("benchmarks/train/robust.tsv")],
            tolerances_px=[2],
            **self.outputs("describe"),
        )


@pytest.fixture(autouse=True)
def drawn_only(monkeypatch):
    """Figures are laid out and drawn; only their files, which take most of the time, are empty."""

    def draw(figure, path):
        figure.draw_without_rendering()
        pyplot.close(figure)
        write_text(path, "")

    for script in (show_convergence, show_data, show_recipe, show_results, show_statistics):
        monkeypatch.setattr(script, "save_svg", draw)


QUICK = ("no tumour, none predicted", "one tumour, found", "one patient in each fold")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in COHORTS]
)
def test_every_table_and_figure_is_made_and_counts_what_is_undefined(name, tmp_path):
    cohort = Cohort(tmp_path, **COHORTS[name])
    cohort.run_all()
    for path in tmp_path.rglob("*.tsv"):
        assert len(read_table(path).columns), f"{path.name} has no column"
    assert (tmp_path / "answer.rst").read_text(encoding="utf-8").strip()
    metrics = read_table(tmp_path / "metrics/robust/bce.tsv")
    finished = metrics[metrics["status"] == "ok"]
    spread = read_table(tmp_path / "tables/distribution.tsv")
    dice = spread[(spread["loss"] == "bce") & (spread["metric"] == "dice")].iloc[0]
    assert dice["predictions"] == len(metrics) == 12
    assert dice["failed"] + dice["undefined"] == metrics["dice"].isna().sum()
    both_empty = (finished["truth_px"] == 0) & (finished["predicted_px"] == 0)
    assert dice["undefined"] == both_empty.sum()
    ranked = read_table(tmp_path / "tables/ranking.tsv").set_index("loss").loc["bce"]
    assert ranked["patients"] + ranked["undefined"] == metrics["patient"].nunique()


MODULES = (
    *(answer, calibration, comparison, convergence, ranking, subgroups),
    *(behaviour_figures, comparison_figures, convergence_figures, data_figures, result_figures),
    *(slice_figures, cost_tables, data_tables, run_tables, study_tables),
)


def functions(module: ModuleType) -> set[str]:
    """The names of a module's own public functions."""
    return {
        f"{module.__name__}.{name}"
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }


def test_the_cohorts_pass_through_every_function_of_statistics_tables_and_figures(tmp_path):
    called = set()

    def note(frame, event, _):
        if event == "call":
            called.add(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}")

    cohort = Cohort(tmp_path, **COHORTS["one patient of a plane and of a type"])
    sys.setprofile(note)
    try:
        cohort.run_all()
    finally:
        sys.setprofile(None)
    assert set().union(*map(functions, MODULES)) - called == set()
