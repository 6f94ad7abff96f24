"""From a scan and its annotation to cases: a picture is one, a volume gives several."""

from typing import Any

import numpy as np

from tumorseg.core.cases import PLANES, Case, Entry
from tumorseg.core.problems import Problem, error, warning
from tumorseg.imaging import planes, scans
from tumorseg.imaging.scans import Scan
from tumorseg.outlines import polygons
from tumorseg.outlines.drawings import Annotation

OTHER_MM = 0.01  # a stated spacing is another than the image's own where they differ by this share


def cases(
    entry: Entry, scan: Scan, drawn: Annotation, source: dict[str, Any]
) -> tuple[list[Case], list[Problem]]:
    """The cases of one entry that was read, and warnings.

    source: the config's `source` (planes, slices, slices_per_volume, negatives). A volume's cases
    are named <case>-<plane>-<slice>, the slice counted from 0 in the order of scans.cut. Raises
    DataError for what cannot be a case.
    """
    mask = drawn.mask  # outlines are on pictures only
    if mask is None:
        mask = polygons.fill_parts(drawn.parts, *scan.voxels.shape)
    if not mask.any() and entry.annotation is not None and not source.get("negatives"):
        raise error(
            "annotation_empty",
            "polygons that hold no pixel's centre" if drawn.parts else "no tumour is annotated",
            "a tumour, or a case that is declared negative",
            "mend the annotation, write `negative` in its place, or set source.negatives: true",
        )
    if scan.voxels.ndim == 2:
        return _picture(entry, scan, drawn)
    found = _slices(entry, scan, mask, source)
    if found:
        return found, _spacing_notes(entry, planes.spacing_in(scan.affine, found[0].plane))
    which = source.get("slices", "tumour")
    value = f"no slice of it is a case with slices: {which}"
    hint = "go on, or take volumes without tumour in with slices: all"
    return [], [warning("volume_without_tumour", value, "a tumour", hint)]


def chosen(masks: np.ndarray, which: str, most: int) -> list[int]:
    """Numbers of the slices that become cases, ascending.

    masks: (n, height, width). which: "tumour" (those with a tumour), "all", or "largest" (the one
    with most tumour pixels, the first of equals). most: at most so many, the middles of as many
    equal stretches of them; 0 for no limit.
    """
    area = np.count_nonzero(masks, axis=(1, 2))
    found = np.arange(len(masks)) if which == "all" else np.flatnonzero(area)
    if which == "largest" and len(found):
        found = area.argmax()[None]
    if 0 < most < len(found):
        found = found[((np.arange(most) + 0.5) * len(found) / most).astype(int)]
    return found.tolist()


def _picture(entry: Entry, scan: Scan, drawn: Annotation) -> tuple[list[Case], list[Problem]]:
    if not entry.plane:
        raise error(
            "plane_missing",
            "a picture does not know its plane",
            f"one of {', '.join(PLANES)}",
            "say it in the table's column plane, or for a whole folder with source.plane",
            str(entry.image),
        )
    case = _case(entry, scan, entry.case, entry.plane, scan.voxels, scan.spacing_mm, drawn)
    return [case], _spacing_notes(entry, scan.spacing_mm)


def _slices(entry: Entry, scan: Scan, mask: np.ndarray, source: dict[str, Any]) -> list[Case]:
    there = scans.planes_of(scan)
    wanted = (
        [entry.plane] if entry.plane else source.get("planes") or [scans.acquisition_plane(scan)]
    )
    found = []
    for plane in wanted:
        if plane not in there:
            raise error(
                "plane_absent",
                f"no {plane} slices",
                f"one of {', '.join(there)}, which this image has",
                "correct the plane",
                str(entry.image),
            )
        images = planes.cut(scan.voxels, scan.affine, plane)
        masks = planes.cut(mask, scan.affine, plane)
        spacing = planes.spacing_in(scan.affine, plane)
        most = int(source.get("slices_per_volume", 0))
        for number in chosen(masks, source.get("slices", "tumour"), most):
            name = f"{entry.case}-{plane}-{number:03d}" if len(images) > 1 else entry.case
            if masks[number].all():
                raise error(
                    "annotation_all",
                    f"the annotation covers all of slice {number}",
                    "a tumour and what is around it",
                    "is it inverted, or the image itself?",
                )
            drawn = Annotation(None, np.ascontiguousarray(masks[number]))
            image = np.ascontiguousarray(images[number])
            found.append(_case(entry, scan, name, plane, image, spacing, drawn))
    return found


def _case(
    entry: Entry,
    scan: Scan,
    name: str,
    plane: str,
    image: np.ndarray,
    own_mm: tuple[float, float],
    drawn: Annotation,
) -> Case:
    return Case(
        case=name,
        patient=entry.patient,
        plane=plane,
        image=image,
        parts=drawn.parts,
        mask=drawn.mask,
        spacing_mm=entry.spacing_mm if np.isfinite(entry.spacing_mm).all() else own_mm,
        origin=entry.origin,
        offset=scan.offset,
        scale=scan.scale,
        tumour_type=entry.tumour_type,
    )


def _spacing_notes(entry: Entry, own_mm: tuple[float, float]) -> list[Problem]:
    """A warning where the stated spacing is another than the image's own; NaN is like any."""
    if not (np.abs(np.divide(entry.spacing_mm, own_mm) - 1) > OTHER_MM).any():
        return []
    stated, own = (" x ".join(f"{side:.3g}" for side in mm) for mm in (entry.spacing_mm, own_mm))
    value = f"spacing {stated} mm is stated, {own} mm stands in the image"
    hint = "correct it, or leave it empty to take the image's own"
    return [warning("spacing_differs", value, "one spacing", hint, str(entry.image))]
