"""The one entry to annotations of any form."""

import zipfile
from pathlib import Path

import numpy as np
import pydicom

from tumorseg.core import registry
from tumorseg.core.errors import UserError
from tumorseg.core.problems import error, shown
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import Annotation, frame
from tumorseg.outlines.json_files import missing, parsed
from tumorseg.outlines.polygons import fill_parts

AUTO = "auto"


def read(
    path: Path,
    form: str,
    scan: Scan,
    key: str = "",
    labels: dict[str, str] | None = None,
) -> Annotation:
    """What an annotation file says about a scan.

    form: one of tumorseg.annotations, or auto: by the file's content. key: the image's name in a
    file that annotates many; the image's file name where empty. labels: label (word or number, as
    text) -> tumour or background; None: everything drawn counts. Raises DataError, whatever the
    bytes are, and UserError for a form that does not exist.
    """
    path = Path(path)
    module = registry.entry("annotations", detect(path) if form == AUTO else form)
    try:
        with np.errstate(all="ignore"):  # numbers that are none are found and said below
            found = module.read(path, scan, key=key or scan.path.name, labels=labels)
            whole = found.mask if found.parts is None else fill_parts(found.parts, *frame(scan))
    except (UserError, NameError):  # NameError: a fault of ours, which no file can provoke
        raise
    except Exception as reason:  # whatever a library or a file of another build makes of it
        name = module.__name__.rpartition(".")[2]
        raise error(
            "annotation_form",
            f"cannot be read as {name} ({type(reason).__name__}: {shown(reason)})",
            module.EXPECTED,
            "give its form in source.form, or export it again",
        ) from None
    if np.all(whole):
        raise error(
            "annotation_all",
            "the annotation covers the whole image",
            "a tumour and what is around it",
            "is it inverted, or the image itself?",
        )
    return found


def detect(path: Path) -> str:
    """The form of an annotation file, by its content: `mask` where nothing says otherwise."""
    if path.is_dir():
        return "mask"
    try:
        with path.open("rb") as opened:
            start = opened.read(1024)
    except (OSError, ValueError):
        raise missing(path) from None
    if start.startswith(b"Iout"):
        return "imagej_roi"
    if start.startswith(b"PK") and _holds_rois(path):
        return "imagej_roi"
    if start[128:132] == b"DICM" or start.startswith(b"\x08\x00"):  # without a preamble: group 8
        return _dicom_form(path)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return _json_form(path)
    return "mask"


def _holds_rois(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as opened:
            return any(name.lower().endswith(".roi") for name in opened.namelist())
    except Exception:
        return False


def _dicom_form(path: Path) -> str:
    try:
        tags = {"specific_tags": ["Modality"], "stop_before_pixels": True}
        modality = pydicom.dcmread(path, force=True, **tags).get("Modality", "")
        return {"SEG": "dicom_seg", "RTSTRUCT": "rtstruct"}.get(modality, "mask")
    except Exception:
        return "mask"


def _json_form(path: Path) -> str:
    content = parsed(path)
    if isinstance(content, list):
        return "border"
    if "shapes" in content:
        return "labelme"
    if "images" in content and "annotations" in content:
        return "coco"
    if "_via_img_metadata" in content:
        return "via"
    first = next(iter(content.values()), None)
    if isinstance(first, dict):
        for mark, form in (("shapes", "labelme"), ("regions", "via")):
            if mark in first:
                return form
    if isinstance(first, list):
        return "border"
    raise error(
        "annotation_form",
        "JSON of no known annotation tool",
        "LabelMe, VIA, COCO or a border",
        "export it again, or give its form in source.form",
    )
