"""Made volumes are reproducible heads; their regions are nested and look as in real sequences."""

import numpy as np
import pytest
from scipy import ndimage

from tumorseg.imaging import planes
from tumorseg.phantom.contrast import SEQUENCES, TISSUES, signals
from tumorseg.phantom.lesions import KINDS
from tumorseg.sources import phantom

PATIENTS = 16
CHANNELS = list(SEQUENCES)  # t1, t1ce, t2, flair


def draw(patients=PATIENTS, seed=1, channels=None, **options):
    made = phantom.cases(
        seed=seed, patients=patients, dimensions=3, channels=channels or CHANNELS, **options
    )
    return list(made)


@pytest.fixture(scope="module")
def made():
    return draw()


def images(case):
    return [case.image, *(channel.image for channel in case.further)]


def region(case, name):
    """A region, or what one label means, as bool."""
    if name == "whole":
        return case.labels > 0
    values = {"oedema": [2], "enhancing": [4], "core": [1, 4], "dead": [1]}[name]
    return np.isin(case.labels, values)


def brain(case):
    """Healthy brain away from tumour and skull."""
    return ndimage.binary_erosion(case.true_brain, iterations=2) & ~ndimage.binary_dilation(
        case.labels > 0, iterations=2
    )


def fluid(case):
    """Fluid in the middle of the head, by its brightness in T2."""
    inside, t2 = brain(case), case.further[1].image
    return inside & (t2 > 2.2 * np.median(t2[inside]))


def solid(case):
    return brain(case) & ~fluid(case)


def level(image, mask):
    return float(np.median(image[mask]))


def test_a_volume_depends_on_nothing_but_seed_number_and_voxels(made):
    for again, case in zip(draw(patients=2), made, strict=False):
        assert (again.case, again.tumour_type) == (case.case, case.tumour_type)
        for first, second in zip(images(again), images(case), strict=True):
            np.testing.assert_array_equal(first, second)
        for name in ("labels", "mask", "true_brain", "affine"):
            np.testing.assert_array_equal(getattr(again, name), getattr(case, name))


@pytest.mark.parametrize("channels", [["flair"], ["t2", "t1"], None])
def test_a_channel_is_the_same_whichever_others_are_drawn(made, channels):
    (case,) = phantom.cases(seed=1, patients=1, dimensions=3, channels=channels)
    for name, image in zip(channels or ["t1ce"], images(case), strict=True):
        np.testing.assert_array_equal(image, images(made[0])[CHANNELS.index(name)])
    np.testing.assert_array_equal(case.labels, made[0].labels)


def test_another_seed_makes_other_heads(made):
    (other,) = draw(patients=1, seed=2)
    assert (other.labels != made[0].labels).any()
    assert not np.allclose(other.image, made[0].image)


def test_no_two_patients_are_alike(made):
    for position, first in enumerate(made):
        for second in made[:position]:
            assert (first.true_brain ^ second.true_brain).sum() > 0.02 * first.true_brain.sum()
            assert (first.labels != second.labels).any()
            assert first.image.tobytes() != second.image.tobytes()
    whites = [level(case.image, solid(case)) for case in made]
    assert max(whites) > 1.5 * min(whites)
    assert len({case.true_brain.sum() for case in made}) == PATIENTS


@pytest.mark.parametrize(("voxel_mm", "shape"), [(4.0, (40, 56, 48)), (5.0, (32, 45, 38))])
def test_sizes_types_and_spacing(voxel_mm, shape):
    (case,) = draw(patients=1, voxel_mm=voxel_mm)
    for image in images(case):
        assert image.shape == shape and image.dtype == np.uint16
    assert case.labels.shape == case.mask.shape == case.true_brain.shape == shape
    assert case.labels.dtype == case.mask.dtype == np.uint8 and case.true_brain.dtype == bool
    assert case.spacing_mm == (voxel_mm,) * 3
    assert np.linalg.norm(case.affine[:3, :3], axis=0) == pytest.approx(case.spacing_mm)
    assert case.parts is None and case.plane == "axial"
    np.testing.assert_array_equal(case.mask, case.labels > 0)


def test_a_coarser_volume_shows_the_same_head(made):
    (coarse,) = draw(patients=1, voxel_mm=6.0)
    fine = made[0]
    assert coarse.image.shape == (27, 37, 32)
    volume = [case.true_brain.sum() * case.spacing_mm[0] ** 3 for case in (fine, coarse)]
    assert volume[0] == pytest.approx(volume[1], rel=0.03)
    whole = [case.mask.sum() * case.spacing_mm[0] ** 3 for case in (fine, coarse)]
    assert whole[0] == pytest.approx(whole[1], rel=0.15)


def test_the_stack_is_its_own_axial_display_and_lies_upright_in_the_head(made):
    case = made[0]
    stack = planes.cut(case.image, case.affine, "axial")
    np.testing.assert_array_equal(stack, case.image)
    depth, height, width = case.image.shape
    first, last = (
        case.affine @ [*index, 1] for index in [(0, 0, 0), (depth - 1, height - 1, width - 1)]
    )
    assert first[0] > last[0] and first[1] > last[1] and first[2] < last[2]
    # The eyes, the brightest in T2 outside the brain, look to the front, which is row 0.
    outside = ndimage.gaussian_filter(case.further[1].image.astype(float), 1.5)
    outside[ndimage.binary_dilation(case.true_brain, iterations=2)] = 0
    assert np.unravel_index(outside.argmax(), outside.shape)[1] < height / 3


def test_regions_are_nested_and_oedema_lies_around_the_core(made):
    for case in made:
        assert set(np.unique(case.labels)) <= {0, 1, 2, 4}
        whole, core, enhancing = (region(case, name) for name in ("whole", "core", "enhancing"))
        assert (enhancing <= core).all() and (core <= whole).all()
        assert enhancing.sum() < core.sum() or case.tumour_type != "ring"
        assert core.any() and core.sum() < whole.sum()
        assert not (whole & ~case.true_brain).any()
        near = ndimage.binary_dilation(core, iterations=8)
        assert (whole & near).sum() > 0.9 * whole.sum()


def test_a_ring_encloses_its_necrosis(made):
    rings = [case for case in made if case.tumour_type == "ring"]
    for case in rings:
        dead = case.labels == 1
        border = ndimage.binary_dilation(dead) & ~dead
        assert dead.any() and (case.labels[border] == 4).mean() > 0.6


def test_every_kind_of_tumour_occurs_and_some_take_up_no_contrast_agent(made):
    assert {case.tumour_type for case in made} == set(KINDS)
    for case in made:
        assert (case.labels == 4).any() == (case.tumour_type != "diffuse")
        assert 0.002 < case.mask.sum() / case.true_brain.sum() < 0.4
    several = [ndimage.label(np.isin(case.labels, (1, 4)))[1] for case in made[1::4]]
    assert min(several) >= 2


def test_every_eighth_volume_has_no_tumour_where_negatives_are_wanted():
    cases = draw(patients=9, channels=["flair"], negatives=True)
    assert [case.mask.any() for case in cases] == [True] * 7 + [False] + [True]
    assert cases[7].tumour_type == "" and not cases[7].labels.any()


def test_fluid_is_dark_in_t1_and_flair_and_bright_in_t2(made):
    for case in made:
        t1, t1ce, t2, flair = images(case)
        if fluid(case).sum() < 20:
            continue
        for image in (t1, t1ce, flair):
            assert level(image, fluid(case)) < 0.8 * level(image, solid(case))
        assert level(t2, fluid(case)) > 1.8 * level(t2, solid(case))


def test_enhancing_tumour_is_bright_only_with_contrast_agent(made):
    for case in made:
        mask = region(case, "enhancing")
        if mask.any():
            t1, t1ce, *_ = images(case)
            assert level(t1ce, mask) > 1.15 * level(t1ce, solid(case))
            assert level(t1, mask) < level(t1, solid(case))


def test_oedema_is_bright_in_t2_and_flair_and_dark_in_t1(made):
    """Beside the brain near it, as the coil's uneven field changes more over the whole head."""
    ratios = []
    for case in made:
        t1, t1ce, t2, flair = images(case)
        near = solid(case) & ndimage.binary_dilation(case.labels > 0, iterations=7)
        mask = region(case, "oedema")
        for image in (t2, flair):
            assert level(image, mask) > 1.25 * level(image, near)
        mask &= ~ndimage.binary_dilation(case.labels == 4)  # whose voxels hold a part of it
        ratios.append([level(image, mask) / level(image, near) for image in (t1, t1ce)])
    assert np.max(ratios) < 1.05
    assert np.all(np.median(ratios, axis=0) < 0.95)


def test_necrosis_is_dark_with_contrast_agent_and_bright_in_t2(made):
    for case in made:
        mask = region(case, "dead")
        if mask.sum() > 20:
            _, t1ce, t2, _ = images(case)
            assert level(t1ce, mask) < level(t1ce, solid(case))
            assert level(t2, mask) > 1.4 * level(t2, solid(case))


def test_the_scalp_is_bright_and_bone_and_air_are_dark(made):
    for case in made:
        t1 = case.image
        assert level(t1[:, :2], np.ones_like(t1[:, :2], bool)) < 0.15 * level(t1, solid(case))
        shell = ndimage.binary_dilation(case.true_brain, iterations=4)
        shell &= ~ndimage.binary_dilation(case.true_brain, iterations=1)
        shell[: len(shell) // 2] = False  # above the face
        assert np.percentile(t1[shell], 10) < 0.6 * level(t1, solid(case))
        assert np.percentile(t1[shell], 90) > level(t1, solid(case))


# Of every sequence, tissues from dark to bright, as radiology describes them.
ORDER = {
    "t1": ("csf", "necrosis", "oedema", "grey", "white", "fat"),
    "t1ce": ("csf", "necrosis", "oedema", "grey", "white", "enhancing", "vessel"),
    "t2": ("muscle", "white", "grey", "enhancing", "oedema", "csf"),
    "flair": ("csf", "muscle", "white", "grey", "enhancing", "oedema"),
}


@pytest.mark.parametrize("sequence", ORDER)
def test_tissues_are_as_bright_as_the_sequence_makes_them(sequence):
    levels = signals(sequence)
    found = [levels[name] for name in ORDER[sequence]]
    assert found == sorted(found) and levels["white"] == 1
    assert levels.keys() == TISSUES.keys()
    assert levels["csf"] < 0.02 or sequence != "flair"


def test_contrast_agent_changes_only_what_takes_it_up():
    before, after = signals("t1"), signals("t1ce")
    changed = {name for name in TISSUES if after[name] > 1.05 * before[name]}
    assert changed == {"enhancing", "vessel", "gland", "muscle"}
    assert {name for name in TISSUES if after[name] < before[name]} == set()
