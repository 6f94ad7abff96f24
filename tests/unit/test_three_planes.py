"""Promises of the three planes of a volume: the right slices, square pixels, fixed colours."""

import itertools
import re

import cv2
import nibabel as nib
import numpy as np
import pytest

from tumorseg.imaging.planes import cut, spacing_in, view
from tumorseg.reporting import three_planes
from tumorseg.reporting.page_parts import COLOURS, class_facts
from tumorseg.reporting.three_planes import MOST_PX

SHAPE = (12, 20, 16)  # depth, height, width
# What people with each kind of colour blindness see (Machado 2009, severity 1), linear RGB.
SEEN = {
    "all colours": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def box(shape, *edges):
    """A mask that is 1 in one box. edges: (first, end) along each axis."""
    mask = np.zeros(shape, np.uint8)
    mask[tuple(slice(*edge) for edge in edges)] = 1
    return mask


def extent(path):
    """The width and height of an outline, from the first pixel to the last."""
    points = []
    for first, steps in re.findall(r"M([^l]+)l([^z]+)z", path):
        numbers = np.array(re.findall(r"-?\d+", f"{first} {steps}"), int)
        points.append(np.cumsum(numbers.reshape(-1, 2), axis=0))
    return np.ptp(np.vstack(points), axis=0) + 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_slices_are_those_that_dicom_displays_in_every_orientation(order):
    axes = np.eye(3)[list(order)] * [1, -1, 1]
    affine = nib.affines.from_matvec(axes.T, [3, 4, 5])
    volume = np.random.default_rng(0).normal(size=(5, 6, 7))
    stacks = [cut(volume, affine, plane) for plane in ("axial", "coronal", "sagittal")]
    at = (1, 2, 3)
    for drawn, stack, place in zip(three_planes.slices(stacks[0], at), stacks, at, strict=True):
        np.testing.assert_array_equal(drawn, stack[place])


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_stack_of_any_plane_is_turned_into_axial_slices(order, plane):
    affine = nib.affines.from_matvec((np.eye(3)[list(order)] * [2, -3, 4]).T, [3, 4, 5])
    volume = np.random.default_rng(0).normal(size=(5, 6, 7, 2))
    stacks = [
        np.stack([cut(part, affine, of) for part in np.moveaxis(volume, -1, 0)], axis=-1)
        for of in (plane, "axial")
    ]
    np.testing.assert_array_equal(three_planes.to_axial(stacks[0], plane), stacks[1])
    sides = [(of_slices(affine, of), *spacing_in(affine, of)) for of in (plane, "axial")]
    assert three_planes.sides_to_axial(sides[0], plane) == sides[1]


def of_slices(affine, plane):
    """The distance of a plane's slices, mm."""
    return float(np.linalg.norm(affine[:3, :3], axis=0)[view(affine, plane)[0][0]])


def test_the_planes_cut_the_largest_part_and_not_the_brightest_or_the_first():
    mask = box(SHAPE, (0, 2), (0, 3), (0, 3)) | box(SHAPE, (5, 10), (10, 15), (9, 12))
    assert three_planes.largest_part(mask).sum() == 75
    assert three_planes.planes(mask, (1, 1, 1)).at == (7, 12, 10)


def test_parts_that_touch_at_a_corner_are_one():
    mask = box(SHAPE, (0, 1), (0, 1), (0, 1)) | box(SHAPE, (1, 2), (1, 2), (1, 2))
    assert three_planes.largest_part(mask).sum() == 2


def test_each_plane_is_the_one_in_which_the_part_has_the_largest_area():
    mask = box(SHAPE, (4, 8), (5, 9), (5, 9))
    mask[6, 2:14, 2:14] = 1
    assert three_planes.planes(mask, (1, 1, 1)).at[0] == 6


def test_without_a_tumour_the_planes_cut_the_middle():
    assert three_planes.planes(np.zeros(SHAPE, bool), (1, 1, 1)).at == (6, 10, 8)


@pytest.mark.parametrize("spacing", [(1, 1, 1), (6, 0.9, 0.9), (0.5, 0.5, 5), (3, 2, 1)])
def test_pixels_are_square_and_equally_large_in_all_planes(spacing):
    shape = [round(120 / side) for side in spacing]
    grids = np.meshgrid(
        *[(np.arange(n) + 0.5) * s for n, s in zip(shape, spacing, strict=True)], indexing="ij"
    )
    ball = sum((grid - 60) ** 2 for grid in grids) < 40**2
    planes = three_planes.planes(ball, spacing)
    scale = max(planes.sizes[0]) / 120  # pixels a mm
    for size in planes.sizes:
        np.testing.assert_allclose(size, 120 * scale, atol=1)
    for (path,) in three_planes.outlines(ball[..., None], planes):
        np.testing.assert_allclose(extent(path) / scale, 80, atol=2 * max(spacing))


def test_voxels_of_unknown_size_are_shown_as_cubes():
    mask = box(SHAPE, (0, 2), (0, 2), (0, 2))
    assert three_planes.planes(mask, (np.nan, 1, 1)) == three_planes.planes(mask, (1, 1, 1))


def test_absurdly_thick_slices_do_not_make_absurdly_large_pictures():
    planes = three_planes.planes(box(SHAPE, (0, 2), (0, 2), (0, 2)), (1e6, 1, 1))
    assert max(itertools.chain(*planes.sizes)) <= MOST_PX


def test_a_volume_of_one_slice_shows_that_slice_alone():
    mask = box((1, 20, 16), (0, 1), (5, 9), (3, 6))
    planes = three_planes.planes(mask, (1, 1, 1))
    (view,) = three_planes.views(mask * 7.0, mask[..., None], planes)
    assert view.label == "axial, slice 1 of 1" and planes.shown == (0,)


def test_every_class_has_its_outline_and_permuted_classes_permute_them():
    masks = np.stack(
        [
            box(SHAPE, (2, 9), (2, 9), (2, 9)),
            box(SHAPE, (4, 7), (4, 7), (4, 7)),
            np.zeros(SHAPE, np.uint8),
        ],
        axis=-1,
    )
    planes = three_planes.planes(masks[..., 0], (2, 1, 1))
    first = three_planes.outlines(masks, planes)
    assert [[bool(path) for path in plane] for plane in first] == [[True, True, False]] * 3
    assert [[plane[i] for i in (0, 2, 1)] for plane in first] == three_planes.outlines(
        masks[..., [0, 2, 1]], planes
    )


def test_a_mirrored_volume_gives_mirrored_pictures():
    image = np.random.default_rng(1).integers(0, 4000, SHAPE).astype(np.int16)
    mask = box(SHAPE, (2, 5), (3, 6), (4, 7))
    pictures = []
    for turn in (1, -1):
        planes = three_planes.planes(mask[..., ::turn], (1, 1, 1))
        views = three_planes.views(image[..., ::turn], mask[..., ::turn, None], planes)
        pictures.append([view.grey for view in views])
    for (plain, mirrored), turn in zip(zip(*pictures, strict=True), (-1, -1, 1), strict=True):
        np.testing.assert_array_equal(plain, mirrored[:, ::turn])


def test_grey_values_do_not_depend_on_unit_offset_or_a_single_outlier():
    image = np.random.default_rng(2).normal(size=SHAPE).astype(np.float32)
    grey = three_planes.to_grey(image, three_planes.grey_range(image))
    scaled = image.astype(np.float64) * 1e-4 - 1000
    other = three_planes.to_grey(scaled, three_planes.grey_range(scaled))
    assert np.abs(grey.astype(int) - other).max() <= 1 and grey.std() > 40
    image[0, 0, 0] = 1e6
    assert three_planes.to_grey(image, three_planes.grey_range(image)).std() > 40


def test_a_constant_image_is_black_and_one_that_is_nearly_all_air_is_not():
    image = np.full(SHAPE, 5, np.int16)
    assert three_planes.to_grey(image, three_planes.grey_range(image)).max() == 0
    image[3, 3, 3] = 9
    assert three_planes.to_grey(image, three_planes.grey_range(image)).max() == 255


@pytest.mark.parametrize("kind", SEEN)
def test_colours_of_classes_differ_for_people_who_see_fewer_colours(kind):
    rgb = np.array([[int(c[at : at + 2], 16) / 255 for at in (1, 3, 5)] for c in COLOURS])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(SEEN[kind]), 0, 1)
    seen = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = cv2.cvtColor(seen[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    distances = np.linalg.norm(lab[:, None] - lab, axis=2)
    pairs = np.triu_indices(len(COLOURS), 1)
    assert distances[pairs].min() > 10  # 2 is just visible
    assert distances[:3, :3][np.triu_indices(3, 1)].min() > 30
    assert lab[:, 0].min() > 40  # bright on black


def test_a_class_keeps_its_colour_whatever_the_others_are():
    names = [f"class {index}" for index in range(9)]
    facts = class_facts(names)
    assert facts[:2] == class_facts(names[:2])
    assert [item["name"] for item in facts] == names
    assert facts[7]["colour"] == facts[0]["colour"]
