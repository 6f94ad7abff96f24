"""Tests of the scripts that measure and compare, and of tumorseg.reporting.study_tables."""

import math

import cv2
import numpy as np
import pandas as pd
import pytest

import compare
import measure
import measure_background
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table, write_table
from tumorseg.reporting.study_tables import interval_text, published_rows, table2
from tumorseg.reporting.table_pages import page

FOLDS = (1, 2, 3)


def folder(study, fold):
    return study / f"predictions/seed-1/fold-{fold}"


def write_png(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


@pytest.fixture
def study(tmp_path):
    """Three folds of two cases; the predictions of fold k are the truth shifted by k pixels."""
    rows, folds = [], []
    for fold in FOLDS:
        for index in (1, 2):
            case = f"0{fold}{index}"
            truth = np.zeros((40, 60), np.uint8)
            truth[10:20, 10 : 20 + index] = 255
            write_png(tmp_path / f"masks/{case}.png", truth)
            probability = np.roll(truth, fold, axis=1).astype(np.uint16) * 257
            for target in (folder(tmp_path, fold), folder(tmp_path, 1 + fold % 3) / "validation"):
                write_png(target / f"{case}.png", probability)
            side = 0.5 if index == 1 else np.nan
            rows.append({"case": case, "pixel_height_mm": side, "pixel_width_mm": side})
            folds += [
                {"case": case, "patient": f"p{fold}", "plane": "axial", "fold": other}
                | {"role": {fold: "test", 1 + fold % 3: "validation"}.get(other, "train")}
                for other in FOLDS
            ]
    write_table(pd.DataFrame(rows), tmp_path / "cases.tsv")
    write_table(pd.DataFrame(folds), tmp_path / "folds.tsv")
    return tmp_path


def inputs(study):
    return {
        "masks_dir": str(study / "masks"),
        "cases_table": str(study / "cases.tsv"),
        "folds_table": str(study / "folds.tsv"),
    }


def measured(study, loss="focal"):
    path = study / f"{loss}.tsv"
    measure.main(
        **inputs(study),
        predictions=[str(folder(study, fold)) for fold in FOLDS],
        metrics_table=str(path),
        thresholds_table=str(study / f"{loss}.thresholds.tsv"),
        reliability_table=str(study / f"{loss}.reliability.tsv"),
        page=str(path.with_suffix(".html")),
        recipe="robust",
        loss=loss,
        tolerances_px=[2],
    )
    return path


def background(study):
    path = study / "background.tsv"
    measure_background.main(**inputs(study), metrics_table=str(path), tolerances_px=[2])
    return path


def compared(study, metrics):
    names = ("table2", "table3", "summary", "audit")
    compare.main(
        metrics=[str(metrics)],
        background=str(background(study)),
        tables=[str(study / f"{name}.tsv") for name in names],
        pages=[str(study / f"{name}.html") for name in names],
    )
    return {name: pd.read_csv(study / f"{name}.tsv", sep="\t", dtype=str) for name in names}


def test_each_test_case_is_measured_once_at_native_resolution(study):
    table = read_table(measured(study))
    assert sorted(table["case"]) == ["011", "012", "021", "022", "031", "032"]
    first = table.set_index("case").loc["031"]
    assert (first["tp"], first["fp"], first["fn"]) == (80, 30, 30)
    assert first["hausdorff_px"] == 3
    assert first["hausdorff_mm"] == 1.5
    assert np.isnan(table.set_index("case").loc["032", "hausdorff_mm"])


def test_the_background_baseline_misses_every_tumour(study):
    table = read_table(background(study))
    assert (table["missed"] == 1).all()
    assert table["precision"].isna().all()


def test_a_fold_whose_training_failed_is_failed_in_every_table(study):
    (study / "predictions/seed-1/fold-2/FAILED").write_text("loss became NaN\n")
    path = measured(study)
    assert list(read_table(path)["status"]).count("failed") == 2
    tables = compared(study, path)
    row = tables["table2"].query("loss == 'focal' and fold == '2' and recipe == 'robust'").iloc[0]
    assert row["dice_pct"] == row["accuracy_pct"] == row["status"] == "failed"
    assert "failed" in set(tables["table3"].query("fold == '2'")["hausdorff_px"])
    assert tables["summary"].iloc[0]["status"] == "1 of 3 folds failed"


def test_an_interval_over_folds_ends_where_no_value_can_be():
    assert interval_text([0.1, 0.3], 1, 100) == "20.00 (0.00 to 100.00)"
    assert interval_text([2.0, 6.0]) == "4.00 (0.00 to 29.41)"  # 4 + 12.706 x 2
    assert interval_text([0.5, 0.5, 0.5], 1, 100) == "50.00 (50.00 to 50.00)"
    assert interval_text([0.4], 1, 100) == "40.00"
    assert interval_text([math.nan], 1, 100) == "NaN"


def test_a_set_up_that_failed_in_every_fold_is_still_in_the_summary(study):
    for fold in FOLDS:
        (study / f"predictions/seed-1/fold-{fold}/FAILED").write_text("loss became NaN\n")
    tables = compared(study, measured(study))
    assert tables["summary"].iloc[0]["status"] == "failed"
    assert tables["summary"].iloc[0]["dice_pooled_pct"] == "failed"


def test_a_missing_prediction_is_a_one_line_error(study):
    (study / "predictions/seed-1/fold-2/021.png").unlink()
    with pytest.raises(UserError, match=r"021\.png: no such image file"):
        measured(study)


def test_a_prediction_of_the_wrong_size_is_a_one_line_error(study):
    write_png(study / "predictions/seed-1/fold-2/021.png", np.zeros((40, 59), np.uint16))
    with pytest.raises(UserError, match=r"021\.png: uint16 of \(40, 59\), expected"):
        measured(study)


def test_table_2_has_folds_mean_and_all_cases_averaged_in_three_ways(study):
    table = table2(read_table(measured(study)))
    assert list(table["fold"].unique()) == ["1", "2", "3", "mean", "all"]
    assert list(table["aggregation"].unique()) == ["pooled", "image", "patient"]
    pooled = table[table["aggregation"] == "pooled"].set_index("fold")["dice"]
    assert pooled["mean"] == pytest.approx(pooled[["1", "2", "3"]].mean())


def test_table_3_has_the_interval_over_folds_in_pixels_and_millimetres(study):
    table = compared(study, measured(study))["table3"].set_index(["recipe", "fold"])
    ours = table.loc["robust"]
    assert list(ours["hausdorff_px"]) == ["1.00", "2.00", "3.00", "2.00", "-0.48", "4.48"]
    assert list(ours["hausdorff_mm"][:3]) == ["0.50", "1.00", "1.50"]
    assert list(ours["undefined_mm"][:3]) == ["1", "1", "1"]
    published = table.loc["published"]["hausdorff_mm"]
    assert (published["95 % low"], published["95 % high"]) == ("43.22", "52.93")
    assert published["95 % high as printed"] == "52.92"


def test_published_rows_are_in_table_2_as_printed():
    rows = published_rows().set_index(["loss", "fold"])
    assert rows.loc[("focal", "1"), "dice"] == pytest.approx(0.78)
    assert rows.loc[("bce", "mean"), "dice"] == pytest.approx(0.7452)
    assert set(rows["aggregation"]) == {"not stated"}


def test_our_own_tables_pass_the_audit_and_the_published_ones_do_not(study):
    findings = compared(study, measured(study))["audit"]
    ours = findings[findings["source"] == "this experiment"]
    assert set(ours["level"]) == {"checked"}
    assert set(ours["table"]) == {"summary", "table2", "table3"}
    faulty = findings.query("level == 'fault'")["source"]
    assert len(set(faulty)) == 3 and "this experiment" not in set(faulty)


def test_an_impossible_value_in_our_own_tables_stops_the_workflow():
    row = {"aggregation": "pooled", "recipe": "robust", "loss": "bce", "fold": "1"}
    table = pd.DataFrame([row | {"dice_pct": "80.00", "iou_pct": "50.00"}])
    with pytest.raises(ValueError, match="impossible values in our own tables"):
        compare.audited({"table2": table})


def test_pages_show_the_text_of_the_tables_and_escape_it(study):
    table = compared(study, measured(study))["summary"]
    content = (study / "summary.html").read_text()
    assert all(f">{value}<" in content for value in table["dice_pooled_pct"])
    content = page(pd.DataFrame([{"case": "<b>", "fold": "mean", "dice": 0.123456}]), "title")
    assert '<tr class="mean">' in content
    assert "&lt;b&gt;" in content
    assert ">0.1235<" in content


def test_a_page_opens_on_its_means_where_it_has_them():
    folds = pd.DataFrame({"fold": ["1", "mean", "all", "95 % low"], "dice": [1.0, 1, 1, 1]})
    content = page(folds, "title")
    assert content.count('<tr class="fold">') == content.count('id="folds"') == 1
    assert '<tr class="fold">' not in page(folds[:1], "title")  # no means: every fold is shown
