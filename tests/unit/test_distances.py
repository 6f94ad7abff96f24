"""Tests of tumorseg.distances."""

import itertools
import json
import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import binary_erosion, distance_transform_edt

from tumorseg import distances
from tumorseg.distances import DISTANCES, hausdorff, surface, surface_distances

ROOT = Path(__file__).resolve().parents[2]
TORCH = ROOT / ".venv-torch" / "bin" / "python"
LENGTHS = ("hausdorff", "hd95", "hd95_pooled", "assd")
SIDES = st.sampled_from([1.0, 0.49, 0.3, 2.5])


def pixels(*indices, shape=(20, 30)):
    array = np.zeros(shape, bool)
    for index in indices:
        array[index] = True
    return array


@st.composite
def pairs(draw):
    """Two masks of one shape with foreground, 2-D or 3-D, and a spacing."""
    shape = draw(st.sampled_from([(7, 9), (1, 6), (4, 5, 6)]))
    first, second = draw(arrays(bool, shape)), draw(arrays(bool, shape))
    assume(first.any() and second.any())
    return first, second, draw(SIDES | st.tuples(*[SIDES] * len(shape)))


def by_definition(first, second, spacing, tolerance):
    """The five values by their definitions: all pairs of pixels, NumPy's percentile."""
    a, b = (np.argwhere(mask & ~binary_erosion(mask)) for mask in (first, second))
    table = np.sqrt((((a[:, None] - b[None]) * spacing) ** 2).sum(-1))
    from_first, from_second = table.min(1), table.min(0)
    both = np.concatenate([from_first, from_second])
    return {
        "hausdorff": both.max(),
        "hd95": max(np.percentile(from_first, 95), np.percentile(from_second, 95)),
        "hd95_pooled": np.percentile(both, 95),
        "assd": both.mean(),
        "nsd": np.mean(both <= tolerance + 1e-9),
    }


def by_transform(first, second, spacing):
    """The directed distances by SciPy's Euclidean distance transform of the whole images."""
    a, b = surface(first), surface(second)
    from_first = distance_transform_edt(~b, sampling=spacing)[a]
    return from_first, distance_transform_edt(~a, sampling=spacing)[b]


# The surface


def test_the_surface_counts_the_image_border_as_background():
    full = np.ones((4, 5), bool)
    rim = full.copy()
    rim[1:-1, 1:-1] = False
    assert np.array_equal(surface(full), rim)


def test_a_hole_has_a_surface_but_its_diagonal_neighbours_are_no_surface():
    ring = pixels()
    ring[2:9, 2:9] = True
    ring[5, 5] = False
    edge = surface(ring)
    assert edge[5, 4]
    assert edge[4, 5]
    assert not edge[4, 4]


@given(arrays(bool, (7, 9)) | arrays(bool, (4, 5, 6)))
def test_the_surface_is_what_an_erosion_by_a_cross_removes(mask):
    assert np.array_equal(surface(mask), mask & ~binary_erosion(mask))


# Closed forms


@pytest.mark.parametrize(
    ("second", "spacing", "expected"),
    [
        ((5, 7), 1.0, 2.0),
        ((7, 5), (1.0, 1.0), 2.0),
        ((5, 7), (3.0, 0.5), 1.0),
        ((7, 5), (3.0, 0.5), 6.0),
        ((8, 9), 1.0, 5.0),
        ((8, 9), 2.0, 10.0),
    ],
)
def test_the_distance_of_two_single_pixels_is_that_of_their_centres(second, spacing, expected):
    values = surface_distances(pixels((5, 5)), pixels(second), spacing, expected)
    assert values == pytest.approx(dict.fromkeys(LENGTHS, expected) | {"nsd": 1.0})


def test_the_distance_of_two_voxels_is_that_of_their_centres():
    first, second = (pixels(where, shape=(9, 9, 9)) for where in ((1, 1, 1), (3, 4, 7)))
    assert surface_distances(first, second)["hausdorff"] == 7.0  # 2, 3, 6
    assert surface_distances(first, second, (4.0, 2.0, 0.5))["hausdorff"] == math.sqrt(109)


def test_a_square_moved_by_three_pixels_has_distance_three_and_half_that_on_average():
    first, second = pixels(), pixels()
    first[5:15, 5:15] = second[5:15, 8:18] = True
    # Each border has 36 pixels. On the upper and lower side 7 of 10 are shared, the others have
    # distances 1, 2 and 3. The other 8 of the outer side have distance 3, those of the inner side
    # 1, 2, 3, 3, 3, 3, 2 and 1.
    values = surface_distances(first, second, tolerance=(0, 1, 2, 3))
    assert values["hausdorff"] == values["hd95"] == values["hd95_pooled"] == 3.0
    assert values["assd"] == 1.5
    np.testing.assert_allclose(values["nsd"], np.array([14, 18, 22, 36]) / 36)


@pytest.mark.parametrize(("inner", "outer"), [(9, 14), (10, 19)])
def test_the_distance_of_concentric_spheres_is_that_of_their_radii_within_a_voxel(inner, outer):
    square = sum(axis**2 for axis in np.ogrid[-20:21, -20:21, -20:21])
    values = surface_distances(square <= inner**2, square <= outer**2)
    for name in LENGTHS:
        assert values[name] == pytest.approx(outer - inner, abs=1), name
    assert values["hausdorff"] >= outer - inner


def test_equal_masks_have_distance_zero():
    mask = np.zeros((9, 9), bool)
    mask[0:6, 0:4] = True  # touches the image's border
    values = surface_distances(mask, mask, tolerance=0)
    assert values == dict.fromkeys(LENGTHS, 0.0) | {"nsd": 1.0}


def test_hd95_is_the_larger_of_both_directions_and_hd95_pooled_that_of_both_together():
    square, spur = pixels(), pixels()
    square[5:15, 5:15] = spur[5:15, 5:15] = True
    spur[9, 15:19] = True
    # From the square: 35 x 0, and 1 where the spur covers its border. Back: 35 x 0 and 1, 2, 3, 4.
    values = surface_distances(square, spur)
    assert values["hausdorff"] == 4.0
    assert values["hd95"] == pytest.approx(2.1)
    assert values["hd95_pooled"] == pytest.approx(1.0)
    assert values["assd"] == pytest.approx(11 / 75)
    assert values["nsd"] == pytest.approx(72 / 75)


@pytest.mark.parametrize("sides", [(0.49, 0.49), (0.49, 0.7)])
def test_a_distance_equal_to_the_tolerance_is_within_it_despite_rounding(sides):
    for steps in range(1, 15):
        first, second = pixels((2, 2)), pixels((2 + steps, 2))
        for tolerance in (steps * 49 / 100, sum([0.49] * steps)):
            assert surface_distances(first, second, sides, tolerance)["nsd"] == 1, steps
        assert surface_distances(first, second, sides, steps * 0.489)["nsd"] == 0


# Empty masks


@pytest.mark.parametrize(
    ("shape", "spacing", "diagonal"),
    [
        ((30, 40), 1.0, 50.0),
        ((30, 40), 2.0, 100.0),
        ((30, 40), (4.0, 0.5), math.hypot(120, 20)),
        ((2, 3, 6), 1.0, 7.0),
        ((2, 3, 6), (3.0, 2.0, 0.5), math.hypot(6, 6, 3)),
    ],
)
def test_one_empty_mask_gives_the_diagonal_of_the_image_and_an_nsd_of_zero(
    shape, spacing, diagonal
):
    empty, one = np.zeros(shape), pixels((1,) * len(shape), shape=shape)
    expected = dict.fromkeys(LENGTHS, diagonal) | {"nsd": 0.0}
    assert surface_distances(empty, one, spacing) == pytest.approx(expected)
    assert surface_distances(one, empty, spacing) == pytest.approx(expected)
    values = surface_distances(one, empty, spacing, (1, 2, 3))["nsd"]
    np.testing.assert_array_equal(values, np.zeros(3))


@pytest.mark.parametrize("shape", [(30, 40), (4, 5, 6)])
def test_with_two_empty_masks_every_distance_is_undefined(shape):
    empty = np.zeros(shape, np.uint8)
    values = surface_distances(empty, empty)
    assert set(values) == set(DISTANCES)
    assert all(isinstance(value, float) and math.isnan(value) for value in values.values())
    several = surface_distances(empty, empty, tolerance=(1, 2))["nsd"]
    assert several.shape == (2,) and np.isnan(several).all()


# The definitions


@given(pairs(), st.floats(0, 6))
def test_every_value_equals_its_definition(pair, tolerance):
    values = surface_distances(*pair, tolerance)
    assert list(values) == list(DISTANCES)
    assert values == pytest.approx(by_definition(*pair, tolerance), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("method", ["matrix", "tree", "transform"])
@given(pairs())
@settings(max_examples=50)
def test_every_method_to_find_the_nearest_pixel_gives_the_same_distances(method, pair):
    limits = {"matrix": (10**9, 10**9), "tree": (0, 0), "transform": (0, 10**9)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distances, "MATRIX_PAIRS", limits[method][0])
        patch.setattr(distances, "BOX_PER_POINT", limits[method][1])
        values = surface_distances(*pair)
    assert values == pytest.approx(by_definition(*pair, 1.0), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((800, 512), 1.0),
        ((800, 512), (0.7, 0.49)),
        ((1700, 400), 0.49),
        ((60, 70, 50), (1.0, 0.9, 3.0)),
        ((60, 70, 50), 1.0),
    ],
)
@pytest.mark.parametrize("speckles", [0, 0.001, 0.2])
def test_large_masks_agree_with_scipys_distance_transform(shape, spacing, speckles):
    random = np.random.default_rng(3)
    places = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij", sparse=True)
    truth = sum(place**2 for place in places) < 0.5
    moved = sum((place - 0.1) ** 2 for place in places) < 0.4
    prediction = moved ^ (random.random(shape) < speckles)
    from_first, from_second = by_transform(truth, prediction, np.broadcast_to(spacing, len(shape)))
    both = np.concatenate([from_first, from_second])
    expected = {
        "hausdorff": both.max(),
        "hd95": max(np.percentile(from_first, 95), np.percentile(from_second, 95)),
        "hd95_pooled": np.percentile(both, 95),
        "assd": both.mean(),
        "nsd": np.mean(both <= 2.2),
    }
    values = surface_distances(truth, prediction, spacing, tolerance=2.2)
    assert values == pytest.approx(expected, rel=0, abs=1e-9)


# Invariances


@given(pairs())
def test_truth_and_prediction_may_be_swapped(pair):
    first, second, spacing = pair
    assert surface_distances(first, second, spacing) == surface_distances(second, first, spacing)


@given(pairs())
def test_the_hausdorff_distance_is_zero_exactly_for_equal_surfaces(pair):
    first, second, spacing = pair
    same = np.array_equal(surface(first), surface(second))
    assert (hausdorff(first, second, spacing) == 0) == same


@given(pairs(), st.lists(st.integers(0, 5), min_size=3, max_size=3))
def test_moving_both_masks_together_changes_no_distance(pair, by):
    first, second, spacing = pair
    margins = [(before, 7 - before) for before in by[: first.ndim]]
    moved = [np.pad(mask, margins) for mask in (first, second)]
    assert surface_distances(*moved, spacing) == surface_distances(first, second, spacing)


@given(pairs(), st.data())
def test_transposing_and_mirroring_changes_no_distance(pair, data):
    first, second, spacing = pair
    sides = np.broadcast_to(spacing, first.ndim)
    order = data.draw(st.permutations(range(first.ndim)))
    turned = [np.flip(mask.transpose(order), axis=0) for mask in (first, second)]
    values = surface_distances(*turned, sides[order])
    assert values == pytest.approx(surface_distances(first, second, spacing), rel=1e-12)


@given(pairs(), st.floats(0.1, 10))
def test_distances_scale_with_the_spacing_and_nsd_does_not_change(pair, factor):
    first, second, spacing = pair
    before = surface_distances(first, second, spacing, 1.3)
    after = surface_distances(first, second, np.multiply(spacing, factor), 1.3 * factor)
    for name in LENGTHS:
        assert after[name] == pytest.approx(before[name] * factor, rel=1e-12)
    assert after["nsd"] == before["nsd"]


@given(pairs())
def test_nsd_increases_with_the_tolerance_and_is_1_at_the_hausdorff_distance(pair):
    values = surface_distances(*pair, tolerance=np.linspace(0, 8, 30))
    assert (np.diff(values["nsd"]) >= 0).all()
    assert surface_distances(*pair, tolerance=values["hausdorff"])["nsd"] == 1


@given(pairs())
def test_no_distance_exceeds_the_hausdorff_distance(pair):
    values = surface_distances(*pair)
    assert max(values[name] for name in LENGTHS) <= values["hausdorff"] * (1 + 1e-12)


@given(pairs(), st.sampled_from([np.uint8, np.int64, np.float32]))
def test_every_number_except_zero_is_foreground(pair, kind):
    first, second, spacing = pair
    numbers = [mask.astype(kind) * 3 for mask in (first, second)]
    assert surface_distances(*numbers, spacing) == surface_distances(first, second, spacing)


# Unusable arguments


@pytest.mark.parametrize(
    ("shapes", "spacing", "tolerance", "message"),
    [
        (((2, 3), (3, 2)), 1.0, 1.0, "differ in shape"),
        (((2, 3), (2, 3, 1)), 1.0, 1.0, "differ in shape"),
        (((5,), (5,)), 1.0, 1.0, "2 or 3 dimensions"),
        (((2, 2, 2, 2), (2, 2, 2, 2)), 1.0, 1.0, "2 or 3 dimensions"),
        *(
            (((2, 3), (2, 3)), bad, 1.0, "spacing must be 1 or 2 positive numbers")
            for bad in (0, -1, math.nan, math.inf, (1, 0), (1, math.nan), (1, 1, 1), ())
        ),
        *(
            (((2, 3), (2, 3)), 1.0, bad, "tolerance must be numbers that are not negative")
            for bad in (-1, math.nan, (1, -2), ((1, 2), (3, 4)))
        ),
    ],
)
@pytest.mark.parametrize("fill", [0, 1])
def test_unusable_arguments_are_rejected(shapes, spacing, tolerance, message, fill):
    masks = [np.full(shape, fill) for shape in shapes]
    with pytest.raises(ValueError, match=message):
        surface_distances(*masks, spacing, tolerance)


# Other libraries


def simpleitk(first, second, spacing=(1.0, 1.0)):
    """SimpleITK's Hausdorff distance and its average Hausdorff distance."""
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (first, second)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    measure = sitk.HausdorffDistanceImageFilter()
    measure.Execute(*images)
    return measure.GetHausdorffDistance(), measure.GetAverageHausdorffDistance()


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (3.0, 0.5)])
def test_simpleitk_agrees_if_it_is_given_the_surfaces(spacing):
    generator = np.random.default_rng(7)
    first, second = pixels(), pixels()
    first[3:12, 4:15] = True
    second[6:17, 9:25] = generator.random((11, 16)) > 0.2
    expected, _ = simpleitk(surface(first), surface(second), spacing)
    assert hausdorff(first, second, spacing) == pytest.approx(expected, rel=1e-5)


def test_simpleitk_measures_areas_so_the_depth_of_a_hole_counts():
    square, holed = pixels(shape=(40, 30)), pixels(shape=(40, 30))
    square[5:26, 5:26] = holed[5:26, 5:26] = True
    holed[9:22, 9:22] = False
    theirs, average = simpleitk(square, holed)
    ours = surface_distances(square, holed)
    assert (ours["hausdorff"], theirs) == (3.0, 7.0)  # from the rim of the hole; from its middle
    assert (round(ours["assd"], 3), round(average, 3)) == (0.736, 0.516)  # pixels inside count too


@pytest.mark.parametrize("side", [0, 1])
def test_simpleitk_rejects_empty_masks(side):
    masks = [pixels(), pixels()]
    masks[side][3, 3] = True
    with pytest.raises(RuntimeError, match="Exception thrown in SimpleITK"):
        simpleitk(*masks)


@pytest.fixture(scope="module")
def others():
    """The values of other libraries: case -> library -> values."""
    skipped = (
        "`make torch` sets up their venv; distances NOT compared with MedPy, MONAI and DeepMind"
    )
    if not TORCH.is_file():
        pytest.skip(skipped)
    command = [TORCH, ROOT / "tests" / "unit" / "distance_values.py"]
    process = subprocess.run(command, capture_output=True, text=True)
    if "ModuleNotFoundError" in process.stderr:
        pytest.skip(f"{process.stderr.splitlines()[-1]}; {skipped}")
    assert process.returncode == 0, process.stderr[-2000:]
    return json.loads(process.stdout.splitlines()[-1])


MEASURED = ("rough", "rough, anisotropic", "at the border", "volume", "volume, anisotropic", "hole")
SHARED = {
    "medpy": ("hausdorff", "hd95_pooled", "assd"),
    "monai": ("hausdorff", "hd95", "assd", "nsd"),
}


@pytest.mark.parametrize(("case", "library"), [*itertools.product(MEASURED, SHARED)])
def test_medpy_and_monai_agree_on_what_they_define_as_we_do(others, case, library):
    for name in SHARED[library]:
        # MONAI computes in float32.
        assert others[case]["ours"][name] == pytest.approx(others[case][library][name], rel=1e-6)


def test_deepmind_agrees_on_two_pixels_but_measures_between_corners_of_pixels(others):
    for name in ("hausdorff", "hd95"):
        assert others["two pixels"]["deepmind"][name] == others["two pixels"]["ours"][name] == 2.0
    ours, theirs = others["hole"]["ours"], others["hole"]["deepmind"]
    assert (ours["hausdorff"], theirs["hausdorff"]) == (3.0, 4.0)  # a frame of 4 pixels
    assert (ours["hd95"], theirs["hd95"]) == (3.0, 4.0)
    assert (round(ours["nsd"], 4), round(theirs["nsd"], 4)) == (0.7547, 0.7652)  # by length
    assert [round(mean, 3) for mean in theirs["directed means"]] == [0.0, 1.521]
    assert round(ours["assd"], 3) == 0.736


@pytest.mark.parametrize("case", MEASURED)
def test_monai_with_subvoxels_equals_deepminds_surface_dice(others, case):
    corners = others[case]["monai"]["nsd at corners"]
    assert corners == pytest.approx(others[case]["deepmind"]["nsd"], rel=1e-6)


def test_the_libraries_define_hd95_in_three_ways(others):
    spur = others["spur"]
    assert spur["ours"]["hd95"] == pytest.approx(2.1)
    assert spur["ours"]["hd95_pooled"] == pytest.approx(1.0)
    assert spur["deepmind"]["hd95"] == 3.0


def test_each_library_handles_empty_masks_in_its_own_way(others):
    one, both = others["prediction empty"], others["both empty"]
    assert one["ours"] == dict.fromkeys(LENGTHS, 50.0) | {"nsd": 0.0}
    assert one["medpy"] == both["medpy"] == "RuntimeError"
    assert one["deepmind"] == both["deepmind"] == "AttributeError"  # np.Inf, removed in NumPy 2
    assert one["monai"]["hausdorff"] == one["monai"]["assd"] == math.inf
    assert math.isnan(one["monai"]["hd95"])
    assert one["monai"]["nsd"] == 0.0
    assert all(math.isnan(value) for value in (*both["ours"].values(), *both["monai"].values()))
