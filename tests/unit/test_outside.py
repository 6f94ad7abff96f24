"""Outside data: never trained on, predicted by all trainings together, compared with the inside."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_comparison import QUESTION, metrics_rows

import analyse_external
import compare_sources
import measure_external
import show_external
from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import write_case, write_case_mask
from tumorseg.core.problems import DataError
from tumorseg.evaluation import member_masks
from tumorseg.evaluation.probabilities import quantised
from tumorseg.reporting.answer_tiles import how_elsewhere
from tumorseg.statistics.comparison import FIXED, OWN, contrasts, patient_scores
from tumorseg.statistics.outside import (
    MEMBERS,
    outside_contrasts,
    results,
    single_scores,
    welch_interval,
)

SIDE = 8


def outside(gains, *, patients=20, trainings=(1, 2, 3), seed=5):
    """Metrics rows of one ensemble a loss, at both thresholds, and its trainings one by one."""
    rows = metrics_rows(gains, patients=patients, seed=seed).assign(seed=0, fold=0, threshold=0.5)
    own = rows.assign(dice=rows["dice"] + 0.01, threshold=0.4)
    single = [
        (row.recipe, row.loss, number, 1, row.case, row.patient, row.dice - 0.02 * number)
        for row in rows.itertuples()
        for number in trainings
    ]
    metrics = pd.concat([rows.assign(choice=FIXED), own.assign(choice=OWN)])
    return metrics, pd.DataFrame(single, columns=MEMBERS)


def inside(gains):
    scores = patient_scores(metrics_rows(gains, patients=40, seed=9))
    return {FIXED: scores, OWN: scores}


def test_the_interval_of_a_drop_is_welchs_of_two_groups_of_patients():
    random = np.random.default_rng(3)
    first, second = pd.Series(random.normal(0.6, 0.1, 30)), pd.Series(random.normal(0.4, 0.3, 12))
    second[12] = math.nan  # an undefined Dice
    drop = welch_interval(first, second)
    spread = first.var() / 30 + second.var() / 12
    df = spread**2 / ((first.var() / 30) ** 2 / 29 + (second.var() / 12) ** 2 / 11)
    half = stats.t.ppf(0.975, df) * math.sqrt(spread)
    assert drop.mean == pytest.approx(first.mean() - second.mean())
    assert (drop.low, drop.high) == pytest.approx((drop.mean - half, drop.mean + half))
    assert math.isnan(welch_interval(first, second[:1]).low)


def test_the_drop_compares_trainings_one_by_one_and_the_dice_is_of_all_together():
    metrics, members = outside({"bce": 0.0, "focal": 0.1})
    within = inside({"bce": 0.2, "focal": 0.2})
    table = results(metrics, members, within).set_index(["loss", "choice"])
    for loss in ("bce", "focal"):
        own = metrics.query("loss == @loss and choice == @FIXED")["dice"]
        row = table.loc[(loss, FIXED)]
        assert row["dice"] == pytest.approx(own.mean())
        assert row["single_dice"] == pytest.approx(own.mean() - 0.04)
        assert row["inside_dice"] == pytest.approx(
            within[FIXED]["robust", loss].mean(axis=1).mean()
        )
        assert row["drop"] == pytest.approx(row["inside_dice"] - row["single_dice"])
        assert row["drop_low"] < row["drop"] < row["drop_high"]
        assert (row["patients"], row["inside_patients"], row["trainings"]) == (20, 40, 3)
        at_own = table.loc[(loss, OWN)]
        assert (at_own["threshold"], at_own["dice"]) == pytest.approx((0.4, row["dice"] + 0.01))
        assert math.isnan(at_own["drop"])


def test_outside_contrasts_say_that_patients_alone_are_chance_and_add_the_trainings():
    metrics, members = outside({"bce": 0.0, "focal": 0.1})
    lucky = members["loss"].eq("focal") * members["seed"].map({1: -0.08, 2: 0.0, 3: 0.08})
    members["dice"] += lucky
    table = outside_contrasts(metrics, members, QUESTION).set_index("threshold")
    row = table.loc[FIXED]
    assert (row["loss"], row["against"], row["patients"], row["seeds"]) == ("focal", "bce", 20, 1)
    assert "patients are the only source of chance" in row["about"]
    assert row["low"] > 0.05
    assert row["single_difference"] == pytest.approx(row["mean_difference"])
    # Trainings that differ by .08 make the claim about the loss twice as uncertain.
    assert row["single_high"] - row["single_low"] > 2 * (row["high"] - row["low"])
    assert math.isnan(table.loc[OWN, "single_low"])


def test_failed_ensembles_have_no_dice_and_no_single_trainings():
    metrics, members = outside({"bce": 0.0, "focal": 0.1})
    failed = metrics["loss"] == "focal"
    metrics.loc[failed, ["dice", "missed"]] = math.nan
    table = results(metrics, members[members["loss"] == "bce"], inside({"bce": 0, "focal": 0}))
    row = table.set_index(["loss", "choice"]).loc[("focal", FIXED)]
    assert math.isnan(row["dice"]) and row["undefined"] == 20 and row["trainings"] == 0
    contrast = outside_contrasts(metrics, members[members["loss"] == "bce"], QUESTION).iloc[0]
    assert contrast["undecided"] == 20 and math.isnan(contrast["single_difference"])


def test_the_tables_of_the_report_are_those_of_the_outside_data_by_loss_and_by_site(tmp_path):
    gains = {"bce": 0.0, "focal": 0.1}
    metrics, members = outside(gains)
    within = metrics_rows(gains, patients=40).assign(plane="axial", threshold=0.5)
    for folder in ("in/robust", "out/robust"):
        (tmp_path / folder).mkdir(parents=True)
    for loss in gains:
        own = within[within["loss"] == loss]
        keys = own[["seed", "fold", "case", "patient"]]
        curves = [
            keys.assign(role=role, threshold=at, tp=50, fp=int(100 * at), fn=20)
            for role in ("test", "validation")
            for at in (0.3, 0.5)
        ]
        write_table(own, tmp_path / f"in/robust/{loss}.tsv")
        write_table(pd.concat(curves), tmp_path / f"in/robust/{loss}.thresholds.tsv")
        for table, end in ((metrics, ""), (members, ".members")):
            rows = table[table["loss"] == loss]
            write_table(rows, tmp_path / f"out/robust/{loss}{end}.tsv")
    cases = metrics[["case", "patient"]].drop_duplicates().assign(plane="axial")
    sites = cases.assign(tumour_type=math.nan, site=["1", "2"] * 10)
    write_table(sites, tmp_path / "cases.tsv")
    shape = {"tumour_px": range(20), "compactness": range(20), "gamma_msa": range(20)}
    write_table(cases.assign(**shape), tmp_path / "masks.tsv")
    names = ["external", "external_contrasts", "external_subgroups"]

    def of_losses(pattern):
        return [str(tmp_path / pattern.format(loss)) for loss in gains]

    analyse_external.main(
        metrics=of_losses("in/robust/{}.tsv"),
        thresholds_tables=of_losses("in/robust/{}.thresholds.tsv"),
        external_metrics=of_losses("out/robust/{}.tsv"),
        members_tables=of_losses("out/robust/{}.members.tsv"),
        cases_table=str(tmp_path / "cases.tsv"),
        masks_table=str(tmp_path / "masks.tsv"),
        tables=[str(tmp_path / f"{name}.tsv") for name in names],
        pages=[str(tmp_path / f"{name}.html") for name in names],
        recipe="robust",
        reference_loss="bce",
        resamples=999,
        seed=1,
        margin=0.02,
    )
    found, pairs, groups = (read_table(tmp_path / f"{name}.tsv", ("group",)) for name in names)
    assert list(found["loss"]) == ["bce", "focal"] * 2 and (found["inside_patients"] == 40).all()
    assert list(pairs["loss"]) == ["focal", "focal"] and not pairs["about"].isna().any()
    by_site = groups[(groups["kind"] == "site") & (groups["loss"] == "focal")]
    assert list(by_site["group"]) == ["1", "2"] and list(by_site["patients"]) == [10, 10]


def told(metrics, members, inside_gains, tmp_path, best="focal"):
    """The sentences of `show_external`, and its figure's text."""
    within = metrics_rows(inside_gains, patients=40, seed=9)
    tables = {
        "external": results(metrics, members, inside(inside_gains)),
        "external_contrasts": outside_contrasts(metrics, members, QUESTION),
        "contrasts": contrasts({FIXED: patient_scores(within)}, QUESTION),
        "ranking": pd.DataFrame({"recipe": ["robust"], "loss": [best], "mean": [0.7]}),
    }
    for name, table in tables.items():
        write_table(table, tmp_path / f"{name}.tsv")
    show_external.main(
        **{f"{name}_table": str(tmp_path / f"{name}.tsv") for name in tables},
        outside_svg=str(tmp_path / "outside.svg"),
        words_file=str(tmp_path / "answer.rst"),
        recipe="robust",
        reference_loss="bce",
        margin=0.02,
    )
    assert (tmp_path / "outside.svg").stat().st_size > 10_000
    return (tmp_path / "answer.rst").read_text(encoding="utf-8"), tables


def test_the_first_lines_say_how_the_best_loss_does_outside_and_whether_its_lead_holds(tmp_path):
    metrics, members = outside({"bce": 0.0, "focal": 0.1})
    words, tables = told(metrics, members, {"bce": 0.2, "focal": 0.2}, tmp_path)
    row = tables["external"].query("loss == 'focal' and choice == @FIXED").iloc[0]
    pair = tables["external_contrasts"].query("threshold == @FIXED").iloc[0]
    assert "(20 patients, on whom nobody trained): focal, all its trainings together" in words
    assert f"Dice of {100 * row['dice']:.1f} %" in words
    inside_dice, single = 100 * row["inside_dice"], 100 * row["single_dice"]
    assert f"from {inside_dice:.1f} % inside to {single:.1f} %" in words
    assert f"from bce there is {100 * pair['mean_difference']:+.1f} points" in words
    assert "where the luck of trainings is counted as well" in words
    tile = how_elsewhere(tables["external"], tables["external_contrasts"], QUESTION, "focal")
    assert tile.number == f"{100 * row['dice']:.0f} % Dice" and tile.sentences[-1] in words


def test_a_best_loss_that_is_the_reference_has_no_difference_outside(tmp_path):
    metrics, members = outside({"bce": 0.1, "focal": 0.0})
    words, _ = told(metrics, members, {"bce": 0.2, "focal": 0.1}, tmp_path, best="bce")
    assert "bce, all its trainings together" in words and "difference" not in words


def test_a_loss_that_failed_is_said_to_have_no_result_outside(tmp_path):
    metrics, members = outside({"bce": 0.0, "focal": 0.1})
    metrics.loc[metrics["loss"] == "focal", ["dice", "missed"]] = math.nan
    members = members[members["loss"] == "bce"]
    words, tables = told(metrics, members, {"bce": 0.2, "focal": 0.2}, tmp_path)
    assert words == "**Outside data**: focal has no result there.\n"
    assert how_elsewhere(tables["external"], pd.DataFrame(), QUESTION, "focal").number == (
        "not measured"
    )


def test_a_dice_outside_has_no_interval_below_0():
    metrics, members = outside({"bce": 0.0})
    metrics["dice"] = [0.3] + [0.0] * (len(metrics) - 1)
    assert results(metrics, members, inside({"bce": 0.0}))["low"].min() == 0


def test_a_loss_alone_has_results_and_no_contrast():
    metrics, members = outside({"bce": 0.0})
    assert len(results(metrics, members, inside({"bce": 0.0}))) == 2
    assert outside_contrasts(metrics, members, QUESTION).empty


def test_single_scores_are_means_over_a_patients_images_where_defined():
    rows = [
        ("r", "bce", 1, 2, "a1", "a", 0.2),
        ("r", "bce", 1, 2, "a2", "a", 0.6),
        ("r", "bce", 1, 2, "a3", "a", math.nan),
        ("r", "bce", 1, 2, "b1", "b", 0.5),
    ]
    table = single_scores(pd.DataFrame(rows, columns=MEMBERS))["r", "bce"]
    assert dict(table[2, 1]) == pytest.approx({"a": 0.4, "b": 0.5})


def test_members_masks_come_back_as_the_dice_of_each(tmp_path):
    truth = np.zeros((5, 7), np.uint8)
    truth[1:3, 1:5] = 1
    half = truth.copy()
    half[2] = 0
    masks = [np.packbits(mask) for mask in (truth, half, np.zeros_like(truth))]
    member_masks.store(tmp_path, "a", ["x", "y", "z"], masks)
    found = member_masks.dice(tmp_path, "a", truth)
    assert found == pytest.approx({"x": 1.0, "y": 2 / 3, "z": 0.0})


@pytest.fixture
def sources(tmp_path):
    """Two sources of three and two cases, each with a blank image."""

    def image(number):
        return np.random.default_rng(number).integers(0, 255, (SIDE, SIDE)).astype(np.uint8)

    blank = np.zeros((SIDE, SIDE), np.uint8)
    images = {"in": [image(1), image(2), blank], "out": [image(3), blank]}
    for name, own in images.items():
        cases = [f"{name}{number}" for number in range(len(own))]
        for case, pixels in zip(cases, own, strict=True):
            (tmp_path / name).mkdir(exist_ok=True)
            write_case(tmp_path / name, case, pixels, None)
        patients = [f"{name}-p{number}" for number in range(len(own))]
        write_table(pd.DataFrame({"case": cases, "patient": patients}), tmp_path / f"{name}.tsv")
    return tmp_path


def compared(folder):
    compare_sources.main(
        cases_table=str(folder / "in.tsv"),
        cases_dir=str(folder / "in"),
        external_table=str(folder / "out.tsv"),
        external_dir=str(folder / "out"),
        sources_table=str(folder / "sources.tsv"),
    )
    return read_table(folder / "sources.tsv").set_index("data")


def test_sources_without_a_common_image_pass_though_both_have_blank_ones(sources):
    table = compared(sources)
    assert list(table.loc["outside", ["cases", "patients", "patients_of_equal_name"]]) == [2, 2, 0]


def test_an_outside_image_that_is_among_the_inside_ones_stops_with_one_line(sources):
    (sources / "out/out0.png").write_bytes((sources / "in/in1.png").read_bytes())
    with pytest.raises(DataError) as stop:
        compared(sources)
    line = str(stop.value)
    assert "1 of 2 images are among the inside ones, such as out0 (inside in1)" in line
    assert "[outside_inside]" in line and "\n" not in line
    assert not (sources / "sources.tsv").exists()


def test_a_patient_of_an_equal_name_is_a_warning(sources, capsys):
    table = read_table(sources / "out.tsv").assign(patient=["in-p1", "other"])
    write_table(table, sources / "out.tsv")
    assert compared(sources).at["outside", "patients_of_equal_name"] == 1
    printed = capsys.readouterr().err
    assert "WARNING external: 1 patients have the name of an inside patient (in-p1)" in printed


def test_the_own_threshold_of_outside_cases_is_chosen_on_validation_cases_inside(tmp_path):
    """Whatever the outside masks are, it is the mean of what the trainings chose."""
    probability = np.full((SIDE, SIDE), 0.3)
    probability[2:5, 2:5] = 0.7
    truth = (probability > 0.5).astype(np.uint8)
    folder = tmp_path / "predictions"
    for place in (folder, folder / "members", tmp_path / "masks"):
        place.mkdir()
    write_case(folder, "x", quantised(probability), None)
    write_case_mask(tmp_path / "masks", "x", truth, None)
    masks = [np.packbits(truth), np.packbits(1 - truth)]
    member_masks.store(folder / "members", "x", ["seed-1_fold-1", "seed-1_fold-2"], masks)
    case = {"case": "x", "patient": "p", "plane": "axial"}
    case |= {"pixel_height_mm": 1.0, "pixel_width_mm": 1.0}
    write_table(pd.DataFrame([case]), tmp_path / "cases.tsv")
    # Validation cases whose Dice is best at .2 in fold 1, at .3 in fold 2.
    curve = [
        {"role": "validation", "seed": 1, "fold": fold, "case": "v", "patient": "v"}
        | {"threshold": at, "tp": 9 if at == best else 1, "fp": 0, "fn": 1}
        for fold, best in ((1, 0.2), (2, 0.3))
        for at in (0.2, 0.3, 0.5)
    ]
    (tmp_path / "robust").mkdir()
    write_table(pd.DataFrame(curve), tmp_path / "robust/bce.thresholds.tsv")
    measure_external.main(
        predictions_dir=str(folder),
        masks_dir=str(tmp_path / "masks"),
        cases_table=str(tmp_path / "cases.tsv"),
        thresholds_table=str(tmp_path / "robust/bce.thresholds.tsv"),
        metrics_table=str(tmp_path / "metrics.tsv"),
        members_table=str(tmp_path / "members.tsv"),
        recipe="robust",
        loss="bce",
        tolerances_px=[2],
        threshold=0.5,
    )
    table = read_table(tmp_path / "metrics.tsv").set_index("choice")
    assert (table.at[FIXED, "dice"], table.at[FIXED, "threshold"]) == (1, 0.5)
    assert table.at[OWN, "threshold"] == 0.25  # everything is tumour there
    assert table.at[OWN, "dice"] == pytest.approx(2 * 9 / (64 + 9))
    members = read_table(tmp_path / "members.tsv")
    assert list(members[["seed", "fold", "dice"]].itertuples(index=False, name=None)) == [
        (1, 1, 1.0),
        (1, 2, 0.0),
    ]
