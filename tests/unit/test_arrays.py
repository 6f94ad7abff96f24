"""Promises of arrays that are written row by row, and of cases that are read through them."""

import numpy as np
import pytest

from tumorseg.core.arrays import written_rows
from tumorseg.training.cases import Cases


def test_rows_written_one_by_one_are_the_file_that_numpy_writes(tmp_path):
    array = np.random.default_rng(1).normal(size=(7, 5, 4, 1)).astype(np.float32)
    with written_rows(tmp_path / "rows.npy", array.shape, np.float32) as add:
        for row in array:
            add(row)
    np.save(tmp_path / "whole.npy", array)
    written = (tmp_path / "rows.npy").read_bytes()
    assert written == (tmp_path / "whole.npy").read_bytes()
    assert np.array_equal(np.load(tmp_path / "rows.npy", mmap_mode="r"), array)


@pytest.mark.parametrize("fault", ["another shape", "another type", "too few", "a killed writer"])
def test_a_file_appears_only_when_all_its_rows_were_written(tmp_path, fault):
    path = tmp_path / "rows.npy"
    path.write_bytes(b"of an earlier run")
    row = np.zeros((4, 1), np.float32)
    wrong = {"another shape": row[:3], "another type": row.astype(np.float64)}.get(fault, row)
    with (
        pytest.raises(KeyboardInterrupt if fault == "a killed writer" else ValueError),
        written_rows(path, (2, 4, 1), np.float32) as add,
    ):
        add(wrong)
        if fault == "a killed writer":
            raise KeyboardInterrupt
    assert path.read_bytes() == b"of an earlier run"
    assert [file.name for file in tmp_path.iterdir()] == ["rows.npy"]


def example(tmp_path, channels=1):
    """Five cases in files, of which a training has three, in an order of its own."""
    random = np.random.default_rng(2)
    images = random.normal(size=(5, 4, 4, 1)).astype(np.float32)
    masks = (random.random((5, 4, 4, 1)) > 0.5).astype(np.uint8)
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "masks.npy", masks)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("images", "masks")]
    return images, masks, Cases(*mapped, np.array([4, 0, 2]), channels)


def test_cases_are_read_by_their_position_among_the_own_rows(tmp_path):
    images, masks, cases = example(tmp_path, channels=3)
    assert len(cases) == 3
    some_images, some_masks = cases.at(np.array([0, 2]))
    assert np.array_equal(some_images, np.repeat(images[[4, 2]], 3, axis=-1))
    assert np.array_equal(some_masks, masks[[4, 2]])
    batches = list(cases.batches(2))
    assert [len(batch) for batch, _ in batches] == [2, 1]
    assert np.array_equal(np.concatenate([mask for _, mask in batches]), masks[[4, 0, 2]])
    assert np.array_equal(np.stack(list(cases.each_mask())), masks[[4, 0, 2]])


def test_what_is_read_can_be_changed_without_changing_the_files(tmp_path):
    images, _, cases = example(tmp_path)
    for copied, _ in cases.batches(2):
        copied[:] = 0
    assert np.array_equal(np.load(tmp_path / "images.npy"), images)


def test_a_digest_changes_with_any_pixel_order_or_channel_and_with_nothing_else(tmp_path):
    images, masks, cases = example(tmp_path)
    in_memory = Cases(images, masks, cases.rows)
    assert in_memory.digest() == cases.digest()
    others = [Cases(images, masks, cases.rows[::-1]), Cases(images, masks, cases.rows, 3)]
    for array in (images, masks):
        changed = array.copy()
        changed[2, 3, 3, 0] = 1 - changed[2, 3, 3, 0]
        pair = (changed, masks) if array is images else (images, changed)
        others.append(Cases(*pair, cases.rows))
    assert len({case.digest() for case in [cases, *others]}) == 1 + len(others)
    unread = images.copy()
    unread[1] = 0  # a test case of this fold
    assert Cases(unread, masks, cases.rows).digest() == cases.digest()
