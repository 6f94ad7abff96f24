"""Makes cases of a scan and its annotation: a picture is one case, a volume gives several."""

import numpy as np

from tumorseg.core.cases import PLANES, Case, Entry
from tumorseg.core.problems import Problem, error, warning
from tumorseg.data.settings import SliceSettings
from tumorseg.imaging import planes, scans
from tumorseg.imaging.scans import Scan
from tumorseg.outlines import polygons
from tumorseg.outlines.drawings import Annotation

SPACING_TOLERANCE = 0.01  # share by which a stated spacing may differ from the image's without note


def cases(
    entry: Entry, scan: Scan, annotation: Annotation, settings: SliceSettings
) -> tuple[list[Case], list[Problem]]:
    """The cases of one entry that has been read, and warnings.

    A volume's cases are named <case>-<plane>-<slice>; slices count from 0 in the order of
    planes.cut. Raises DataError for what cannot be a case.
    """
    mask = annotation.mask
    if mask is None:  # outlines, which belong to pictures only
        assert annotation.parts is not None  # for the type checker: it has parts or a mask
        mask = polygons.fill_parts(annotation.parts, *scan.voxels.shape)
    if not mask.any() and entry.annotation is not None and not settings.get("negatives"):
        raise error(
            "annotation_empty",
            "polygons that contain no pixel centre" if annotation.parts else "no tumour annotated",
            "a tumour, or a case declared as negative",
            "fix the annotation, write `negative` instead of its path, or set source.negatives: "
            "true",
        )
    if scan.voxels.ndim == 2:
        return _picture(entry, scan, annotation)
    volume_cases = _slices(entry, scan, mask, settings)
    if volume_cases and scan.affine is not None:
        own_spacing_mm = planes.spacing_in(scan.affine, volume_cases[0].plane)
        return volume_cases, _spacing_notes(entry, own_spacing_mm)
    which = settings.get("slices", "tumour")
    value = f"no slice of the volume fits source.slices: {which}"
    hint = "ignore this if it is intended, or set source.slices: all"
    return [], [warning("volume_without_tumour", value, "a tumour", hint)]


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


def _picture(entry: Entry, scan: Scan, annotation: Annotation) -> tuple[list[Case], list[Problem]]:
    if not entry.plane:
        raise error(
            "plane_missing",
            "the plane of this picture is not known",
            f"one of {', '.join(PLANES)}",
            "give it in the table's column plane, or for a whole folder in source.plane",
            str(entry.image),
        )
    case = _case(entry, scan, entry.case, entry.plane, scan.voxels, scan.spacing_mm, annotation)
    return [case], _spacing_notes(entry, scan.spacing_mm)


def _slices(entry: Entry, scan: Scan, mask: np.ndarray, settings: SliceSettings) -> list[Case]:
    available = scans.planes_of(scan)
    acquired = scans.acquisition_plane(scan)
    wanted = [entry.plane] if entry.plane else settings.get("planes") or [acquired]
    volume_cases = []
    for plane in wanted:
        if scan.affine is None or plane not in available:
            raise error(
                "plane_absent",
                f"no {plane} slices",
                f"a plane of this image: {', '.join(available)}",
                "correct the plane",
                str(entry.image),
            )
        images = planes.cut(scan.voxels, scan.affine, plane)
        masks = planes.cut(mask, scan.affine, plane)
        spacing = planes.spacing_in(scan.affine, plane)
        limit = int(settings.get("slices_per_volume", 0))
        for number in chosen_slices(masks, settings.get("slices", "tumour"), limit):
            name = f"{entry.case}-{plane}-{number:03d}" if len(images) > 1 else entry.case
            if masks[number].all():
                raise error(
                    "annotation_all",
                    f"the annotation covers all of slice {number}",
                    "a tumour and its surroundings",
                    "check that it is not inverted and not the image itself",
                )
            annotation = Annotation(None, np.ascontiguousarray(masks[number]))
            image = np.ascontiguousarray(images[number])
            volume_cases.append(_case(entry, scan, name, plane, image, spacing, annotation))
    return volume_cases


def _case(
    entry: Entry,
    scan: Scan,
    name: str,
    plane: str,
    image: np.ndarray,
    own_spacing_mm: tuple[float, float],
    annotation: Annotation,
) -> Case:
    return Case(
        case=name,
        patient=entry.patient,
        plane=plane,
        image=image,
        parts=annotation.parts,
        mask=annotation.mask,
        spacing_mm=entry.spacing_mm if np.isfinite(entry.spacing_mm).all() else own_spacing_mm,
        origin=entry.origin,
        offset=scan.offset,
        scale=scan.scale,
        tumour_type=entry.tumour_type,
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
