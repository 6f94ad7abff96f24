"""Promises of the patches: what is drawn, from where, how often, and that nothing else decides it.

Channels of most images state where a voxel is (its position and its case), so a patch tells where
it was cut.
"""

import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorseg.core.case_index import indexed
from tumorseg.training import patch_augmentation
from tumorseg.training import patches as patches_module
from tumorseg.training.patches import FOREGROUND_EVERY, Patches
from tumorseg.training.plan import Plan

PLAN = Plan(
    epochs=3,
    batch_size=2,
    learning_rate=1e-3,
    schedule="constant",
    warmup_epochs=0,
    weight_decay=0.0,
    weight_average=0.0,
    augmentation=0.0,
    keep_best=True,
    mirrored=False,
    seed=5,
    steps=6,
)
AUGMENTED = replace(PLAN, augmentation=1.0)
SIDES = {"3-D": [(9, 14, 12), (12, 9, 20), (5, 7, 6)], "2-D": [(40, 30), (25, 60), (9, 70)]}
SHAPES = {"3-D": (6, 8, 10), "2-D": (16, 24)}
KINDS = pytest.mark.parametrize("kind", SIDES)


def stored(
    folder: Path, images: list[np.ndarray], masks: list[np.ndarray], shape: tuple, **options
) -> Patches:
    files = []
    for number, pair in enumerate(zip(images, masks, strict=True)):
        files.append([folder / f"image-{number}.npy", folder / f"mask-{number}.npy"])
        for path, array in zip(files[-1], pair, strict=True):
            np.save(path, array)
    index = list(map(indexed, images, masks))
    paths = zip(*files, strict=True)
    return Patches(*map(list, paths), index, shape, (1.0,) * len(shape), **options)


def positions_of(sides: tuple, case: int) -> np.ndarray:
    """An image whose channels are the position of each voxel, from 1, and its case."""
    axes = np.meshgrid(*(np.arange(1, side + 1) for side in sides), indexing="ij")
    return np.stack([*axes, np.full(sides, case)], axis=-1).astype(np.float32)


def corners(sides: tuple) -> np.ndarray:
    """Two classes: the first voxel and the block at the end; a small and a larger one."""
    mask = np.zeros((*sides, 2), np.uint8)
    mask[(0,) * len(sides) + (0,)] = 1
    mask[(*(slice(-2, None) for _ in sides), 1)] = 1
    return mask


def example(folder: Path, kind: str, **options) -> Patches:
    images = [positions_of(sides, case) for case, sides in enumerate(SIDES[kind])]
    return stored(
        folder, images, [corners(sides) for sides in SIDES[kind]], SHAPES[kind], **options
    )


def all_of(patches: Patches, plan: Plan, epoch: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(patches.drawn(plan, epoch))


@KINDS
def test_a_patch_is_a_part_of_its_image_and_the_same_part_of_its_masks(tmp_path, kind):
    patches, shape = example(tmp_path, kind), SHAPES[kind]
    seen = Counter()
    for number in range(40):
        image, masks = patches.patch(PLAN, 0, number)
        assert image.shape == (*shape, len(shape) + 1)
        case = int(image[(0,) * len(shape)][-1])
        seen[case] += 1
        if case < 2:  # the last is smaller than the patch
            first = image[(0,) * len(shape)][:-1].astype(int) - 1
            span = tuple(
                slice(start, start + side) for start, side in zip(first, shape, strict=True)
            )
            np.testing.assert_array_equal(image, positions_of(SIDES[kind][case], case)[span])
            np.testing.assert_array_equal(masks, corners(SIDES[kind][case])[span])
    assert min(seen[case] for case in range(3)) > 4


@KINDS
def test_a_case_smaller_than_the_patch_stands_in_its_middle(tmp_path, kind):
    patches = example(tmp_path, kind)
    files = {name: getattr(patches, name)[2:] for name in ("images", "masks", "index")}
    small = replace(patches, **files)
    sides, shape = SIDES[kind][2], SHAPES[kind]
    stored_image, stored_mask = positions_of(sides, 2), corners(sides)
    for number in range(6):
        image, masks = small.patch(PLAN, 1, number)
        spans = []
        for axis, (side, patch) in enumerate(zip(sides, shape, strict=True)):
            first = int(image[..., axis].max()) - min(side, patch)  # of the case, where larger
            before = max(0, (patch - side) // 2)
            spans.append((before, first, min(side, patch)))
        target = tuple(slice(before, before + length) for before, _, length in spans)
        source = tuple(slice(first, first + length) for _, first, length in spans)
        np.testing.assert_array_equal(image[target], stored_image[source])
        np.testing.assert_array_equal(masks[target], stored_mask[source])
        outside = np.ones(shape, bool)
        outside[target] = False
        assert outside.any()
        assert (image[outside] == [*[1] * len(shape), 2]).all()
        assert not masks[outside].any()


@pytest.mark.parametrize("plan", [PLAN, AUGMENTED], ids=["plain", "augmented"])
@KINDS
def test_a_patch_depends_on_seed_epoch_and_number_alone(tmp_path, kind, plan):
    patches = example(tmp_path, kind)
    whole = all_of(patches, plan, 1)
    assert len(whole) == plan.steps
    for step in (4, 0):  # in any order, alone, and from files opened again
        fresh = replace(patches)
        for place in range(plan.batch_size):
            image, masks = fresh.patch(plan, 1, step * plan.batch_size + place)
            assert image.tobytes() == whole[step][0][place].tobytes()
            assert masks.tobytes() == whole[step][1][place].tobytes()
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda number: patches.patch(plan, 1, number), range(12)))
    for number, (image, masks) in enumerate(again):
        step, place = divmod(number, plan.batch_size)
        assert image.tobytes() == whole[step][0][place].tobytes()
        assert masks.tobytes() == whole[step][1][place].tobytes()
    for other in (all_of(patches, plan, 2), all_of(patches, replace(plan, seed=6), 1)):
        assert sum(np.array_equal(a, b) for (a, _), (b, _) in zip(whole, other, strict=True)) <= 1


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10**6))
def test_a_patch_lies_in_its_case_and_holds_the_voxel_that_it_was_drawn_for(
    tmp_path_factory, data, seed
):
    dimensions = data.draw(st.integers(2, 3))
    side = st.integers(1, 14)
    shape = tuple(data.draw(side) for _ in range(dimensions))
    sizes = [tuple(data.draw(side) for _ in range(dimensions)) for _ in range(2)]
    random = np.random.default_rng(seed)
    masks = [(random.random((*size, 2)) > 0.8).astype(np.uint8) for size in sizes]
    images = [positions_of(size, n) for n, size in enumerate(sizes)]
    patches = stored(tmp_path_factory.mktemp("cases"), images, masks, shape)
    for number in range(6):
        case, corner, pivot = patches.place(number, np.random.default_rng([seed, number]))
        for start, size, patch, inside in zip(corner, sizes[case], shape, pivot, strict=True):
            assert 0 <= inside < patch
            assert 0 <= start + inside < size
            if size >= patch:
                assert 0 <= start <= size - patch
            else:
                assert -start == (patch - size) // 2
        if number % FOREGROUND_EVERY == 0 and patches.with_foreground:
            voxel = tuple(np.add(corner, pivot))
            assert masks[case][voxel].any()


@pytest.mark.parametrize("plan", [PLAN, AUGMENTED], ids=["plain", "augmented"])
def test_a_third_of_the_patches_holds_foreground_wherever_it_is(tmp_path, plan):
    """A case without any class, and two with a single voxel in a corner of a large grid."""
    sides, masks = (30, 30, 30), [np.zeros((30, 30, 30, 1), np.uint8) for _ in range(3)]
    masks[1][0, 0, 0] = masks[2][29, 29, 0] = 1
    images = [np.zeros((*sides, 1), np.float32)] * 3
    patches = stored(tmp_path, images, masks, (8, 8, 8))
    held = [patches.patch(plan, 0, number)[1].any() for number in range(60)]
    assert all(held[::FOREGROUND_EVERY])
    assert sum(held) < 30  # the others are anywhere, and two voxels are rare


def test_each_class_is_as_likely_and_each_of_its_voxels(tmp_path):
    masks = np.zeros((6, 5, 4, 3), np.uint8)
    masks[2, 3, 1, 0] = 1
    masks[4, 1:3, 2:4, 2] = masks[5, 0, 0, 2] = 1
    image = np.zeros((6, 5, 4, 1), np.float32)
    patches = stored(tmp_path, [image], [masks], (2, 2, 2))
    random, counts = np.random.default_rng(0), Counter()
    for _ in range(1000):
        _, corner, pivot = patches.place(0, random)
        counts[tuple(np.add(corner, pivot).tolist())] += 1
    assert set(counts) == {tuple(voxel) for voxel in np.argwhere(masks.any(axis=-1)).tolist()}
    assert abs(counts.pop((2, 3, 1)) - 500) < 80  # the class of one voxel; the second has none
    assert all(abs(count - 100) < 40 for count in counts.values())


def test_other_patches_cover_every_voxel_of_every_case_edges_included(tmp_path):
    patches = example(tmp_path, "3-D")
    random, covered = np.random.default_rng(1), [np.zeros(sides) for sides in SIDES["3-D"]]
    for _ in range(6000):
        case, corner, _ = patches.place(1, random)
        spans = zip(corner, SHAPES["3-D"], strict=True)
        covered[case][tuple(slice(max(c, 0), c + n) for c, n in spans)] += 1
    assert all(each.min() > 0 for each in covered)


def test_what_moves_into_a_patch_comes_from_its_surroundings(tmp_path):
    """Deep inside of a large image no padding appears, however the patch is turned."""
    sides = (60, 60, 60)
    image = np.random.default_rng(0).uniform(1, 2, (*sides, 1)).astype(np.float32)
    image[0, 0, 0] = -100.0  # what padding would have
    mask = np.zeros((*sides, 1), np.uint8)
    mask[30, 30, 30] = 1
    patches = stored(tmp_path, [image], [mask], (16, 16, 16))
    for number in range(0, 60, FOREGROUND_EVERY):
        part, masks = patches.patch(AUGMENTED, 0, number)
        assert part.min() > -1
        assert masks.any()


def test_masks_are_0_and_1_and_the_same_voxels_as_the_image_when_augmented(tmp_path):
    sides = (20, 24, 22)
    distance = np.linalg.norm(positions_of(sides, 0)[..., :3] - [10, 12, 9], axis=-1)
    mask = (distance < 6)[..., None].astype(np.uint8)
    patches = stored(tmp_path, [mask * np.float32(10)], [mask], (16, 16, 16), channels=1)
    for number in range(0, 30, FOREGROUND_EVERY):
        image, masks = patches.patch(AUGMENTED, 0, number)
        assert masks.dtype == np.uint8 and set(np.unique(masks)) <= {0, 1}
        bright = image[..., 0] > (image.min() + image.max()) / 2
        assert (bright != masks[..., 0].astype(bool)).mean() < 0.05  # gamma moves the middle


@pytest.mark.parametrize(("mirrored", "axes"), [(True, [2]), (False, [2]), ("all", [0, 1, 2])])
def test_half_of_the_patches_are_mirrored_left_right_or_along_every_axis(
    tmp_path, mirrored, axes, monkeypatch
):
    monkeypatch.setattr(patch_augmentation, "MOVED", 0.0)
    monkeypatch.setattr(patches_module, "change_intensities", lambda *given: None)
    image = positions_of((8, 8, 8), 0)
    patches = stored(tmp_path, [image], [corners((8, 8, 8))], (8, 8, 8))
    counts = np.zeros(3, int)
    for number in range(60):
        part, masks = patches.patch(replace(AUGMENTED, mirrored=mirrored), 0, number)
        flipped = [axis for axis in range(3) if part[0, 0, 0, axis] > 1]
        np.testing.assert_array_equal(part, np.flip(image, flipped))
        np.testing.assert_array_equal(masks, np.flip(corners((8, 8, 8)), flipped))
        counts[flipped] += 1
    assert [axis for axis in range(3) if counts[axis]] == axes
    assert all(15 <= counts[axis] <= 45 for axis in axes)


def test_memory_and_open_files_stay_flat_however_large_and_many_the_cases_are(tmp_path):
    image = np.lib.format.open_memmap(
        tmp_path / "image.npy", mode="w+", dtype=np.float32, shape=(200, 160, 160, 1)
    )
    image[::50, ::50, ::50] = 1
    mask = np.lib.format.open_memmap(
        tmp_path / "mask.npy", mode="w+", dtype=np.uint8, shape=(200, 160, 160, 1)
    )
    mask[150, 80, 80] = 1
    paths = [[tmp_path / f"{name}.npy"] * 3 for name in ("image", "mask")]
    tracemalloc.start()
    patches = Patches(*paths, [indexed(image, mask)] * 3, (16, 16, 16), (1.0, 1.0, 1.0))
    del image, mask
    before = len(list(Path("/proc/self/fd").iterdir()))
    drawn = patches.drawn(AUGMENTED, 0)
    next(drawn)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    for _ in drawn:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6  # an image has 20 MB
    assert sum(case.until.nbytes for case in patches.index) < 10_000


def test_an_epoch_has_the_number_of_steps_that_is_asked_for_or_one_patch_a_case(tmp_path):
    patches = example(tmp_path, "2-D", channels=3)
    assert patches.steps(PLAN) == 6
    assert patches.steps(replace(PLAN, steps=0)) == 2  # three cases in batches of two
    assert len(all_of(patches, replace(PLAN, steps=0), 0)) == 2


def test_a_single_channel_is_repeated_and_whole_cases_are_returned_one_by_one(tmp_path):
    images = [positions_of(sides, 0)[..., :1] for sides in SIDES["3-D"]]
    masks = [corners(sides) for sides in SIDES["3-D"]]
    patches = stored(tmp_path, images, masks, SHAPES["3-D"], channels=3)
    batch, _ = next(iter(patches.drawn(PLAN, 0)))
    assert batch.shape == (2, *SHAPES["3-D"], 3)
    for (image, mask), own, own_mask in zip(patches.batches(8), images, masks, strict=True):
        np.testing.assert_array_equal(image, np.repeat(own[None], 3, axis=-1))
        np.testing.assert_array_equal(mask, own_mask[None])
    for mask, own_mask in zip(patches.each_mask(), masks, strict=True):
        np.testing.assert_array_equal(mask, own_mask)


def test_a_digest_changes_with_any_voxel_their_order_the_patch_and_the_channels(tmp_path):
    patches = example(tmp_path, "3-D")
    others = [
        replace(patches, index=patches.index[::-1]),
        replace(patches, shape=(6, 8, 8)),
        replace(patches, spacing_mm=(2.0, 1.0, 1.0)),
        replace(patches, channels=5),
    ]
    for changed in range(2):
        arrays = [np.load(files[1]) for files in (patches.images, patches.masks)]
        arrays[changed][-1, -1, -1, -1] += 1
        index = [patches.index[0], indexed(*arrays), patches.index[2]]
        others.append(replace(patches, index=index))
    assert replace(patches).digest() == patches.digest()
    assert len({each.digest() for each in [patches, *others]}) == 1 + len(others)
