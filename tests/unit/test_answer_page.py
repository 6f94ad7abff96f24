"""Promises of the first page: plain words, bars in their places, a page that fits the screen."""

import math
import re

import pandas as pd
import pytest
from chromium import browser
from hypothesis import given
from hypothesis import strategies as st

from tumorseg.reporting.answer_page import Link, Page, forest, render, write_page
from tumorseg.reporting.answer_tiles import how_expensive, how_fair, how_good, how_sure
from tumorseg.statistics.plain_words import chance, in_points, plain_verdict
from tumorseg.statistics.verdicts import UNDECIDED, verdict

MARGIN = 0.02


def row(loss: str, low: float, high: float, **more: object) -> dict[str, object]:
    """A row of the table of verdicts with the columns that the page reads."""
    said = verdict(low, high, MARGIN)
    numbers = {"mean": (low + high) / 2, "adjusted_low": low, "adjusted_high": high}
    counts = {"patients": 108, "trainings": 6, "seeds": 3, "needed_patients": 400.0}
    counts |= {"needed_trainings": 30.0, "p_holm": 0.0021, "p_equivalent": 0.01}
    texts = {"loss": loss, "against": "bce", "verdict": said, "reason": "too few patients"}
    return {**texts, **numbers, **counts, "margin": MARGIN, **more}


CLEAR = pd.DataFrame([row("dice_ce", 0.03, 0.10), row("unified", 0.032, 0.08)])
EQUAL = pd.DataFrame([row("focal", -0.012, 0.014)])
OPEN = pd.DataFrame([row("focal", -0.079, 0.069)])


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.05, 0.13, "focal segments better than bce: about 9 points of Dice, at least 5."),
        (-0.13, -0.05, "focal segments worse than bce: about 9 points of Dice, at least 5."),
        (
            -0.012,
            0.014,
            "focal segments as well as bce: the difference is smaller than the 2 points",
        ),
        (-0.01, 0.05, "focal is not worse than bce by as much as the margin of 2 points"),
        (-0.05, 0.01, "focal is not better than bce by as much as the margin of 2 points"),
        (-0.079, 0.069, "between 8 points of Dice in favour of bce and 7 points of Dice in favour"),
        (math.nan, math.nan, "it cannot be told whether focal or bce segments better."),
    ],
)
def test_each_verdict_has_its_plain_sentence(low, high, words):
    said = plain_verdict(pd.DataFrame([row("focal", low, high)]), 108, "bce")
    assert said.verdict.startswith("On these 108 patients, ")
    assert words in said.verdict
    assert said.further == ""


def test_several_losses_are_told_in_the_order_of_their_means_and_the_others_follow():
    table = pd.concat([CLEAR[::-1], OPEN], ignore_index=True)
    said = plain_verdict(table, 108, "dice_ce")
    assert "dice_ce and unified segment better than bce: by about 6 points of Dice" in said.verdict
    assert said.further.startswith("It cannot be told whether focal or bce")
    alone = plain_verdict(CLEAR[:0], 24, "bce").verdict
    assert alone == "On these 24 patients, bce is the only loss: there is nothing to compare."


def test_chance_is_told_in_whole_numbers():
    assert [chance(p) for p in (0.43, 0.034, 0.0021, 0.0004)] == [
        *("43 of 100", "3 of 100", "2 of 1,000", "fewer than 1 of 1,000")
    ]
    assert [in_points(x) for x in (0.0871, 0.0126, -0.02, 0.001)] == ["9", "1.3", "2", "0.1"]


ENDS = st.floats(-1, 1, allow_nan=False)


@given(st.lists(st.tuples(ENDS, ENDS).map(sorted), min_size=1, max_size=6))
def test_every_bar_lies_on_the_axis_where_its_interval_is(pairs):
    table = pd.DataFrame([row(f"l{n}", *pair) for n, pair in enumerate(pairs)])
    html = forest(table)
    zero = float(re.search(r'class="zero" style="left:([-\d.]+)%', html)[1])
    band = re.search(r'class="band" style="left:([-\d.]+)%;width:([\d.]+)%', html)
    scale = float(band[2]) / (2 * MARGIN)  # percent of the line for a Dice of 1
    bars = re.findall(r'class="bar" style="left:([-\d.]+)%;width:([\d.]+)%', html)
    assert len(bars) == len(pairs)
    for (low, high), (left, width) in zip(pairs, bars, strict=True):
        assert float(left) >= 0 and float(left) + float(width) <= 100.01
        assert float(left) == pytest.approx(zero + scale * low, abs=0.6)
        assert float(width) == pytest.approx(scale * (high - low), abs=0.6)


def a_page(verdicts: pd.DataFrame) -> Page:
    said = plain_verdict(verdicts, 108, "bce")
    tiles = [how_sure(verdicts)] if len(verdicts) else []
    return Page(
        study="my_study: 314 images of 108 patients",
        verdict=said.verdict,
        further=said.further,
        warnings=["**5 of 24 trainings had not converged**: <b>"],
        verdicts=verdicts,
        tiles=tiles,
        paragraph="**dice_ce** reached *more*.",
        links=[Link("report.html", "The report")],
    )


def test_the_page_escapes_text_and_needs_no_other_file():
    html = render(a_page(CLEAR))
    assert "<strong>5 of 24 trainings had not converged</strong>: &lt;b&gt;" in html
    assert "<strong>dice_ce</strong> reached <em>more</em>." in html
    assert "{{" not in html
    assert not re.search(r'(src|href)="(?!data:|report.html)', html)
    assert "Nothing compared" in render(a_page(CLEAR[:0]))


def test_the_first_tile_tells_chance_and_what_would_decide():
    sure = how_sure(CLEAR)
    assert sure.number == "2 of 1,000 by chance"
    assert "Holm's correction for 2 comparisons" in sure.sentences[0]
    assert how_sure(EQUAL).number == "within 2 points"
    assert "400 patients" in how_sure(OPEN).sentences[-1]
    nothing = OPEN.assign(p_holm=math.nan, verdict=UNDECIDED, reason="no spread")
    assert how_sure(nothing).number == "not testable"


def test_the_other_tiles_count_trainings_tumours_and_time():
    convergence = pd.DataFrame({"verdict": ["converged", "still improving"], "seed": 1})
    fairness = pd.DataFrame(
        [
            ("all trainings converged", "no", ""),
            ("same number of epochs", "yes", "60"),
            ("same precision", "no", "bce: float32; focal: bfloat16"),
        ],
        columns=["question", "answer", "detail"],
    )
    fair = how_fair(convergence, fairness, "Registered.")
    assert fair.number == "1 of 2 trainings done learning"
    assert "precision (bce: float32; focal: bfloat16)" in fair.sentences[0]
    assert "one seed" in fair.sentences[1] and fair.sentences[2] == "Registered."
    assert "number of epochs" in how_fair(convergence, fairness[:2]).sentences[0]
    common = {"aggregation": "patient", "fold": "all", "tumours": 60}
    table2 = pd.DataFrame(
        [
            {"recipe": "robust", "loss": "bce", "dice_pct": 62.6, "missed_tumours": 14, **common},
            {"recipe": "robust", "loss": "focal", "dice_pct": 61, "missed_tumours": 7, **common},
            {"recipe": "baseline", "loss": "background", "dice_pct": 0, "missed_tumours": 60}
            | common,
        ]
    ).assign(accuracy_pct=98.7)
    good = how_good(table2, "robust", "bce", "bce")
    assert good.number == "63 % Dice"
    assert "bce 14 of 60, focal 7 of 60" in good.sentences[1]
    training = {"training_s": 1900.0, "loss": {"name": "bce"}, "device": {"kind": "gpu"}}
    assert how_expensive([training] * 2, "bce").number == "1.1 hours"
    assert how_expensive([training | {"training_s": 100}], "bce").number == "2 minutes"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_the_window_and_its_links_lead_on(tmp_path, width):
    path = tmp_path / "answer.html"
    write_page(path, a_page(pd.concat([CLEAR, EQUAL, OPEN])))
    with browser(path, width) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.locator("nav a").count() == 1
        assert tab.complaints == []
