"""Promises of the reporting checklists: all items, and facts of this run alone with their place."""

import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from tumorseg.reporting.checklist_evidence import FACTS, Evidence
from tumorseg.reporting.checklists import COLUMNS, ITEMS, OPEN, filled
from write_manuscript import latex

ROOT = Path(__file__).resolve().parents[2]
# The sub-items of TRIPOD+AI; every other item from 1 to 27 has none.
PARTS = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef"}
PARTS |= {20: "abc", 23: "ab", 27: "abc"}
NUMBERS = {
    "claim_2024": [str(number) for number in range(1, 45)],
    "tripod_ai": [f"{n}{part}" for n in range(1, 28) for part in PARTS.get(n, " ")],
}


def training(loss: str, status: str = "ok") -> dict:
    return {
        "recipe": "robust",
        "loss": {"name": loss},
        "seed": 1,
        "status": status,
        "network": {"name": "unet", "size_px": 48, "base_width": 8, "parameters": 1234},
        "settings": {"preparation": "robust"},
        "versions": {"tumorseg": "0.2.0", "keras": "3.15.1"},
    }


def table(**columns) -> pd.DataFrame:
    return pd.DataFrame(columns)


@pytest.fixture
def run() -> Evidence:
    """Two losses on three cases of two patients, one of them without a tumour."""
    cases = ["p01-1", "p01-2", "p02-1"]
    patients = ["p01", "p01", "p02"]
    of_losses = {"recipe": ["robust", "robust"], "loss": ["bce", "dice"]}
    nan = float("nan")
    return Evidence(
        plan={
            "question.in words": "which is better",
            "question.primary contrasts": ["dice against bce"],
            "use of patients.test": "2 folds",
            "use of patients.validation": "15 %",
            "use of patients.tuning": "nothing is tuned",
            "settings.source.kind": "folder",
            "settings.skull_strip.method": "none",
            "settings.seed": 1,
            "settings.reference_loss": "bce",
            "settings.statistics.margin": 0.02,
            "settings.statistics.resamples": 9999,
            "settings.measure.threshold": 0.5,
        },
        tables={
            "cases": table(
                case=cases,
                patient=patients,
                plane=["axial"] * 3,
                height_px=[64, 64, 80],
                width_px=[64] * 3,
                pixel_height_mm=[0.5, 0.5, nan],
            ),
            "masks": table(case=cases, tumour_px=[10, 0, 30], brain_px=[100, 100, 100]),
            "folds": table(
                case=cases * 2,
                patient=patients * 2,
                fold=[1] * 3 + [2] * 3,
                role=["train", "train", "test", "test", "test", "train"],
            ),
            "run": table(what=["recipe robust"], value=["epochs 60"]),
            "conventions": table(metric=["dice", "iou"]),
            "summary": table(**of_losses, missed_tumours=[1, 0], tumours=[2, 2]),
            "harmed_cases": table(case=[]),
            "convergence": table(verdict=["converged", "still improving"]),
            "contrasts": table(
                role=["primary"],
                threshold=["fixed"],
                loss=["dice"],
                against=["bce"],
                mean_difference=[0.05],
                low=[0.01],
                high=[nan],
            ),
            "ranking": table(**of_losses, mean=[0.5, 0.55], low=0.4, high=0.6, patients=2),
            "subgroups": table(kind=["plane"], group=["axial"]),
            "distribution": table(metric=["dice"], undefined=[1], predictions=[6]),
        },
        trainings=[training("bce"), training("dice", "failed")],
        registered="2026-11-28, before training",
        changes=1,
        names="pseudonyms",
        excluded=3,
    )


@pytest.mark.parametrize("name", ITEMS)
def test_every_item_of_the_published_checklist_is_there_once(name):
    assert [str(item["item"]) for item in ITEMS[name]] == [n.strip() for n in NUMBERS[name]]


@pytest.mark.parametrize("name", ITEMS)
def test_every_item_names_known_facts_and_says_what_the_author_writes(name):
    for item in ITEMS[name]:
        assert set(item["facts"]) <= set(FACTS), item["item"]
        assert len(item["author"].split()) > 3, item["item"]


def test_every_fact_is_used_and_its_place_is_an_item_of_the_report_or_a_file_beside_it():
    used = {fact for items in ITEMS.values() for item in items for fact in item["facts"]}
    assert used == set(FACTS)
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.smk"))
    for name, (_, place) in FACTS.items():
        assert f'"{place}"' in rules or place.startswith("beside the report: "), name


@pytest.mark.parametrize("name", ITEMS)
def test_a_row_has_facts_with_their_place_or_words_for_the_author(run, name):
    rows = filled(name, run)
    assert tuple(rows) == COLUMNS
    assert len(rows) == len(ITEMS[name])
    for row in rows.itertuples():
        assert bool(row.from_this_run) == bool(row.shown_in_report) == (row.status != OPEN)
        assert bool(row.for_author) == (row.status != "filled")
    assert set(Counter(rows["status"])) == {"filled", "in part", "author"}


def test_filled_cells_are_the_values_of_the_run(run):
    rows = filled("claim_2024", run).set_index("item")["from_this_run"]
    assert "3 cases (3 axial) of 2 patients; 2 cases with a tumour, 1 without" in rows["35"]
    assert "3 taken out by source.exclude" in rows["35"]
    assert "1 of 2 trainings failed" in rows["12"]
    assert rows["20"] == "Patients in two parts of one fold: 0 of 4"
    assert "dice against bce: +5.0 points (+1.0 to undefined)" in rows["38"]
    assert "1,234 parameters" in rows["22"]
    assert "robust/bce 1 of 2" in rows["39"]


def test_a_fact_that_the_run_does_not_know_leaves_the_item_to_the_author(run):
    row = filled("claim_2024", run).set_index("item").loc["14"]  # one class, without a name
    assert (row["status"], row["from_this_run"]) == (OPEN, "")


def test_sentences_in_latex_break_into_lines_and_pages():
    text = latex(table(item=["1"], topic=["all of 100 % of a_b & c, " * 5]))
    assert re.match(r"\\begin\{longtable\}\{lp\{0.86\\linewidth\}\}", text)
    assert text.rstrip().endswith("\\end{longtable}")
    assert "100 \\% of a\\_b \\& c" in text
    assert latex(table(item=["1"])).startswith("\\begin{tabular}{l}")


def test_every_latex_table_names_the_columns_that_it_has():
    empty = latex(table(case=[], plane=[]))
    assert empty.startswith("\\begin{tabular}{ll}") and "case" in empty and "plane" in empty
    wide = table(**{f"column_{n}": [f"{n}.5", "NaN"] for n in range(20)})
    turned = latex(wide)  # wider than a page, and of few rows: a line for each column
    assert turned.startswith("\\begin{tabular}{lll}") and "column\\_19" in turned
    assert turned.count("\\\\") == 21
    long = latex(pd.concat([wide] * 5))
    assert long.startswith("\\begin{tabular}{" + "l" * 20 + "}")
