"""Volumes resampled to a recipe's spacing and back: pixel centres, labels, orientations."""

from dataclasses import asdict
from itertools import permutations, product

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk  # noqa: N813 - the customary name
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table, write_table
from tumorseg.imaging import planes
from tumorseg.imaging.boxes import head_box, nonzero_box, organ_box
from tumorseg.imaging.placement import placement
from tumorseg.imaging.volume_placement import (
    MAX_VOXELS,
    VolumePlacement,
    orders,
    volume_placement,
)

SIDES = st.tuples(*[st.integers(1, 24)] * 3)
SPACINGS = st.tuples(*[st.floats(0.4, 4)] * 3)
ORIENTATIONS = [
    (order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)
]


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 65536, shape).astype(np.uint16)


def ball(shape, centre, radii):
    grid = np.indices(shape)
    return sum(
        ((axis - middle) / radius) ** 2
        for axis, middle, radius in zip(grid, centre, radii, strict=True)
    ) <= 1  # fmt: skip


@given(shape=SIDES, spacing=SPACINGS, order=st.sampled_from(["linear", "cubic"]))
def test_a_volume_of_the_wanted_spacing_is_copied_bit_for_bit(shape, spacing, order):
    image = noise(shape)
    nearly = tuple(side * 1.0001 for side in spacing)
    for wanted in (None, spacing, nearly):
        place = volume_placement(shape, spacing, wanted_mm=wanted)
        packed = place.forward(image, order)
        np.testing.assert_array_equal(packed, image.astype(np.float32))
        np.testing.assert_array_equal(place.back(packed / 65535), packed / 65535)
        masks = (image[..., None] > (20000, 50000)).astype(np.uint8)
        np.testing.assert_array_equal(place.mask_forward(masks), masks)


@given(shape=SIDES, spacing=SPACINGS, wanted=SPACINGS)
def test_the_packed_shape_keeps_the_size_in_millimetres(shape, spacing, wanted):
    place = volume_placement(shape, spacing, wanted_mm=wanted)
    for inner, voxels, old, new in zip(place.size, shape, spacing, wanted, strict=True):
        assert inner == max(1, round(voxels * old / new))


@settings(max_examples=40)
@given(shape=SIDES, spacing=SPACINGS, level=st.integers(0, 65535), seed=st.integers(0, 9))
def test_a_constant_volume_is_restored_exactly(shape, spacing, level, seed):
    patch = tuple(np.random.default_rng(seed).integers(1, 40, 3))
    place = volume_placement(shape, spacing, wanted_mm=(1.3, 0.9, 1.1), patch=patch)
    assert all(side >= least for side, least in zip(place.size, patch, strict=True))
    for order in ("linear", "cubic"):
        packed = place.forward(np.full(shape, level, np.uint16), order)
        inside = place.forward(np.ones(shape)) > 0
        np.testing.assert_allclose(packed[inside], level, rtol=1e-6)
        np.testing.assert_array_equal(packed[~inside], 0)
        np.testing.assert_allclose(place.back(packed / 65535), level / 65535, atol=1e-6)


@pytest.mark.parametrize("order", ["linear", "cubic"])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("voxels", "wanted"), [(40, 0.7), (40, 0.31), (40, 2.0), (40, 4.0)])
def test_a_ramp_is_reproduced_exactly_finer_and_by_whole_factors_coarser(
    axis, voxels, wanted, order
):
    """Centre c maps to (c + .5) inner / crop - .5: a shift would move the ramp."""
    shape = [3, 3, 3]
    shape[axis] = voxels
    ramp = np.arange(voxels).reshape([-1 if a == axis else 1 for a in range(3)]) / voxels
    ramp = np.broadcast_to(ramp, shape)
    place = volume_placement(shape, (1, 1, 1), wanted_mm=np.where(np.arange(3) == axis, wanted, 1))
    packed = place.forward(ramp, order)
    inner = place.size[axis]
    line = np.moveaxis(packed, axis, 0)
    centres = ((np.arange(inner) + 0.5) * voxels / inner - 0.5) / voxels
    rim = 0 if wanted > 1 else 1 + int((12 if order == "cubic" else 1) / wanted)
    middle = slice(rim, inner - rim)
    np.testing.assert_allclose(line[middle, 1, 1], centres[middle], atol=2e-6)
    back = np.moveaxis(place.back(packed), axis, 0)[:, 1, 1]
    rim = int(np.ceil(wanted)) if wanted > 1 else rim
    middle = slice(rim, voxels - rim)
    native = np.moveaxis(ramp, axis, 0)[:, 1, 1]
    np.testing.assert_allclose(back[middle], native[middle], atol=2e-6)


@settings(max_examples=30)
@given(
    st.tuples(*[st.integers(20, 40)] * 3),
    st.tuples(*[st.floats(0.5, 3)] * 3),
    st.tuples(*[st.floats(0.5, 3)] * 3),
)
def test_any_ramp_comes_back_without_a_shift(shape, spacing, wanted):
    """Averages over parts of voxels are a staircase: off by up to 1/8 of a step at each voxel."""
    place = volume_placement(shape, spacing, wanted_mm=wanted)
    for axis, voxels in enumerate(shape):
        ramp = np.indices(shape)[axis] / voxels
        back = place.back(place.forward(ramp))
        rim = int(np.ceil(2 * max(1, voxels / place.size[axis])))
        rest = np.moveaxis(back - ramp, axis, 0)[rim:-rim] * voxels
        limit = 1e-4 + 0.25 * max(1, voxels / place.size[axis]) * (voxels % place.size[axis] != 0)
        assert np.abs(rest).max(initial=0) <= limit


def test_finer_voxels_are_those_of_itk():
    image = noise((9, 14, 17))
    place = volume_placement(image.shape, (3, 1, 1), wanted_mm=(1.0, 0.55, 0.8))
    volume = sitk.GetImageFromArray(image.astype(np.float32))
    resampler = sitk.ResampleImageFilter()
    resampler.SetUseNearestNeighborExtrapolator(True)
    ratio = [old / new for old, new in zip(image.shape, place.size, strict=True)][::-1]
    resampler.SetSize(place.size[::-1])
    resampler.SetOutputSpacing(ratio)
    resampler.SetOutputOrigin([side / 2 - 0.5 for side in ratio])
    for order, name in (("linear", sitk.sitkLinear), ("cubic", sitk.sitkBSpline3)):
        resampler.SetInterpolator(name)
        theirs = sitk.GetArrayFromImage(resampler.Execute(volume))
        ours = place.forward(image, order)
        rim = (
            (slice(None),) * 3
            if order == "linear"
            else tuple(slice(n // 3, -n // 3) for n in ours.shape)
        )
        np.testing.assert_allclose(ours[rim], theirs[rim], atol=0.05 if order == "linear" else 700)


def test_coarser_voxels_are_the_means_of_what_they_cover_and_alias_nothing():
    image = noise((12, 20, 30))
    place = volume_placement(image.shape, (1, 1, 1), wanted_mm=(3, 2, 5))
    blocks = image.reshape(4, 3, 10, 2, 6, 5).mean(axis=(1, 3, 5))
    for order in ("linear", "cubic"):
        np.testing.assert_allclose(place.forward(image, order), blocks, rtol=1e-5)
    stripes = np.zeros((12, 20, 30))
    stripes[:, :, ::2] = 1  # finer than the new grid can show
    packed = volume_placement(stripes.shape, (1, 1, 1), wanted_mm=(1, 1, 6)).forward(stripes)
    np.testing.assert_allclose(packed, 0.5, atol=1e-6)


@pytest.mark.parametrize(
    "wanted", [(1, 1, 1), (3, 1, 1), (2, 2, 2), (0.7, 1.4, 0.9), (1.5, 0.6, 0.6)]
)
@pytest.mark.parametrize("spacing", [(1, 1, 1), (3, 0.5, 0.5), (0.8, 1.6, 1.1)])
def test_there_and_back_changes_no_label_of_a_smooth_object_beyond_its_border(spacing, wanted):
    """One voxel of the coarser grid, in each direction."""
    extent = (60, 50, 40)
    shape = tuple(round(e / s) for e, s in zip(extent, spacing, strict=True))
    middle = [n / 2 for n in shape]
    outer = ball(shape, middle, [0.35 * e / s for e, s in zip(extent, spacing, strict=True)])
    core = ball(shape, middle, [0.18 * e / s for e, s in zip(extent, spacing, strict=True)])
    for exclusive, masks in (
        (False, np.stack([outer, core], -1)),
        (True, np.stack([outer & ~core, core], -1)),
    ):
        place = volume_placement(shape, spacing, wanted_mm=wanted)
        packed = place.mask_forward(masks.astype(np.uint8), exclusive=exclusive)
        for number in range(2):
            before = masks[..., number]
            after = place.back(packed[..., number].astype(np.float32)) > 0.5
            reach = [int(np.ceil(max(1, w / s))) for s, w in zip(spacing, wanted, strict=True)]
            box = np.ones([2 * n + 1 for n in reach], bool)
            border = ndimage.binary_dilation(before, box) & ~ndimage.binary_erosion(before, box)
            assert not ((before != after) & ~border).any()
            assert 2 * (before & after).sum() / (before.sum() + after.sum()) > 0.93


def test_classes_that_exclude_each_other_stay_so_and_leave_no_gap():
    """Two halves and a background: each voxel of the new grid has the class with most of it."""
    masks = np.zeros((4, 30, 30, 2), np.uint8)
    masks[:, 3:16, 3:27, 0] = 1
    masks[:, 16:27, 3:27, 1] = 1
    for wanted in ((1, 1.7, 2.3), (0.6, 0.7, 0.9), (2, 5, 5)):
        place = volume_placement((4, 30, 30), (1, 1, 1), wanted_mm=wanted)
        packed = place.mask_forward(masks, exclusive=True)
        assert packed.sum(axis=-1).max() == 1
        shares = [place.forward(masks[..., k]) for k in range(2)]
        shares.append(1 - shares[0] - shares[1])
        order = np.sort(shares, axis=0)
        clear = order[-1] - order[-2] > 1e-5
        winner = np.argmax(shares, axis=0)
        for number in range(2):
            np.testing.assert_array_equal(packed[clear, number] == 1, winner[clear] == number)
    one = volume_placement((4, 30, 30), (1, 1, 1), wanted_mm=(1, 2, 2))
    np.testing.assert_array_equal(  # one class: the same as half or more
        one.mask_forward(masks[..., :1], exclusive=True), one.mask_forward(masks[..., :1])
    )
    with pytest.raises(ValueError, match="exclusive classes overlap"):
        one.mask_forward(np.ones((4, 30, 30, 2), np.uint8), exclusive=True)


@settings(max_examples=30)
@given(shape=SIDES, spacing=SPACINGS, classes=st.integers(1, 3), exclusive=st.booleans())
def test_masks_of_volumes_stay_0_and_1(shape, spacing, classes, exclusive):
    values = np.random.default_rng(1).integers(0, classes + 1, shape)
    masks = (values[..., None] == np.arange(1, classes + 1)).astype(np.uint8)
    place = volume_placement(shape, spacing, wanted_mm=(1, 1, 1), patch=(8, 8, 8))
    packed = place.mask_forward(masks, exclusive=exclusive)
    assert (packed.dtype, packed.shape) == (np.uint8, (*place.size, classes))
    assert set(np.unique(packed)) <= {0, 1}


def test_permuted_classes_permute_the_packed_masks():
    values = np.random.default_rng(2).integers(0, 4, (6, 12, 12))
    masks = (values[..., None] == (1, 2, 3)).astype(np.uint8)
    place = volume_placement((6, 12, 12), (1, 1, 1), wanted_mm=(0.8, 0.7, 0.6))
    packed = place.mask_forward(masks)
    np.testing.assert_array_equal(place.mask_forward(masks[..., [2, 0, 1]]), packed[..., [2, 0, 1]])


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_a_volume_stored_in_another_orientation_gives_the_same_native_result(order, signs):
    base = noise((7, 8, 9))
    affine = np.diag([2.0, 0.7, 1.1, 1.0])
    orientation = [[axis, sign] for axis, sign in zip(order, signs, strict=True)]
    stored = nib.Nifti1Image(base, affine).as_reoriented(orientation)
    crop, wanted = (1, 0, 1, 7, 8, 6), (1.6, 1.2, 1.0)

    def there_and_back(image):
        array = np.asarray(image.dataobj)
        stack = planes.cut(array, image.affine, "axial")
        spacing = planes.spacing_of_stack(image.affine, "axial")
        place = volume_placement(stack.shape, spacing, wanted_mm=wanted, crop=crop)
        native = place.back(place.forward(stack) / 65535)
        whole = planes.reassemble(native, image.affine, "axial", array.shape)
        return nib.as_closest_canonical(nib.Nifti1Image(whole, image.affine)).get_fdata()

    expected = there_and_back(nib.Nifti1Image(base, affine))
    np.testing.assert_array_equal(there_and_back(stored), expected)
    assert expected.shape == (7, 8, 9) and expected.any()


@pytest.mark.parametrize(("height", "width", "size"), [(60, 44, 32), (20, 90, 48), (12, 10, 40)])
def test_a_volume_of_one_slice_gives_what_the_slice_gives(height, width, size):
    image = noise((height, width))
    mask = (ndimage.gaussian_filter(image.astype(float), 3) > 32768).astype(np.uint8)
    box = (3, 2, height - 5, width - 4)
    flat = placement(height, width, size, letterbox=False, crop=box)
    place = volume_placement(
        (1, height, width),
        (5, 1, 1),
        wanted_shape=(1, size, size),
        crop=(0, *box[:2], 1, *box[2:]),
    )
    square = flat.forward(image)
    np.testing.assert_allclose(place.forward(image[None])[0], square, rtol=1e-5, atol=0.02)
    masks = place.mask_forward(mask[None, ..., None])[0, ..., 0]
    np.testing.assert_array_equal(masks, flat.mask_forward(mask, nearest=False))
    back = place.back(square[None] / 65535)[0]
    np.testing.assert_allclose(back, flat.back(square / 65535), atol=1e-6)


def test_a_volume_smaller_than_the_patch_lies_in_its_middle():
    place = volume_placement((3, 50, 20), (1, 1, 1), patch=(8, 32, 32))
    assert place.size == (8, 50, 32)
    packed = place.forward(np.ones((3, 50, 20)))
    assert packed[2:5, :, 6:26].all() and packed.sum() == 3000
    masks = place.mask_forward(np.ones((3, 50, 20, 1), np.uint8))
    assert masks.sum() == 3000
    np.testing.assert_array_equal(place.back(packed), 1)


def test_outside_the_crop_of_a_volume_nothing_is_predicted():
    box = (1, 4, 5, 3, 10, 12)
    place = volume_placement((6, 20, 20), (2, 1, 1), wanted_mm=(1, 1, 1), crop=box)
    assert place.size == (6, 10, 12)
    back = place.back(np.ones(place.size, np.float32))
    assert (back[1:4, 4:14, 5:17] == 1).all() and back.sum() == 3 * 10 * 12


def test_placements_of_volumes_read_from_a_table_are_the_same(tmp_path):
    places = [
        volume_placement((6, 20, 30), (2, 1, 1), wanted_mm=(1, 1.5, 1), crop=(1, 0, 2, 4, 20, 9)),
        volume_placement((1, 8, 8), (1, 1, 1), patch=(4, 16, 16)),
    ]
    rows = [{"case": f"{number:02d}", **asdict(place)} for number, place in enumerate(places)]
    write_table(pd.DataFrame(rows), tmp_path / "placement.tsv")
    read = read_table(tmp_path / "placement.tsv").to_dict("records")
    assert [row.pop("case") for row in read] == ["00", "01"]
    assert [VolumePlacement(**row) for row in read] == places


def test_a_volume_of_another_shape_is_refused():
    place = volume_placement((4, 5, 6), (1, 1, 1), patch=(8, 8, 8))
    for call, values in (
        (place.forward, np.zeros((5, 5, 6))),
        (place.mask_forward, np.zeros((4, 5, 7, 2), np.uint8)),
        (place.back, np.zeros((4, 5, 6))),
    ):
        with pytest.raises(ValueError, match=r"a volume of .* voxels, expected"):
            call(values)


def test_a_spacing_that_cannot_be_had_is_one_line():
    with pytest.raises(UserError, match="the volume's own is unknown"):
        volume_placement((4, 5, 6), (np.nan, 1, 1), wanted_mm=(1, 1, 1))
    with pytest.raises(UserError, match=f"at most {MAX_VOXELS} voxels; choose a coarser"):
        volume_placement((400, 500, 600), (1, 1, 1), wanted_mm=(0.1, 0.1, 0.1))
    assert volume_placement((4, 5, 6), (np.nan,) * 3).size == (4, 5, 6)


def test_the_head_box_of_a_volume_contains_the_whole_head():
    head = ball((30, 80, 70), (14, 42, 33), (10, 25, 20))
    random = np.random.default_rng(1)
    image = np.where(head, 30000, 300) + random.normal(0, 100, head.shape)
    box = np.array(head_box(image.astype(np.uint16)))
    inside = np.zeros_like(head)
    inside[tuple(slice(a, a + n) for a, n in zip(box[:3], box[3:], strict=True))] = True
    assert not (head & ~inside).any()
    assert (box[3:] <= [21 + 6, 51 + 6, 41 + 6]).all()
    assert head_box(np.zeros((3, 9, 9), np.uint16)) == (0, 0, 0, 3, 9, 9)


def test_a_box_holds_what_is_not_zero_and_an_organ_with_its_margin_in_millimetres():
    organ = np.zeros((9, 40, 40), np.uint8)
    organ[3:5, 10:20, 30:38] = 1
    assert nonzero_box(organ) == (3, 10, 30, 2, 10, 8)
    assert nonzero_box(organ * 0) == (0, 0, 0, 9, 40, 40)
    # 15 mm: 5 slices of 3 mm, 30 pixels of half a millimetre; never beyond the volume
    assert organ_box(organ, 15, (3, 0.5, 0.5)) == (0, 0, 0, 9, 40, 40)
    assert organ_box(organ, 2, (3, 0.5, 1.5)) == (2, 6, 28, 4, 18, 12)
    assert organ_box(organ, 0, (np.nan,) * 3) == nonzero_box(organ)
    with pytest.raises(UserError, match="the organ's mask is empty"):
        organ_box(organ * 0, 2, (1, 1, 1))
    with pytest.raises(UserError, match="the size of a voxel is unknown"):
        organ_box(organ, 2, (np.nan, 1, 1))


def test_thick_slices_are_interpolated_linearly_where_the_rest_is_cubic():
    """A step between two slices: a spline rings across it, in the plane and among thin slices."""
    image = np.zeros((6, 12, 12), np.uint16)
    image[3:] = image[:, 6:] = 1000
    for between_mm, among_thick in ((3.1, True), (3.0, False)):
        spacing = (between_mm, 1.0, 1.0)
        chosen = orders("cubic", spacing)
        assert chosen == ("linear" if among_thick else "cubic", "cubic", "cubic")
        place = volume_placement(image.shape, spacing, wanted_mm=(1, 1, 1))
        column = place.forward(image, chosen)[:, 0, 0]
        assert (column.min() < -1) != among_thick
    place = volume_placement(image.shape, (3.1, 1, 1), wanted_mm=(1, 0.5, 0.5))
    assert place.forward(image, orders("cubic", (3.1, 1, 1))).min() < -1  # within the slices
    assert orders("linear", (9.0, 1.0, 1.0)) == ("linear",) * 3
    assert orders("cubic", (np.nan, 1.0, 1.0)) == ("cubic",) * 3


def test_masks_of_thick_slices_become_those_of_the_nearest_slice():
    """As nnU-Net resamples labels along such an axis, though shares are interpolated linearly."""
    random = np.random.default_rng(0)
    masks = (random.random((5, 9, 7, 2)) > 0.5).astype(np.uint8)
    place = volume_placement((5, 9, 7), (6, 1, 1), wanted_mm=(1, 1, 1))
    nearest = np.repeat(masks, 6, axis=0)
    np.testing.assert_array_equal(place.mask_forward(masks), nearest)
    masks[..., 1] *= 1 - masks[..., 0]
    given = place.mask_forward(masks, exclusive=True)
    wrong = (given != np.repeat(masks, 6, axis=0)).any(axis=-1)
    assert wrong.sum() == 0
