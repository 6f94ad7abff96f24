"""One label map of classes that lie inside one another, as nnU-Net writes of its regions."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the library's customary name

from tumorseg.imaging.scans import read
from tumorseg.prediction import native_files
from tumorseg.prediction.model_classes import decision, label_map, nested_labels

BRATS = {"core": ["1", "4"], "whole": ["1", "2", "4"], "enhancing": ["4"]}
CLASSES = [{"name": "core", "label": 1}, {"name": "whole", "label": 2}]
CLASSES.append({"name": "enhancing", "label": 4})
ORDER = ["whole", "core", "enhancing"]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (BRATS, {"whole": 2, "core": 1, "enhancing": 4}),
        ({"kidney": ["1", "2", "3"], "mass": ["2", "3"], "tumour": ["2"]}, [1, 3, 2]),
        ({"a": ["7"], "both": ["7", "9", "200"], "b": ["9"]}, {"both": 200, "a": 7, "b": 9}),
        ({"left": ["5"], "right": ["6"]}, {"left": 5, "right": 6}),
    ],
)
def test_each_nested_class_has_the_label_that_no_smaller_class_has_the_largest_first(
    classes, expected
):
    named = expected if isinstance(expected, dict) else dict(zip(classes, expected, strict=True))
    assert list(nested_labels(classes).items()) == list(named.items())


@pytest.mark.parametrize(
    "classes",
    [
        {"whole": ["1", "2", "3"], "core": ["1"]},  # two labels of its own
        {"whole": ["1", "2"], "a": ["1"], "b": ["2"]},  # none of its own
        {"a": ["1", "2"], "b": ["2", "3"]},  # neither is inside the other
        {"a": ["1"], "b": ["1"]},
        {"whole": ["rim", "core"], "core": ["core"]},
        {"whole": ["0", "1"], "core": ["1"]},
        {"whole": ["256", "1"], "core": ["1"]},
        {"whole": ["1", "01"], "core": ["1"]},
    ],
)
def test_classes_that_one_label_map_cannot_hold_have_no_labels(classes):
    assert nested_labels(classes) == {}


def three_masks(shape):
    """Masks of CLASSES; each smaller class also has voxels outside the larger ones."""
    return (np.random.default_rng(1).random((3, *shape)) > 0.5).astype(np.uint8)


def test_smaller_classes_are_painted_over_larger_ones_and_outside_them_too():
    core, whole, enhancing = masks = three_masks((5, 6, 7))
    labels = label_map(masks, CLASSES, ORDER)
    expected = np.where(enhancing, 4, np.where(core, 1, np.where(whole, 2, 0)))
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype == np.uint8 and ((core == 1) & (whole == 0) & (labels == 1)).any()


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".png"])
def test_nested_classes_get_a_mask_each_and_one_label_map(tmp_path, suffix):
    shape = (11, 9) if suffix == ".png" else (11, 9, 7)
    array = np.arange(np.prod(shape), dtype=np.int16).reshape(shape).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / f"a{suffix}"))
    scan = read(tmp_path / f"a{suffix}")
    masks = three_masks(scan.voxels.shape)
    files, _ = native_files.write(
        tmp_path / "out", scan, masks, masks.astype(np.uint16), CLASSES, order=ORDER
    )
    names = [path.name.removesuffix(suffix) for path in files]
    endings = [f"mask_{one['name']}" for one in CLASSES]
    assert names[:4] == [f"out_{ending}" for ending in [*endings, "mask"]]
    found = sitk.GetArrayFromImage(sitk.ReadImage(str(files[3])))
    found = found if suffix == ".png" else found.T
    np.testing.assert_array_equal(found, label_map(masks, CLASSES, ORDER))


def test_the_overview_says_what_the_numbers_of_the_label_map_are():
    of = {"members": [{}], "network": {"exclusive": False}, "primary_class": "core"}
    facts = of | {"classes": [one | {"threshold": 0.5} for one in CLASSES]}
    assert "abel map" not in decision(facts)
    told = "0 background, 2 whole, 1 core, 4 enhancing, painted in this order"
    assert told in decision(facts | {"label_order": ORDER})
