"""Made heads are reproducible; each slice has a tumour and an annotation that fits it."""

import numpy as np
import pytest

from tumorseg.core.errors import UserError
from tumorseg.outlines.polygons import fill_parts
from tumorseg.sources import phantom

SMALL = {"height_px": 128, "width_px": 200}


@pytest.fixture(scope="module")
def made():
    return list(phantom.slices(seed=3, patients=6, **SMALL))


@pytest.fixture(scope="module")
def full_size():
    return list(phantom.slices(seed=1, patients=3))


def drawn(one):
    return fill_parts(one.parts, *one.image.shape) > 0


def iou(first, second):
    return (first & second).sum() / (first | second).sum()


def assert_same(first, second):
    assert (first.case, first.spacing_mm) == (second.case, second.spacing_mm)
    for (first_ring,), (second_ring,) in zip(first.parts, second.parts, strict=True):
        np.testing.assert_array_equal(first_ring, second_ring)
    for name in ("image", "brain", "tumour"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_the_first_patients_do_not_depend_on_the_number_of_patients(made):
    fewer = list(phantom.slices(seed=3, patients=2, **SMALL))
    assert len(fewer) < len(made)
    for first, second in zip(fewer, made, strict=False):
        assert_same(first, second)


def test_another_seed_makes_other_heads(made):
    other = next(iter(phantom.slices(seed=4, patients=1, **SMALL)))
    assert (other.image != made[0].image).mean() > 0.2


def test_all_planes_occur_and_names_are_unique(made):
    assert {one.plane for one in made} == {"axial", "coronal", "sagittal"}
    assert len({one.case for one in made}) == len(made)
    assert made[0].case.startswith("p01-") and made[0].patient == "p01"


def test_forty_patients_make_a_hundred_slices():
    assert sum(phantom.SLICES[number % 4] for number in range(1, 41)) == 100


def test_sizes_types_and_pixel_sizes(made, full_size):
    for one, height, width in [(full_size[0], 512, 800), (made[0], 128, 200)]:
        assert one.image.shape == one.brain.shape == one.tumour.shape == (height, width)
        assert one.image.dtype == np.uint8 and one.brain.dtype == one.tumour.dtype == bool
        assert phantom.FIELD_MM[0] <= one.spacing_mm * height <= phantom.FIELD_MM[1]
    assert 0.4 < full_size[0].spacing_mm < 0.5


def test_a_smaller_picture_shows_the_same_head(made):
    large = phantom.slices(seed=3, patients=1, height_px=256, width_px=400)
    for one, small in zip(large, made, strict=False):
        assert one.case == small.case
        for name in ("brain", "tumour"):
            assert iou(getattr(one, name)[1::2, 1::2], getattr(small, name)) > 0.85


def test_pictures_of_odd_size_have_the_requested_size():
    one = next(iter(phantom.slices(seed=1, patients=1, height_px=129, width_px=201)))
    assert one.image.shape == one.brain.shape == one.tumour.shape == (129, 201)


def test_every_slice_has_a_tumour_of_plausible_size_within_the_brain(made, full_size):
    for one in made + full_size:
        assert 0.003 < one.tumour.mean() < 0.06
        assert not (one.tumour & ~one.brain).any()
        assert 0.02 < one.brain.mean() < 0.35


def test_annotation_is_a_readers_outline_of_the_tumour(full_size):
    for one in full_size:
        height, width = one.image.shape
        for (ring,) in one.parts:
            assert 20 <= len(ring) <= 60
            assert ring.min() >= 0 and (ring.max(axis=0) <= (width - 1, height - 1)).all()
        assert iou(drawn(one), one.tumour) > 0.92


def test_annotation_is_neither_shifted_nor_grown(full_size):
    for one in full_size:
        shift = np.argwhere(drawn(one)).mean(0) - np.argwhere(one.tumour).mean(0)
        assert np.abs(shift).max() < 0.4
        assert drawn(one).sum() == pytest.approx(one.tumour.sum(), rel=0.06)


def test_skull_is_dark_scalp_is_bright_and_air_is_darkest(full_size):
    for one in full_size:
        inside = np.median(one.image[one.brain])
        assert np.median(one.image[:, :20]) < 0.2 * inside
        assert np.percentile(one.image[~one.brain & (one.image > 0.5 * inside)], 75) > 1.2 * inside


def test_tumours_are_brighter_than_the_brain_but_not_the_brightest(full_size):
    for one in full_size:
        healthy = one.image[one.brain & ~one.tumour]
        tumour = np.percentile(one.image[one.tumour], 90)
        assert np.median(healthy) < tumour < one.image.max()


def test_patients_differ(made):
    assert len({one.spacing_mm for one in made}) == 6
    medians = [np.median(one.image[one.brain]) for one in made]
    assert np.ptp(medians) > 5


def test_cases_have_annotation_and_known_brain(made):
    case = next(iter(phantom.cases(data_dir="", seed=3, patients=1, **SMALL)))
    assert case.mask is None and case.spacing_mm == (made[0].spacing_mm,) * 2
    np.testing.assert_array_equal(case.parts[0][0], made[0].parts[0][0])
    np.testing.assert_array_equal(case.true_brain, made[0].brain)


@pytest.mark.parametrize(
    "options", [{"patients": 0}, {"height_px": 32}, {"height_px": 512, "width_px": 500}]
)
def test_impossible_options_are_rejected_in_one_line(options):
    with pytest.raises(UserError, match="phantom"):
        next(iter(phantom.slices(**options)))
