"""Which grids of an image and its labels agree, where a header states its orientation twice."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from nibabel.orientations import aff2axcodes, io_orientation

from tumorseg.core.problems import DataError, Problem, error, warning

TOLERANCE = 0.1  # voxels by which two grids that count as one may differ at any corner


@dataclass(frozen=True)
class Stated:
    """An affine (4, 4) to RAS+ mm that a header states, and the fields that state it.

    fields: empty for a format that states only one. assumed: the header states no orientation, or
    no place, so the affine only says how the axes are taken.
    """

    affine: np.ndarray
    fields: tuple[str, ...] = ()
    assumed: bool = False


@dataclass(frozen=True)
class Match:
    """How labels lie on an image: turned by axes and signs, then placed at `start`.

    fits: whether they may. resized: they cover a part of the image only, or more than the image.
    apart: voxels between their corners and the image's voxels.
    """

    image: Stated
    labels: Stated
    axes: tuple[int, ...]
    signs: tuple[int, ...]
    start: tuple[int, ...]
    fits: bool
    resized: bool
    apart: float


def fault_of(affine: np.ndarray) -> str:
    """What makes an affine unusable, in words; empty where nothing does."""
    linear = affine[:3, :3]
    sides = np.linalg.norm(linear, axis=0)
    if not np.isfinite(affine).all() or not (sides > 1e-4).all() or not (sides < 1e4).all():
        return "voxel sizes of " + " x ".join(f"{side:g}" for side in sides) + " mm"
    if abs(np.linalg.det(linear / sides)) < 0.05:
        return "voxel axes that lie in one plane"
    return ""


def corners(shape: tuple[int, ...]) -> np.ndarray:
    """(8, 4) homogeneous indices of a volume's corner voxels."""
    last = np.array(shape) - 1
    return np.array([[*(last * at), 1] for at in np.ndindex(2, 2, 2)], float)


def differ(first: np.ndarray, second: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether two affines put any corner of a volume more than a tenth of a voxel apart."""
    shift = np.linalg.solve(first, second) - np.eye(4)
    return bool(np.abs(shift @ corners(shape).T).max() > TOLERANCE)


def difference_warning(counts: Stated, other: Stated, shape: tuple[int, ...]) -> Problem:
    """The warning for a header whose two affines differ; it states both."""
    apart = np.linalg.norm((counts.affine - other.affine) @ corners(shape).T, axis=0).max()
    first, second = counts.fields[0], other.fields[0]
    return warning(
        "affine_differs",
        f"{first} and {second} disagree by up to {apart:.3g} mm: "
        f"{first} {described(counts.affine)}, {second} {described(other.affine)}",
        "one orientation",
        f"the {first} counts, unless only the {second} fits the labels; correct the header",
    )


def described(affine: np.ndarray) -> str:
    """An affine in words: voxel sizes, directions and the first voxel's place."""
    sides, first = np.linalg.norm(affine[:3, :3], axis=0), affine[:3, 3] + 0.0
    codes = "".join(code or "?" for code in aff2axcodes(affine))
    size, place = (" x ".join(f"{x:.4g}" for x in sides), ", ".join(f"{x:.4g}" for x in first))
    return f"{size} mm to {codes} from ({place})"


def match(
    labels: tuple[Stated, ...],
    label_shape: tuple[int, ...],
    image: tuple[Stated, ...],
    image_shape: tuple[int, ...],
) -> Match:
    """How labels lie on an image, by the affines under which both grids agree.

    A match of the whole grid counts before one of another size, then one of the same field (sform
    with sform) before others, then the order in which the headers' affines are given. Raises
    DataError where no affines agree (grid_mismatch) and where different ones agree in different
    ways (affine_ambiguous).
    """
    tried = [_match(i, image_shape, s, label_shape) for i, s in product(image, labels)]
    good = [one for one in tried if one.fits]
    if not good:
        closest = min(tried, key=lambda one: one.apart)
        raise _mismatch(label_shape, image_shape, closest)
    best = min(map(_rank, good))
    good = [one for one in good if _rank(one) == best]
    if len({(one.axes, one.signs, one.start) for one in good}) > 1:
        ways = dict.fromkeys(map(_fields, good))
        raise error(
            "affine_ambiguous",
            f"labels that fit the image in different ways by {' and by '.join(ways)}",
            "headers that state one orientation",
            "copy the image's header to the labels, or remove the wrong orientation",
        )
    return good[0]


def _fields(one: Match) -> str:
    """By which fields image and labels meet, in words."""
    shared = [field for field in one.labels.fields if field in one.image.fields]
    return shared[0] if shared else " with ".join(one.image.fields[:1] + one.labels.fields[:1])


def _rank(one: Match) -> tuple[bool, bool]:
    fields = one.image.fields, one.labels.fields
    return one.resized, all(fields) and not set(fields[0]) & set(fields[1])


def _match(
    image: Stated, shape: tuple[int, ...], labels: Stated, label_shape: tuple[int, ...]
) -> Match:
    """How labels lie on an image by one affine of each."""
    to_image = np.linalg.solve(image.affine, labels.affine)  # label voxels to image voxels
    orientation = io_orientation(to_image).astype(int)
    axes = np.argsort(orientation[:, 0])
    signs = orientation[axes, 1]
    last = np.array(label_shape) - 1
    first = np.zeros(3)
    first[axes] = np.where(signs < 0, last[axes], 0)  # the label voxel that comes first when turned
    size = np.array(label_shape)[axes]
    place = to_image[:3, :3] @ first + to_image[:3, 3]
    resized = tuple(size) != tuple(shape)
    start = np.rint(place).astype(int) if resized else np.zeros(3, int)
    exact = np.zeros((4, 4))
    exact[np.arange(3), axes] = signs
    exact[3, 3] = 1
    exact[:3, 3] = np.where(signs < 0, last[axes], 0) + start
    off = (to_image - exact) @ corners(label_shape).T
    apart = float(np.abs(off).max())
    if resized:  # voxels of the same size and direction, at a place that both headers state
        stretch = np.abs(off[:3] - (place - start)[:, None]).max()
        exchanged = not start.any() and sorted(size) == sorted(shape)
        fits = stretch <= TOLERANCE and _nested(start, size, np.array(shape)) and not exchanged
    else:
        fits = apart <= TOLERANCE
    turn = tuple(axes.tolist()), tuple(signs.tolist()), tuple(start.tolist())
    match = Match(image, labels, *turn, bool(fits), resized, apart)
    return replace(match, fits=match.fits and (not resized or _says_where(match)))


def _says_where(how: Match) -> bool:
    """Whether both headers state the grids' places. An identity is what programs write for none."""
    return not (how.image.assumed or how.labels.assumed or _is_identity(how.labels.affine))


def _nested(start: np.ndarray, size: np.ndarray, shape: np.ndarray) -> bool:
    """Whether, along each axis, one of two grids contains the other.

    Not so where labels have several slices and the image one: the slices may be channels.
    """
    inside = (start >= 0) & (start + size <= shape)
    around = (start <= 0) & (start + size >= shape) & (shape > 1)
    return bool((inside | around).all())


def _is_identity(affine: np.ndarray) -> bool:
    return bool(np.allclose(np.abs(affine), np.eye(4)))


def place(values: np.ndarray, how: Match, shape: tuple[int, ...]) -> np.ndarray:
    """The labels in the image's axis order and shape; 0 where they do not reach, cut beyond it."""
    turned = np.transpose(values, how.axes)[tuple(slice(None, None, sign) for sign in how.signs)]
    if not how.resized:
        return np.ascontiguousarray(turned)
    spans = [
        (max(s, 0), max(-s, 0), min(s + n, side) - max(s, 0))
        for s, n, side in zip(how.start, turned.shape, shape, strict=True)
    ]
    placed = np.zeros(shape, values.dtype)
    there = turned[tuple(slice(first, first + count) for _, first, count in spans)]
    placed[tuple(slice(first, first + count) for first, _, count in spans)] = there
    return placed


def match_notes(
    how: Match, shapes: tuple[tuple[int, ...], ...], count: int, lost: int
) -> list[Problem]:
    """Warnings about labels that were placed: by which affine, and on which part of the image.

    shapes: of the labels and of the image. count: of the affines that both headers state. lost:
    labelled voxels outside the image.
    """
    notes = []
    if count > 2:
        fields = (how.labels.fields or ("orientation",))[0], (how.image.fields or ("own",))[0]
        notes.append(
            warning(
                "affine_differs",
                f"the {fields[0]} of the labels fits the {fields[1]} of the image",
                "one orientation in each header",
                f"the image's {fields[1]} counts for both; look at the outlines of the check",
            )
        )
    if how.resized:
        sizes = [" x ".join(map(str, shape)) for shape in shapes]
        value, expected = f"labels of {sizes[0]} on an image of {sizes[1]}", "the same grid"
        near = f"to the nearest voxel, up to {how.apart:.2g} voxels away"
        how_far = near if how.apart > TOLERANCE else "by whole voxels"
        hint = f"they were placed by their origin, {how_far}; "
        if any(shapes[0][axis] > side for axis, side in zip(how.axes, shapes[1], strict=True)):
            hint += f"{lost} labelled voxels outside the image were cut off"
            notes.append(warning("labels_larger", value, expected, hint))
        else:
            hint += "the rest counts as background"
            notes.append(warning("labels_cropped", value, expected, hint))
    return notes


def mismatch(labels: tuple[int, ...], image: tuple[int, ...], apart: str, hint: str) -> DataError:
    """The error for labels of one shape on an image of another; apart: a note on the distance."""
    sizes = " x ".join(map(str, labels)), " x ".join(map(str, image))
    value = f"labels of {sizes[0]} on an image of {sizes[1]}{apart}"
    return error("grid_mismatch", value, "the same grid", hint)


def _mismatch(labels: tuple[int, ...], image: tuple[int, ...], how: Match) -> DataError:
    hint = "resample the labels onto the image, nearest neighbour"
    if labels != image and sorted(labels) == sorted(image):
        hint = "the array's axes may have another order than its header says: exchange them"
    elif labels != image and not _says_where(how):
        hint = "a header does not say where it lies: save both with the same geometry"
    if labels == image and _is_identity(how.labels.affine):
        hint = "their header states no geometry (an identity affine), but the array fits: copy "
        hint += "the image's header to them"
    elif labels == image:
        hint = f"if they were drawn on this image, copy its header to them; otherwise {hint}"
    return mismatch(labels, image, f" and up to {how.apart:.2g} voxels apart", hint)
