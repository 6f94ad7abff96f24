"""Promises of the contact sheet of a data check: every case with its outlines, also volumes."""

import re
from dataclasses import replace

import numpy as np

from tumorseg.checking.outline_sheet import outline_sheet
from tumorseg.core.cases import Case, Drawn
from tumorseg.reporting.figure_style import TRUTH
from tumorseg.reporting.page_parts import COLOURS


def made(name, image, mask, spacing):
    return Case(name, "p<1>", "axial", image, None, mask, spacing, "origin")


def slice_case(name="a"):
    mask = np.zeros((30, 40), np.uint8)
    mask[10:20, 5:25] = 1
    return made(name, np.arange(1200, dtype=np.uint16).reshape(30, 40), mask, (1.0, 1.0))


def volume_case(name="v", classes=2):
    masks = np.zeros((8, 30, 40, classes), np.uint8)
    masks[2:6, 10:20, 5:25] = 1
    image = np.random.default_rng(0).normal(size=masks.shape[:3])
    first, *others = np.moveaxis(masks, -1, 0)
    case = made(name, image, first, (4.0, 1.0, 1.0))
    return replace(case, other_classes=tuple(Drawn(None, mask) for mask in others))


def test_a_slice_is_drawn_with_one_outline_in_the_colour_of_the_ground_truth():
    sheet = outline_sheet(["b", "a"], [slice_case("a"), slice_case("b")], ("tumour",), 60)
    assert "Up to 60 slices: in each plane evenly spaced" in sheet and "legend" not in sheet
    assert sheet.index("<span>b</span>") < sheet.index("<span>a</span>")
    path = "M5 10l0 9 19 0 0-9z"
    assert sheet.count(f'<path class="casing" d="{path}"/><path d="{path}" stroke="{TRUTH}"/>') == 2
    assert sheet.count("<span>patient p&lt;1&gt;</span><span>axial, 200 px</span>") == 2


def test_a_volume_is_drawn_in_three_planes_with_every_class_and_a_legend():
    sheet = outline_sheet(["v"], [volume_case()], ("whole", "<core>"), 60)
    assert "Up to 60 volumes" in sheet and "three planes" in sheet
    assert sheet.count("<svg") == 3 and "800 voxels" in sheet
    for colour in COLOURS[:2]:
        assert sheet.count(f'stroke="{colour}"') == 3
    assert "&lt;core&gt;" in sheet and "<core>" not in sheet
    boxes = re.findall(r'viewBox="-.5 -.5 (\d+) (\d+)"', sheet)
    ratios = [int(width) / int(height) for width, height in boxes]
    np.testing.assert_allclose(ratios, [40 / 30, 40 / 32, 30 / 32], rtol=0.02)


def test_a_stack_of_coronal_slices_is_drawn_like_the_same_stack_of_axial_ones():
    case = volume_case(classes=1)
    image, mask = (each[::-1].swapaxes(0, 1) for each in (case.image, case.mask))
    turned = replace(case, plane="coronal", image=image, mask=mask, spacing_mm=(1.0, 4.0, 1.0))
    sheets = [outline_sheet(["v"], [each], ("tumour",), 60) for each in (case, turned)]
    assert sheets[0] == sheets[1]
