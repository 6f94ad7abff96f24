"""Several classes: read from one annotation, packed, measured, and compared each by itself."""

import json
import math
from pathlib import Path

import cv2
import layouts
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packed_files import pack_in
from scipy import stats

import measure
import rasterize
from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import of_class, read_mask, write_mask, write_png
from tumorseg.data import reading
from tumorseg.data.classes import class_meanings
from tumorseg.data.storing import every_class, filled, store_case
from tumorseg.evaluation.case_metrics import columns, failed, measured
from tumorseg.evaluation.classes import likeliest, mean_of_classes, summed_curves
from tumorseg.evaluation.probabilities import quantised
from tumorseg.statistics.by_class import by_class, class_thresholds
from tumorseg.statistics.comparison import Question

QUESTION = Question(recipe="robust", reference="bce", resamples=199, seed=1)
REGIONS = {"whole": ["1", "2", "4"], "core": ["1", "4"], "enhancing": ["4"]}


def read(folder: Path, kind: str, classes: dict[str, list[str]], **options):
    """The first case of a source with classes, and all problems."""
    source = {"kind": kind, "classes": classes} | options
    items = list(reading.read(source, str(folder), 1))
    problems = [problem for item in items for problem in item.problems]
    return next((case for item in items for case in item.cases), None), problems


def masks_of(case) -> list[np.ndarray]:
    return [filled(drawn, case.image.shape) for drawn in every_class(case)]


def test_each_class_is_what_its_labels_alone_would_be(tmp_path):
    layouts.brats18(tmp_path)
    case, problems = read(tmp_path, "brats", REGIONS)
    assert [p.line() for p in problems if p.severity == "error"] == []
    for labels, mask in zip(REGIONS.values(), masks_of(case), strict=True):
        alone = {n: "tumour" if n in labels else "background" for n in ("1", "2", "4")}
        items = list(reading.read({"kind": "brats", "labels": alone}, str(tmp_path), 1))
        expected = next(c for item in items for c in item.cases if c.case == case.case)
        np.testing.assert_array_equal(mask, expected.mask)
    assert [int(mask.sum()) for mask in masks_of(case)] == [36, 24, 12]


def test_slices_that_show_any_class_become_cases_not_only_those_of_the_primary_one(tmp_path):
    layouts.nnunet_2(tmp_path)
    item = next(
        item
        for item in reading.read(
            {"kind": "nnunet", "classes": {"TZ": ["TZ"], "PZ": ["PZ"]}, "sequence": 0},
            str(tmp_path),
            1,
        )
        if item.cases
    )
    assert len(item.cases) == 2
    assert all(len(case.other_classes) == 1 for case in item.cases)


@pytest.mark.parametrize(
    ("classes", "labels", "code"),
    [
        ({"PZ": ["PZ"]}, None, "label_unknown"),
        ({"PZ": ["PZ"]}, {"TZ": "background"}, ""),
        ({"both": ["PZ", "2"]}, None, ""),
        ({"PZ": ["PZ"], "other": ["AFS"]}, {"TZ": "background"}, "label_not_in_dataset"),
    ],
)
def test_classes_name_the_labels_of_the_dataset_json(classes, labels, code, tmp_path):
    layouts.nnunet_2(tmp_path)
    given = {"labels": labels} if labels else {}
    case, problems = read(tmp_path, "nnunet", classes, sequence=0, **given)
    assert [p.code for p in problems if p.severity == "error"] == ([code] if code else [])
    assert (case is None) == bool(code)


def test_regions_of_a_dataset_json_are_classes_that_overlap(tmp_path):
    layouts.nnunet_regions(tmp_path)
    classes = {"whole": ["whole_tumor"], "enhancing": ["enhancing_tumor"]}
    case, problems = read(tmp_path, "nnunet", classes, plane="axial")
    assert [p.line() for p in problems if p.severity == "error"] == []
    assert "label_ignore" in {problem.code for problem in problems}
    whole, enhancing = masks_of(case)
    assert whole.sum() == 36 and enhancing.sum() == 12
    assert not (enhancing & ~whole).any()


def test_polygons_of_several_labels_become_classes(tmp_path):
    image = np.random.default_rng(1).integers(0, 255, (40, 50), np.uint8)
    assert cv2.imwrite(str(tmp_path / "a.png"), image)
    shapes = [
        {"label": name, "shape_type": "polygon", "points": [[a, a], [b, a], [b, b], [a, b]]}
        for name, a, b in (("oedema", 4.5, 24.5), ("core", 9.5, 19.5))
    ]
    drawn = {"shapes": shapes, "imageHeight": 40, "imageWidth": 50}
    (tmp_path / "a.json").write_text(json.dumps(drawn))
    rows = [["a", "a.png", "a.json", "p", "axial"]]
    names = ["case", "image", "annotation", "patient", "plane"]
    write_table(pd.DataFrame(rows, columns=names), tmp_path / "cases.tsv")
    case, problems = read(tmp_path, "table", {"whole": ["oedema", "core"], "core": ["core"]})
    assert [p.line() for p in problems] == []
    assert [int(mask.sum()) for mask in masks_of(case)] == [400, 100]
    case, problems = read(tmp_path, "table", {"core": ["core"]})
    assert [p.code for p in problems] == ["label_unknown"]


@given(st.permutations(["a", "b", "c"]))
def test_permuted_classes_permute_their_labels(order):
    classes = {"a": ["1"], "b": ["2", "3"], "c": ["3"]}
    plain = dict(zip(classes, class_meanings(classes, {"9": "background"}), strict=True))
    permuted = class_meanings({name: classes[name] for name in order}, {"9": "background"})
    for name, meaning in zip(order, permuted, strict=True):
        assert dict(sorted(meaning.items())) == dict(sorted(plain[name].items()))


@pytest.fixture
def stored(tmp_path):
    """Three BraTS cases of three regions, rasterized."""
    layouts.brats18(tmp_path / "data")
    (tmp_path / "cases").mkdir()
    (tmp_path / "annotations").mkdir()
    source = {"kind": "brats", "classes": REGIONS, "slices": "largest"}
    cases = [c for item in reading.read(source, str(tmp_path / "data"), 1) for c in item.cases]
    rows = [store_case(case, case.case, case.patient, tmp_path) for case in cases]
    write_table(pd.DataFrame(rows), tmp_path / "cases.tsv")
    rasterize.main(
        cases_table=str(tmp_path / "cases.tsv"),
        annotations_dir=str(tmp_path / "annotations"),
        stripped_dir=str(tmp_path / "cases"),
        masks_table=str(tmp_path / "masks.tsv"),
        masks_dir=str(tmp_path / "masks"),
        config={"skull_strip": {"method": "none"}},
        classes=3,
    )
    return tmp_path, cases


def test_masks_of_every_class_are_stored_and_the_table_measures_the_primary_one(stored):
    folder, cases = stored
    for case in cases:
        for position, mask in enumerate(masks_of(case), 1):
            path = of_class(folder / "masks", position) / f"{case.case}.png"
            np.testing.assert_array_equal(read_mask(path), mask)
    assert set(read_table(folder / "masks.tsv")["tumour_px"]) == {36}


@pytest.mark.parametrize("overlapping", [True, False])
def test_targets_have_a_channel_for_each_class(stored, overlapping):
    folder, cases = stored
    pack_in(folder, "cases", classes=3, overlapping=overlapping)
    targets = np.load(folder / "targets.npy")
    assert targets.shape == (len(cases), 32, 32, 3)
    if overlapping:
        assert (targets[..., 0] >= targets[..., 1]).all() and targets[..., 2].any()
    else:
        assert targets.sum(axis=-1).max() == 1


def softmax_maps(seed: int, classes: int, size: int = 9) -> np.ndarray:
    """Probabilities of background and classes, (classes + 1, size, size)."""
    logits = np.random.default_rng(seed).normal(0, 2, (classes + 1, size, size))
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum(axis=0)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5))
def test_every_pixel_is_of_its_likeliest_class_or_background(seed, classes):
    maps = softmax_maps(seed, classes)
    masks = likeliest([quantised(own) for own in maps[1:]])
    assert np.sum(masks, axis=0).max() <= 1
    ordered = np.sort(maps, axis=0)
    clear = ordered[-1] - ordered[-2] > 1e-3
    for number, mask in enumerate(masks, 1):
        np.testing.assert_array_equal(mask[clear], (maps.argmax(axis=0) == number)[clear])


ROW = {"spacing_mm": (1.0, 1.0), "threshold": 0.5, "tolerances_px": [2]}


def test_the_mean_over_classes_is_over_those_that_are_defined_and_counts_are_summed():
    empty = np.zeros((8, 8), np.uint8)
    first, second = empty.copy(), empty.copy()
    first[2:4, 2:4], second[2:6, 2:4] = 1, 1
    stored = [m.astype(np.uint16) * 65535 for m in (first, first, empty)]
    rows = [measured(m, s, **ROW) for m, s in zip((first, second, empty), stored, strict=True)]
    row = mean_of_classes(rows)
    assert row["dice"] == pytest.approx((1 + 2 / 3) / 2)
    assert (row["tp"], row["fn"], row["truth_px"], row["missed"]) == (8, 4, 12, 0)
    assert list(row) == list(rows[0])
    assert math.isnan(mean_of_classes([rows[2], rows[2]])["dice"])
    assert mean_of_classes(rows[:1]) == rows[0]
    assert mean_of_classes([failed(first, [2])] * 2)["status"] == "failed"


def test_curves_of_several_classes_are_summed():
    curve = pd.DataFrame({"threshold": [0.1, 0.5], "tp": [3, 1], "fp": [2, 0], "fn": [0, 2]})
    both = summed_curves([curve, curve.assign(tp=[1, 1])])
    assert both.to_dict("list") == {
        "threshold": [0.1, 0.5],
        "tp": [4, 2],
        "fp": [4, 0],
        "fn": [0, 4],
    }


@pytest.fixture
def predicted(tmp_path):
    """Two folds of two cases with two classes: masks, and predictions of softmax maps."""
    names = ["c0", "c1"]
    rows = []
    for number, case in enumerate(names):
        maps = softmax_maps(number, 2, size=12)
        for position in (1, 2):
            mask = (softmax_maps(10 + number, 2, size=12).argmax(axis=0) == position).astype(int)
            write_mask(_made(of_class(tmp_path / "masks", position)) / f"{case}.png", mask)
            for fold in (1, 2):
                role = "" if fold == number + 1 else "validation"
                place = tmp_path / f"seed-1/fold-{fold}" / role
                path = _made(of_class(place, position)) / f"{case}.png"
                write_png(path, quantised(maps[position]))
        for fold in (1, 2):
            role = "test" if fold == number + 1 else "validation"
            rows.append([case, f"p{number}", "axial", fold, role])
    header = ["case", "patient", "plane", "fold", "role"]
    write_table(pd.DataFrame(rows, columns=header), tmp_path / "folds.tsv")
    cases = pd.DataFrame({"case": names, "pixel_height_mm": 1.0, "pixel_width_mm": 1.0})
    write_table(cases, tmp_path / "cases.tsv")
    return tmp_path


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def measured_tables(folder: Path, **options) -> tuple[pd.DataFrame, ...]:
    names = ("metrics_table", "thresholds_table", "reliability_table", "classes_table")
    paths = {name: str(folder / f"{name}.tsv") for name in names}
    measure.main(
        predictions=[str(folder / f"seed-1/fold-{fold}") for fold in (1, 2)],
        masks_dir=str(folder / "masks"),
        cases_table=str(folder / "cases.tsv"),
        folds_table=str(folder / "folds.tsv"),
        page=str(folder / "metrics_table.html"),
        recipe="robust",
        loss="bce",
        tolerances_px=[2],
        classes=["a", "b"],
        class_thresholds_table=str(folder / "counts.tsv"),
        **paths,
        **options,
    )
    return tuple(read_table(path) for path in paths.values())


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("mean", [True, False])
def test_metrics_are_those_of_the_primary_class_or_the_mean_and_every_class_has_its_rows(
    predicted, exclusive, mean
):
    table, curves, bins, classes = measured_tables(predicted, exclusive=exclusive, mean=mean)
    assert list(table) == columns([2]) and list(classes) == ["class", *columns([2])]
    assert list(classes["class"]) == ["a", "b", "a", "b"]
    dice = classes.pivot(index="case", columns="class", values="dice")
    expected = dice.mean(axis=1) if mean else dice["a"]
    np.testing.assert_allclose(table.set_index("case")["dice"], expected)
    assert set(curves["role"]) == {"test", "validation"}
    every = read_table(predicted / "counts.tsv")
    assert list(every) == ["class", *curves]
    ours = [every[every["class"] == name].reset_index(drop=True) for name in ("a", "b")]
    expected = summed_curves(ours) if mean else ours[0]
    pd.testing.assert_frame_equal(expected.drop(columns="class"), curves)
    assert bins["pixels"].sum() == (2 if mean else 1) * 2 * 144
    for case, fold in (("c0", 1), ("c1", 2)):
        maps = softmax_maps(int(case[1]), 2, size=12)
        predicted_b = maps.argmax(axis=0) == 2 if exclusive else maps[2] > 0.5
        row = classes[(classes["case"] == case) & (classes["class"] == "b")].iloc[0]
        assert (row["predicted_px"], row["fold"]) == (predicted_b.sum(), fold)


def test_a_failed_training_is_failed_for_every_class(predicted):
    (predicted / "seed-1/fold-2/FAILED").write_text("the loss became nan\n")
    table, _, _, classes = measured_tables(predicted, exclusive=True, mean=True)
    assert list(table["status"]) == ["ok", "failed"]
    assert list(classes["status"]) == ["ok", "ok", "failed", "failed"]


def class_rows(gains: dict[str, dict[str, float]], patients: int = 20) -> pd.DataFrame:
    """Metrics rows of classes: class -> loss -> gain over the patient's own Dice."""
    base = np.random.default_rng(3).uniform(0.3, 0.6, patients)
    rows = []
    for name, losses in gains.items():
        for number, (loss, gain) in enumerate(losses.items()):
            noise = np.random.default_rng(number).normal(0, 0.05, patients)
            for patient in range(patients):
                rows.append(
                    {"recipe": "robust", "class": name, "loss": loss, "seed": 1}
                    | {"fold": 1 + patient % 2, "case": f"c{patient}", "patient": f"p{patient}"}
                    | {"status": "ok", "dice": base[patient] + gain + noise[patient]}
                    | {"missed": int(patient == 0), "truth_px": 9 * (patient > 1)}
                )
    return pd.DataFrame(rows)


def test_each_class_is_compared_by_itself_and_holm_covers_all_differences():
    gains = {"core": {"bce": 0.0, "focal": 0.1}, "whole": {"bce": 0.2, "focal": 0.1}}
    cases = class_rows(gains)
    table = by_class(cases, QUESTION)
    assert list(zip(table["class"], table["loss"], strict=True)) == [
        ("core", "focal"),
        ("core", "bce"),
        ("whole", "bce"),
        ("whole", "focal"),
    ]
    focal = table[table["loss"] == "focal"]
    for row in focal.itertuples():
        own = cases[cases["class"] == row[2]].pivot(
            index=["fold", "case"], columns="loss", values="dice"
        )
        difference = own["focal"] - own["bce"]
        folds = difference.groupby("fold").mean()
        assert row.difference == pytest.approx(difference.mean())
        assert row.p == pytest.approx(stats.ttest_1samp(folds, 0).pvalue)
    small, large = sorted(focal["p"])
    assert sorted(focal["p_holm"]) == pytest.approx([2 * small, max(2 * small, large)])
    assert table.loc[table["loss"] == "bce", ["difference", "p_holm"]].isna().all(axis=None)
    assert set(table["cases_with"]) == {18}


def test_each_class_has_the_threshold_that_its_own_validation_patients_choose():
    """Class a is best at .2 in the first fold and at .7 in the second, class b always at .5."""
    best = {("a", 1): 0.2, ("a", 2): 0.7, ("b", 1): 0.5, ("b", 2): 0.5}
    counts, rows = [], []
    training = {"recipe": "robust", "loss": "bce", "seed": 1}
    for (name, fold), chosen in best.items():
        for role, patient in (("validation", f"v{fold}"), ("test", f"t{fold}")):
            names = training | {"class": name, "fold": fold, "patient": patient, "case": patient}
            for at in (0.2, 0.5, 0.7):
                tp = 8 if at == chosen else 5
                counts.append(
                    names | {"role": role, "threshold": at, "tp": tp, "fp": 2, "fn": 8 - tp}
                )
        rows.append(names | {"dice": 0.25})
    table = class_thresholds(pd.DataFrame(counts), pd.DataFrame(rows))
    found = table.set_index(["class", "fold"])["threshold"]
    assert list(table["class"]) == ["a", "a", "b", "b"] and found.to_dict() == best
    np.testing.assert_allclose(table["dice_own"], 16 / 18)
    assert set(table["dice_fixed"]) == {0.25}
