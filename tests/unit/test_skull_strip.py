"""Skull stripping: what each method keeps and removes, on drawn and (if present) real heads."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import compare_strips
import rasterize
import skull_strip
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import read_image, read_mask, write_mask, write_png
from tumorseg.core.places import SCRIPTS
from tumorseg.data.storing import mask_of
from tumorseg.imaging import strip_harm
from tumorseg.imaging.skull_strip import METHODS, brain_mask, mask_dice, size_warning, strip
from tumorseg.sources import phantom

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
METHOD_OF_CHENG_SLICES = "head"


def drawn_head(height: int, width: int, dtype=np.uint8) -> tuple[np.ndarray, np.ndarray]:
    """(image, brain): noise, a bright ring of scalp, a dark ring of skull, a disc of brain."""
    y, x = np.mgrid[:height, :width]
    radius = np.hypot((y - height / 2) / (0.45 * height), (x - width / 2) / (0.42 * width))
    image = np.random.default_rng(7).normal(6, 2, (height, width))
    image[radius < 1] = 210
    image[radius < 0.9] = 15
    brain = radius < 0.8
    image[brain] = 110
    image[radius < 0.15] = 60  # ventricles
    image += np.random.default_rng(8).normal(0, 4, image.shape)
    return (image.clip(0, 255) * (np.iinfo(dtype).max // 255)).astype(dtype), brain


@pytest.fixture(scope="module")
def real_data() -> Path:
    if not (DATA / "t1ce_slices" / "samples.tsv").is_file():
        pytest.skip("no real slices in shared/data beside the repository")
    return DATA


@pytest.mark.parametrize(("height", "width"), [(256, 256), (512, 512), (800, 512)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_otsu_finds_the_brain_at_every_size_and_depth(height, width, dtype):
    image, brain = drawn_head(height, width, dtype)
    assert mask_dice(brain_mask(image, "otsu"), brain) > 0.97


def test_otsu_mask_scales_with_the_picture():
    image, _ = drawn_head(256, 256)
    twice = image.repeat(2, axis=0).repeat(2, axis=1)
    expected = brain_mask(image, "otsu").repeat(2, axis=0).repeat(2, axis=1)
    assert mask_dice(brain_mask(twice, "otsu"), expected) > 0.99


def test_head_removes_air_and_scalp_and_keeps_the_whole_brain():
    image, brain = drawn_head(512, 512)
    mask = brain_mask(image, "head")
    assert mask[brain].all()
    assert not mask[0].any()
    assert not mask[:, 0].any()
    assert mask[image > 170].mean() < 0.4  # most of the scalp is gone


def test_method_none_keeps_everything():
    assert brain_mask(np.zeros((3, 5), np.uint8), "none").all()


@pytest.mark.parametrize("method", METHODS)
def test_intensities_are_unchanged_inside_and_zero_outside(method):
    image, _ = drawn_head(128, 160, np.uint16)
    mask = brain_mask(image, method)
    stripped = strip(image, mask)
    assert mask.any()
    assert stripped.dtype == image.dtype
    assert (stripped[mask] == image[mask]).all()
    assert not stripped[~mask].any()


@pytest.mark.parametrize("method", METHODS)
def test_methods_are_deterministic_and_do_not_change_the_image(method):
    image, _ = drawn_head(128, 128)
    before = image.copy()
    assert (brain_mask(image, method) == brain_mask(image, method)).all()
    assert (image == before).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0, 17, 255])
def test_constant_pictures_give_an_empty_mask(method, value):
    mask = brain_mask(np.full((40, 30), value, np.uint8), method)
    assert mask.shape == (40, 30)
    assert mask.all() if method == "none" else not mask.any()


@settings(max_examples=25, deadline=None)
@given(
    image=arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24))),
    method=st.sampled_from(list(METHODS)),
)
def test_any_picture_gives_a_bool_mask_of_its_shape(image, method):
    mask = brain_mask(image, method)
    assert mask.shape == image.shape
    assert mask.dtype == bool


def test_an_unknown_method_is_rejected_in_one_line():
    with pytest.raises(UserError, match=r"no method 'bet'; there are: otsu, median_otsu, head"):
        brain_mask(np.zeros((4, 4), np.uint8), "bet")


@pytest.mark.parametrize(
    ("pixels", "method", "words"),
    [
        (0, "otsu", "no brain"),
        (40, "otsu", "only 4.0%"),
        (300, "otsu", None),
        (990, "head", "nothing was stripped"),
        (1000, "none", None),
    ],
)
def test_implausible_sizes_give_a_warning(pixels, method, words):
    warning = size_warning(np.arange(1000).reshape(20, 50) < pixels, method)
    assert warning is None if words is None else words in warning


@pytest.fixture
def results(tmp_path) -> Path:
    """Drawn heads with a tumour in the brain and one in the scalp, and an empty case."""
    rows = []
    for case in ("inside", "scalp", "void"):
        image, brain = drawn_head(128, 128)
        tumour = np.zeros(image.shape, np.uint8)
        tumour[slice(60, 68) if case == "inside" else slice(8, 12), 60:68] = 1
        write_png(tmp_path / "cases" / f"{case}.png", image * (case != "void"))
        write_mask(tmp_path / "masks" / f"{case}.png", tumour)
        known = case == "inside"
        if known:
            write_mask(tmp_path / "true_brain" / f"{case}.png", brain)
        true_brain = f"true_brain/{case}.png" if known else np.nan
        rows.append({"case": case, "plane": "axial", "true_brain": true_brain})
    write_table(pd.DataFrame(rows), tmp_path / "cases.tsv")
    write_table(pd.DataFrame(rows)[["case", "plane"]], tmp_path / "masks.tsv")
    return tmp_path


def strip_all(results: Path, folder: str, cores: int) -> pd.DataFrame:
    out = results / folder
    skull_strip.main(
        cases_table=str(results / "cases.tsv"),
        cases_dir=str(results / "cases"),
        strip_table=str(out / "strip.tsv"),
        brain_dir=str(out / "brain"),
        stripped_dir=str(out / "stripped"),
        method="otsu",
        cores=cores,
    )
    return read_table(out / "strip.tsv").set_index("case")


def test_the_stage_writes_masks_images_and_a_table_with_warnings(results, capsys):
    table = strip_all(results, "out", cores=1)
    assert table.at["inside", "true_brain_dice"] > 0.95
    assert np.isnan(table.at["scalp", "true_brain_dice"])
    assert table.at["void", "warning"] == "no brain found"
    assert "WARNING case void: no brain found" in capsys.readouterr().err
    brain = read_mask(results / "out" / "brain" / "inside.png")
    assert brain.sum() == table.at["inside", "brain_px"]
    image = read_image(results / "cases" / "inside.png")
    assert (read_image(results / "out" / "stripped" / "inside.png") == image * brain).all()


def test_the_number_of_cores_changes_no_byte(results):
    strip_all(results, "one", cores=1)
    strip_all(results, "three", cores=3)
    files = [path for path in (results / "one").rglob("*") if path.is_file()]
    assert len(files) == 7
    for path in files:
        twin = results / "three" / path.relative_to(results / "one")
        assert path.read_bytes() == twin.read_bytes()


def test_the_comparison_names_each_case_whose_tumour_is_cut(results, capsys):
    compare_strips.main(
        cases_table=str(results / "cases.tsv"),
        cases_dir=str(results / "cases"),
        masks_table=str(results / "masks.tsv"),
        masks_dir=str(results / "masks"),
        strip_methods_table=str(results / "strip_methods.tsv"),
        methods=["none"],
        method="otsu",
        cores=2,
    )
    table = read_table(results / "strip_methods.tsv").set_index(["case", "method"])
    assert len(table) == 6
    assert table.loc[("inside", "otsu"), "tumour_kept"] == 1
    assert table.loc[("scalp", "otsu"), "tumour_lost_px"] == 32
    assert (table.xs("none", level="method")["tumour_kept"] == 1).all()
    shown = capsys.readouterr()
    assert "none: 100.0% of 3 cases keep 99%" in shown.out
    assert "otsu: 33.3% of 3 cases" in shown.out
    assert shown.err.count("WARNING") == 2
    assert "WARNING case scalp: otsu removes 32 of 32 tumour pixels" in shown.err


@pytest.mark.slow
def test_the_method_used_for_the_real_slices_keeps_their_tumours(real_data):
    folder = real_data / "t1ce_slices"
    samples = read_table(folder / "samples.tsv")
    kept, picture = [], []
    for row in samples.itertuples():
        mask = brain_mask(read_image(folder / row.image), METHOD_OF_CHENG_SLICES)
        kept.append(mask[read_mask(folder / row.mask) > 0].mean())
        picture.append(mask.mean())
    assert len(kept) == 314
    assert np.mean(np.array(kept) >= 0.99) >= 0.95
    assert np.mean(picture) < 0.55  # it does remove air and scalp


@pytest.mark.parametrize(("axis", "floor"), [(0, 0.92), (1, 0.93), (2, 0.88)])
def test_otsu_is_close_to_a_known_brain(real_data, axis, floor):
    """Measured with bench/skull_strip.py on every 5th slice: .947, .951 and .907."""
    folder = real_data / "head_with_brain_mask"
    head = np.asarray(nib.load(folder / "ch2.nii.gz").dataobj)
    brain = np.asarray(nib.load(folder / "ch2bet.nii.gz").dataobj) > 0
    dice = [
        mask_dice(brain_mask(head.take(k, axis), "otsu"), brain.take(k, axis))
        for k in range(0, head.shape[axis], 10)
        if brain.take(k, axis).mean() > 0.05
    ]
    assert np.mean(dice) > floor


def judged(harmed: int, *, mild: float = 1.0, accepted: bool = False):
    """The judgement on 100 cases with a tumour and 9 without."""
    shares = [0.5] * harmed + [0.995] * (100 - harmed) + [np.nan] * 9
    return strip_harm.problem("otsu", shares, [mild] * 109, accepted)


def test_more_than_two_percent_of_harmed_cases_stop_a_run_and_the_line_names_what_harms_none():
    assert judged(2) is None
    found = judged(3)
    assert (found.code, found.severity) == ("strip_harm", "error")
    assert "more than 1% of the tumour in 3 of 100 cases" in found.value
    assert "skull_strip.method to head," in found.hint and "accept_harm: true" in found.hint
    assert "skull_strip.method to none," in judged(3, mild=0.9).hint
    assert judged(3, accepted=True).severity == "warning"
    assert strip_harm.problem("head", [], [], False) is None
    assert strip_harm.problem("otsu", [0.5, *[1.0] * 7], [1.0] * 8, False) is None
    assert strip_harm.problem("otsu", [0.5, 0.5, *[1.0] * 6], [1.0] * 8, False)


@pytest.fixture
def stripped(tmp_path):
    """Ten heads, two with a dark tumour at the brain's edge, up to the step `rasterize`."""

    def run(method: str, accepted: bool = False) -> list[str]:
        shape = (160, 144)
        rows, columns = np.mgrid[: shape[0], : shape[1]]
        cases = []
        for number in range(10):
            image, _ = drawn_head(*shape)
            low = 128 if number < 2 else 90  # the brain ends at row 137
            mask = np.hypot(rows - low, columns - 72) < 9
            write_png(tmp_path / f"cases/c{number}.png", np.where(mask, 15, image).astype(np.uint8))
            write_mask(tmp_path / f"annotations/c{number}.png", mask)
            row = {"case": f"c{number}", "patient": f"p{number}", "plane": "axial"}
            row |= {"annotation": f"annotations/c{number}.png", "true_brain": np.nan}
            cases.append(row | {"height_px": shape[0], "width_px": shape[1]})
        write_table(pd.DataFrame(cases), tmp_path / "cases.tsv")
        places = {name: str(tmp_path / name.removesuffix("_dir")) for name in FOLDERS}
        tables = {"cases_table": str(tmp_path / "cases.tsv")}
        skull_strip.main(
            **tables,
            **{name: places[name] for name in ("cases_dir", "brain_dir", "stripped_dir")},
            strip_table=str(tmp_path / "strip.tsv"),
            method=method,
        )
        rasterize.main(
            **tables,
            **places,
            masks_table=str(tmp_path / "masks.tsv"),
            config={"skull_strip": {"method": method, "accept_harm": accepted}},
        )
        return list(read_table(tmp_path / "masks.tsv")["case"])

    return run


FOLDERS = ("cases_dir", "annotations_dir", "brain_dir", "stripped_dir", "masks_dir")


def test_a_run_stops_before_folds_are_made_where_stripping_removes_tumours(stripped, tmp_path):
    with pytest.raises(UserError, match="by otsu removes more than 1% of the tumour in 2 of 10"):
        stripped("otsu")
    assert not (tmp_path / "masks.tsv").exists()
    assert len(stripped("otsu", accepted=True)) == 10


@pytest.mark.parametrize("method", ["head", "none"])
def test_a_method_that_harms_none_passes(stripped, method):
    assert len(stripped(method)) == 10


def test_the_default_experiment_uses_a_method_that_keeps_its_tumours():
    config = yaml.safe_load((SCRIPTS.parent / "config.yaml").read_text(encoding="utf-8"))
    method, shares = config["skull_strip"]["method"], []
    for case in phantom.cases(seed=config["seed"], patients=8):
        shares.append(strip_harm.kept_shares(case.image, mask_of(case) > 0, method)[0])
    assert strip_harm.problem(method, shares, [], False) is None
    assert len(shares) > 8
