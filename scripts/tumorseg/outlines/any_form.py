"""Reads annotations of any format; the format is detected from the content."""

import codecs
import functools
import zipfile
from pathlib import Path

import numpy as np
import pydicom

from tumorseg.core import registry
from tumorseg.core.errors import UserError
from tumorseg.core.problems import DataError, error, quoted
from tumorseg.imaging.scans import Scan
from tumorseg.outlines import by_position
from tumorseg.outlines.drawings import Annotation, drawing_size
from tumorseg.outlines.image_keys import ImageKey
from tumorseg.outlines.json_files import missing_file, read_json
from tumorseg.outlines.polygons import fill_parts

AUTO = "auto"


def read(
    path: Path,
    form: str,
    scan: Scan,
    key: ImageKey | str = "",
    labels: dict[str, str] | None = None,
) -> Annotation:
    """Reads the annotation of a scan.

    Args:
        path: the annotation file, or a folder of DICOM slices that hold a mask.
        form: the annotation's format, one of tumorseg.annotations, or auto to detect it.
        scan: the annotated image.
        key: the image's path, for a file that annotates many; empty for the image's file name.
        labels: label (word or number, as text) -> tumour or background; None where everything
            drawn counts as tumour.

    Returns:
        The annotation, on the scan's grid.

    Raises:
        DataError: for any damaged or unsuitable file.
        UserError: for a format that does not exist.
    """
    path = Path(path)
    if not isinstance(key, ImageKey):
        key = ImageKey(key or scan.path.name)
    module = registry.entry("annotations", detect(path) if form == AUTO else form)
    try:
        with np.errstate(all="ignore"):  # NaN coordinates raise polygon_not_finite instead
            read_on = functools.partial(module.read, path, key=key, labels=labels)
            several = len(scan.affines) > 1 and module.__name__.endswith(by_position.FORMS)
            annotation = by_position.read(read_on, scan) if several else read_on(scan)
            mask = annotation.mask
            if annotation.parts is not None:
                mask = fill_parts(annotation.parts, *drawing_size(scan))
    except (UserError, NameError):  # a NameError is our own bug: no file can cause it
        raise
    except Exception as reason:  # unexpected content can make Python or a library raise anything
        name = module.__name__.rpartition(".")[2]
        lacking = f": it lacks {quoted(reason.args[0])}" if isinstance(reason, KeyError) else ""
        raise error(
            "annotation_form",
            f"cannot be read as {name}{lacking}",
            module.EXPECTED,
            "set source.form to its format, or export it again",
        ) from None
    if np.all(mask):
        raise error(
            "annotation_all",
            "the annotation covers the whole image",
            "a tumour and its surroundings",
            "check that it is not inverted and not the image itself",
        )
    return annotation


def detect(path: Path) -> str:
    """The format of an annotation file, by its content; `mask` if no other format fits."""
    if path.is_dir():
        return "mask"
    try:
        with path.open("rb") as opened:
            start = opened.read(1024)
    except (OSError, ValueError):
        raise missing_file(path) from None
    if start.startswith(b"Iout"):
        return "imagej_roi"
    if start.startswith(b"PK") and _holds_rois(path):
        return "imagej_roi"
    if start[128:132] == b"DICM" or start.startswith(b"\x08\x00"):  # no preamble: group 8
        return _dicom_form(path)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        start = start.decode("utf-16", errors="ignore").encode()
    text = start.lstrip(codecs.BOM_UTF8 + b" \t\r\n")
    if text[:1] in (b"{", b"["):
        return _json_form(path)
    if b"<annotations" in text and text[:1] == b"<":
        return "cvat_xml"
    if text[:1] == b"<":
        raise _unknown("XML")
    return "mask"


def _holds_rois(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as opened:
            return any(name.lower().endswith(".roi") for name in opened.namelist())
    except Exception:  # no archive: the reader of its form reports the damage
        return False


def _dicom_form(path: Path) -> str:
    try:
        header = pydicom.dcmread(
            path, force=True, specific_tags=["Modality"], stop_before_pixels=True
        )
        modality = header.get("Modality", "")
        return {"SEG": "dicom_seg", "RTSTRUCT": "rtstruct"}.get(modality, "mask")
    except Exception:  # the reader of masks reports what is wrong with the file
        return "mask"


def _json_form(path: Path) -> str:
    content = read_json(path)
    if isinstance(content, list):
        return "label_studio" if content and isinstance(content[0], dict) else "border"
    if "shapes" in content:
        return "labelme"
    if "data" in content and "annotations" in content:
        return "label_studio"
    if "images" in content and "annotations" in content:
        return "coco"
    if "_via_img_metadata" in content or ("metadata" in content and "view" in content):
        return "via"
    first = next(iter(content.values()), None)
    if isinstance(first, dict):
        for mark, form in (("shapes", "labelme"), ("regions", "via")):
            if mark in first:
                return form
    if isinstance(first, list):
        return "border"
    raise _unknown("JSON")


def _unknown(what: str) -> DataError:
    return error(
        "annotation_form",
        f"{what} of no known annotation tool",
        "LabelMe, VIA, COCO, Label Studio or a border as JSON, or CVAT's XML for images",
        "export it again, or set source.form to its format",
    )
