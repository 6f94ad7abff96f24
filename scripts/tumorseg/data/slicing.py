"""Makes cases of a scan and its annotation: a picture is one case, a volume gives several."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tumorseg.core.cases import PLANES, Case, Channel, Drawn, Entry
from tumorseg.core.problems import DataError, Problem, error, warning
from tumorseg.data.settings import SliceSettings
from tumorseg.imaging import planes, scans
from tumorseg.imaging.scans import Scan
from tumorseg.outlines import polygons
from tumorseg.outlines.drawings import Annotation

SPACING_TOLERANCE = 0.01  # share by which a stated spacing may differ from the image's without note


def cases(
    entry: Entry,
    scan: Scan,
    annotations: Sequence[Annotation],
    settings: SliceSettings,
    further: Sequence[Scan] = (),
) -> tuple[list[Case], list[Problem]]:
    """The cases of one entry that has been read, and warnings.

    annotations: of each class, the primary one first; further: the other channels, on the grid of
    `scan`. The cases of a volume or a stack are named <case>-<plane>-<slice>; slices count from 0
    in the order of planes.cut or of the pages. None where there is no tumour and `negatives` leaves
    such entries out. Raises DataError for what cannot be a case.
    """
    annotation = annotations[0]
    masks = [_mask(one, scan) for one in annotations]
    negatives, empty = settings.get("negatives"), not any(mask.any() for mask in masks)
    if empty and negatives == "leave_out":
        return [], []
    if empty and entry.annotation is not None and not negatives:
        raise error(
            "annotation_empty",
            "polygons that contain no pixel centre" if annotation.parts else "no tumour annotated",
            "a tumour, or a case declared as negative",
            "fix the annotation, write `negative` instead of its path, or set source.negatives: "
            "true",
        )
    if scan.affine is None and not entry.plane:
        raise error(
            "plane_missing",
            "the plane of this picture is not known",
            f"one of {', '.join(PLANES)}",
            "give it in the table's column plane, or for a whole folder in source.plane",
            str(entry.image),
        )
    if scan.voxels.ndim == 2:
        return _picture(entry, scan, annotations, further)
    if settings.get("dimensions", 2) == 3:
        return _volume(entry, scan, masks, settings, further)
    volume_cases = _slices(entry, scan, masks, settings, further)
    if volume_cases:
        own_spacing_mm = _spacing_in(scan, volume_cases[0].plane)
        return volume_cases, _spacing_notes(entry, own_spacing_mm)
    which = settings.get("slices", "tumour")
    value = f"no slice of the volume fits source.slices: {which}"
    hint = "ignore this if it is intended, or set source.slices: all"
    return [], [warning("volume_without_tumour", value, "a tumour", hint)]


def _mask(annotation: Annotation, scan: Scan) -> np.ndarray:
    if annotation.mask is not None:
        return annotation.mask
    assert annotation.parts is not None  # for the type checker: it has parts or a mask
    return polygons.fill_parts(annotation.parts, *scan.voxels.shape)  # outlines are on pictures


def chosen_slices(masks: np.ndarray, which: str, limit: int) -> list[int]:
    """Numbers of the slices that become cases, ascending.

    masks: (n, height, width). which: "tumour" (slices with tumour), "all", or "largest" (the slice
    with most tumour pixels; the first of equals). limit: at most this many slices, the middle ones
    of `limit` equal stretches; 0 for no limit.
    """
    area = np.count_nonzero(masks, axis=(1, 2))
    numbers = np.arange(len(masks)) if which == "all" else np.flatnonzero(area)
    if which == "largest" and len(numbers):
        numbers = area.argmax()[None]
    if 0 < limit < len(numbers):
        numbers = numbers[((np.arange(limit) + 0.5) * len(numbers) / limit).astype(int)]
    return numbers.tolist()


def _picture(
    entry: Entry, scan: Scan, annotations: Sequence[Annotation], further: Sequence[Scan]
) -> tuple[list[Case], list[Problem]]:
    case = _case(entry, scan, entry.case, entry.plane, scan.voxels, scan.spacing_mm, annotations)
    others = _channels(entry, further, lambda voxels: voxels)
    return [replace(case, further=others)], _spacing_notes(entry, scan.spacing_mm)


def _channels(
    entry: Entry, further: Sequence[Scan], part: Callable[[np.ndarray], np.ndarray]
) -> tuple[Channel, ...]:
    """The channels after the first. part: what of a scan's voxels becomes the case."""
    pairs = zip(further, entry.further, strict=True)
    return tuple(Channel(part(s.voxels), s.offset, s.scale, file.position) for s, file in pairs)


def _volume(
    entry: Entry,
    scan: Scan,
    masks: Sequence[np.ndarray],
    settings: SliceSettings,
    further: Sequence[Scan],
) -> tuple[list[Case], list[Problem]]:
    """The whole volume as one case, in the order of its display slices."""
    plane = entry.plane or (settings.get("planes") or [scans.acquisition_plane(scan)])[0]
    if scan.affine is None:
        value = "a stack of pictures, whose slices have no known distance"
        hint = "save it as NIfTI, or cut it into slices (source.dimensions: 2)"
        raise error("affine_missing", value, "a volume with an affine", hint, str(entry.image))

    def stack(voxels: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(_stack(scan, voxels, plane))

    annotations = [Annotation(None, stack(mask)) for mask in masks]
    affine = planes.stack_affine(scan.affine, plane, scan.voxels.shape)
    spacing = tuple(np.linalg.norm(affine[:3, :3], axis=0).tolist())
    case = _case(entry, scan, entry.case, plane, stack(scan.voxels), spacing, annotations)
    others = _channels(entry, further, stack)
    own = replace(case, further=others, affine=affine, spacing_mm=spacing)
    return [own], _spacing_notes(entry, planes.spacing_in(scan.affine, plane))


def _absent_plane(entry: Entry, scan: Scan, plane: str) -> DataError:
    expected = f"a plane of this image: {', '.join(scans.planes_of(scan))}"
    hint = "correct the plane"
    return error("plane_absent", f"no {plane} slices", expected, hint, str(entry.image))


def _slices(
    entry: Entry,
    scan: Scan,
    masks: Sequence[np.ndarray],
    settings: SliceSettings,
    further: Sequence[Scan],
) -> list[Case]:
    available = scans.planes_of(scan) or (entry.plane,)
    wanted = [entry.plane] if entry.plane else settings.get("planes") or available[:1]
    volume_cases = []
    for plane in wanted:
        if plane not in available:
            raise _absent_plane(entry, scan, plane)
        images, *classes = (_stack(scan, voxels, plane) for voxels in (scan.voxels, *masks))
        drawn = np.logical_or.reduce(classes)
        spacing = _spacing_in(scan, plane)
        limit = int(settings.get("slices_per_volume", 0))
        for number in chosen_slices(drawn, settings.get("slices", "tumour"), limit):
            name = f"{entry.case}-{plane}-{number:03d}" if len(images) > 1 else entry.case
            if classes[0][number].all():
                raise error(
                    "annotation_all",
                    f"the annotation covers all of slice {number}",
                    "a tumour and its surroundings",
                    "check that it is not inverted and not the image itself",
                )
            annotations = [Annotation(None, np.ascontiguousarray(c[number])) for c in classes]
            image = np.ascontiguousarray(images[number])
            case = _case(entry, scan, name, plane, image, spacing, annotations)

            def slice_(voxels: np.ndarray, plane: str = plane, at: int = number) -> np.ndarray:
                return np.ascontiguousarray(_stack(scan, voxels, plane)[at])

            others = _channels(entry, further, slice_)
            volume_cases.append(replace(case, further=others))
    return volume_cases


def _stack(scan: Scan, voxels: np.ndarray, plane: str) -> np.ndarray:
    """Voxels of a scan's shape as slices of a plane.

    The pages of a stack of pictures are slices of the plane that the user states.
    """
    return voxels if scan.affine is None else planes.cut(voxels, scan.affine, plane)


def _spacing_in(scan: Scan, plane: str) -> tuple[float, float]:
    """The height and width in mm of a slice's pixel."""
    return scan.spacing_mm if scan.affine is None else planes.spacing_in(scan.affine, plane)


def _case(
    entry: Entry,
    scan: Scan,
    name: str,
    plane: str,
    image: np.ndarray,
    own_spacing_mm: tuple[float, ...],
    annotations: Sequence[Annotation],
) -> Case:
    primary, *others = (Drawn(one.parts, one.mask) for one in annotations)
    return Case(
        case=name,
        patient=entry.patient,
        plane=plane,
        image=image,
        parts=primary.parts,
        mask=primary.mask,
        spacing_mm=entry.spacing_mm if np.isfinite(entry.spacing_mm).all() else own_spacing_mm,
        origin=entry.origin,
        offset=scan.offset,
        scale=scan.scale,
        tumour_type=entry.tumour_type,
        site=entry.site,
        other_classes=tuple(others),
        channel=entry.channel,
        study=scan.study,
    )


def _spacing_notes(entry: Entry, own_spacing_mm: tuple[float, float]) -> list[Problem]:
    """Warns where the stated spacing differs from the image's; NaN differs from nothing."""
    ratios = np.divide(entry.spacing_mm, own_spacing_mm)
    if not (np.abs(ratios - 1) > SPACING_TOLERANCE).any():
        return []
    stated, own = (
        " x ".join(f"{side:.3g}" for side in sides) for sides in (entry.spacing_mm, own_spacing_mm)
    )
    value = f"the stated spacing is {stated} mm, the image's own {own} mm"
    hint = "correct it, or leave it empty to use the image's own"
    return [warning("spacing_differs", value, "the same spacing", hint, str(entry.image))]
