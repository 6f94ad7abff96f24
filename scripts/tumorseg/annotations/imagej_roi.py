"""Reads ImageJ selections: one .roi, or a .zip of several from the ROI Manager.

Coordinates of areas start at the upper left corner of the first pixel (ImageJ's class Roi).
"""

import io
import zipfile
from pathlib import Path

import numpy as np
from roifile import ROI_SUBTYPE, ROI_TYPE, ImagejRoi

from tumorseg.core.problems import quoted
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import (
    Annotation,
    annotation_of,
    ellipse,
    is_tumour,
    rectangle,
    wrong_shape,
)
from tumorseg.outlines.json_files import check_file_size, missing_file
from tumorseg.outlines.strays import StrayError

EXPECTED = "an ImageJ .roi, or a .zip of them"
LINES = (ROI_TYPE.POINT, ROI_TYPE.LINE, ROI_TYPE.FREELINE, ROI_TYPE.POLYLINE, ROI_TYPE.ANGLE)
OUTLINES = (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED)


def read(path: Path, scan: Scan, *, key: object, labels: dict[str, str] | None) -> Annotation:
    """The union of all selections; a label is a selection's name or its group's number.

    Rings of a composite selection combine by the even-odd rule, as in ImageJ. Lines and points are
    left out. Raises DataError where nothing else is drawn, and for text.
    """
    if not path.is_file():
        raise missing_file(path)
    check_file_size(path.stat().st_size)
    rois = map(ImagejRoi.frombytes, _contents(path.read_bytes()))
    counted = [roi for roi in rois if is_tumour([roi.name, str(roi.group)], labels)]
    return annotation_of(counted, lambda roi: [ring - 0.5 for ring in _rings(roi)], scan)


def _contents(content: bytes) -> list[bytes]:
    if not content.startswith(b"PK"):
        return [content]
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        members = [file for file in opened.infolist() if file.filename.lower().endswith(".roi")]
        check_file_size(sum(member.file_size for member in members))
        return [opened.read(member) for member in members]


def _rings(roi: ImagejRoi) -> list[np.ndarray]:
    if roi.multi_coordinates is not None:
        return [np.asarray(ring, float) for ring in roi.coordinates(multi=True)]
    if roi.roitype in OUTLINES:
        return [np.asarray(roi.coordinates(), float)]
    left, top, right, bottom = map(float, (roi.left, roi.top, roi.right, roi.bottom))
    if roi.subpixelrect:
        left, top, right, bottom = roi.xd, roi.yd, roi.xd + roi.widthd, roi.yd + roi.heightd
    if roi.roitype == ROI_TYPE.OVAL:
        middle = (left + right) / 2, (top + bottom) / 2
        return [ellipse(*middle, (right - left) / 2, (bottom - top) / 2)]
    if roi.roitype == ROI_TYPE.RECT and roi.subtype == ROI_SUBTYPE.UNDEFINED:
        return [rectangle(left, top, right, bottom)]
    kind = roi.roitype.name.lower()
    expected = "polygon, freehand, traced, rectangle, oval or composite"
    wrong = wrong_shape(f"selection {quoted(roi.name)} of type {kind}", expected, "name")
    raise StrayError(kind, wrong) if roi.roitype in LINES else wrong
