"""Promises of `pack` for volumes: trainings begin without reading what it packed."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pack_volumes
from tumorseg.core.case_index import COLUMNS, from_row, indexed
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import write_case, write_case_mask
from tumorseg.imaging.volume_input import check_patch
from tumorseg.training.fold_cases import cases_of_fold
from tumorseg.training.job import TrainingJob

SIDES = [(9, 14, 12), (12, 9, 20), (5, 7, 6)]
ROLES = ("train", "validation", "test")
VOLUMES = {"crop": "nonzero", "order": "linear", "counted": "nonzero", "intensities": ["zscore"]}


def stored(folder: Path, seed: int) -> None:
    """Three volumes of two sequences and two classes, and their folds."""
    random, rows = np.random.default_rng(seed), []
    for number, sides in enumerate(SIDES):
        case = f"00{number}"
        for place in ("stripped", "stripped/channel-2"):
            write_case(folder / place, case, random.integers(0, 999, sides, np.uint16), np.eye(4))
        for place in ("masks", "masks/class-2"):
            mask = (random.random(sides) > 0.8).astype(np.uint8)
            write_case_mask(folder / place, case, mask, np.eye(4))
        of_channels = {
            f"intensity_{key}{n}": 1.0 for key in ("scale", "offset") for n in ("", "_2")
        }
        sides_mm = dict.fromkeys(("pixel_depth_mm", "pixel_height_mm", "pixel_width_mm"), 1.0)
        sizes = dict(zip(("depth_px", "height_px", "width_px"), sides, strict=True))
        rows.append({"case": case} | sizes | sides_mm | of_channels)
    table = pd.DataFrame(rows)
    write_table(table, folder / "cases.tsv")
    folds = [
        {"case": case, "patient": case, "fold": fold + 1, "role": ROLES[(n - fold) % 3]}
        for fold in range(3)
        for n, case in enumerate(table["case"])
    ]
    write_table(pd.DataFrame(folds), folder / "folds.tsv")


def pack(folder: Path) -> None:
    pack_volumes.main(
        cases_table=str(folder / "cases.tsv"),
        stripped_dir=str(folder / "stripped"),
        masks_dir=str(folder / "masks"),
        images_file=str(folder / "images"),
        targets_file=str(folder / "targets"),
        placement_table=str(folder / "placement.tsv"),
        volumes=VOLUMES,
        patch=[8, 8, 8],
        inputs=[1, 2],
        classes=2,
        overlapping=True,
    )


def cases(folder: Path) -> tuple:
    files = {f"{name}_file": str(folder / name) for name in ("images", "targets")}
    files |= {f"{name}_table": str(folder / f"{name}.tsv") for name in ("placement", "folds")}
    names = {"recipe": "r", "loss": {"name": "bce"}, "state_dir": "", "code": ""}
    names |= {"wanted_device": "cpu", "precision": "float32", "threads": 1}
    network = {"patch": [8, 8, 8]}
    return cases_of_fold(
        TrainingJob(**files, **names, network=network, settings={"channels": 2}, fold=1, seed=1)
    )


@pytest.fixture
def folder(tmp_path):
    stored(tmp_path, 0)
    pack(tmp_path)
    return tmp_path


def test_the_index_in_the_table_is_that_of_the_packed_files(folder):
    for row in read_table(folder / "placement.tsv").to_dict("records"):
        read, name = from_row(row, "table"), f"{row['case']}.npy"
        found = indexed(np.load(folder / "images" / name), np.load(folder / "targets" / name))
        assert (read.sides, read.lowest, read.digest) == (found.sides, found.lowest, found.digest)
        np.testing.assert_array_equal(read.until, found.until)
        assert read.until[:, -1].all()


def test_a_training_begins_without_reading_a_packed_voxel(folder, monkeypatch):
    monkeypatch.setattr(np, "load", None)
    training, validation = cases(folder)
    assert (len(training), len(validation)) == (1, 1)
    assert training.digest() != validation.digest()
    assert training.with_foreground == [0]


def test_the_digest_follows_what_was_packed(folder):
    first = [part.digest() for part in cases(folder)]
    pack(folder)
    assert [part.digest() for part in cases(folder)] == first
    path = folder / "masks/class-2/000.nii.gz"
    mask = np.zeros(SIDES[0], np.uint8)
    write_case_mask(path.parent, "000", mask, np.eye(4))
    pack(folder)
    again = [part.digest() for part in cases(folder)]
    assert again[0] != first[0] and again[1] == first[1]


def test_a_table_without_an_index_is_one_line(folder):
    table = read_table(folder / "placement.tsv")
    write_table(table.drop(columns=list(COLUMNS)), folder / "placement.tsv")
    with pytest.raises(UserError, match=r"placement.tsv: no index of 000, expected the columns"):
        cases(folder)


def test_masks_on_another_grid_have_no_index():
    image, masks = np.zeros((6, 7, 8, 1), np.float32), np.zeros((5, 7, 8, 1), np.uint8)
    with pytest.raises(ValueError, match=r"masks of \(5, 7, 8, 1\) for an image of \(6, 7, 8, 1\)"):
        indexed(image, masks)


@pytest.mark.parametrize(
    ("patch", "spacing_mm", "fits"),
    [
        ([48, 48, 32], None, True),
        ([20, 72, 32], None, False),  # 40 of 72 rows would be padding
        ([20, 96, 32], [1, 0.5, 2], True),  # 80 rows of half the size
        ([20, 48, 56], [1, 1, 2], False),
    ],
)
def test_a_patch_much_longer_than_every_volume_is_one_line(patch, spacing_mm, fits):
    sides = {"depth_px": [18, 20], "height_px": [40, 32], "width_px": [44, 48]}
    millimetres = dict.fromkeys(("pixel_depth_mm", "pixel_height_mm", "pixel_width_mm"), 1.0)
    cases = pd.DataFrame(sides | millimetres)
    with nullcontext() if fits else pytest.raises(UserError, match="no volume is larger than"):
        check_patch(patch, cases, spacing_mm)
