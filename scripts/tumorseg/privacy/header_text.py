"""Reads the texts in a source file beside its pixels: headers, EXIF, labels, comments."""

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Any

import h5py
import nibabel
import pydicom
from PIL import ExifTags, Image
from pydicom.errors import InvalidDicomError

# DICOM value representations of text, dates and UIDs; code strings and numbers identify nobody.
_TEXT = {"PN", "LO", "SH", "LT", "ST", "UT", "UC", "UI", "UR", "DA", "DT", "AE"}
_STANDARD_UID = "1.2.840.10008."
_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
_NO_TEXT = ("exif", "icc_profile", "photoshop")
_NIFTI_TEXT = ("descrip", "aux_file", "db_name", "intent_name")  # Analyze's come next
_NIFTI_TEXT += ("patient_id", "generated", "scannum", "exp_date", "exp_time")
_LONGEST = 1000  # characters; longer strings are encoded images


def header_texts(path: Path) -> Iterator[str]:
    """Yields every text in a file's header or in an annotation; stops where it cannot be read.

    DICOM: text, dates and UIDs except the standard's, also in sequences. Pictures: EXIF, text
    chunks, comments. NIfTI, NRRD, MHA and MATLAB: header fields. JSON: all strings.
    """
    # Libraries raise different exceptions for a damaged file; the import has reported it already.
    with suppress(Exception), redirect_stderr(io.StringIO()):
        name = path.name.lower()
        if name.endswith(_PICTURES):
            yield from _picture(path)
        elif name.endswith(".json"):
            yield from _strings(json.loads(path.read_text(encoding="utf-8-sig")))
        elif name.endswith((".nii", ".nii.gz", ".hdr")):
            header = nibabel.load(path).header
            for field in set(_NIFTI_TEXT) & set(header.keys()):
                yield bytes(header[field]).rstrip(b"\0").decode("latin-1")
        elif name.endswith((".mha", ".mhd", ".nrrd", ".nhdr")):
            head = path.read_bytes()[:20_000].split(b"\n\n")[0].split(b"ElementDataFile")[0]
            for line in head.decode("latin-1").splitlines():
                yield line.partition("=" if name.startswith(".mh", -4) else ":")[2].strip(" =")
        elif name.endswith(".mat"):
            with h5py.File(path) as file:
                values = file["cjdata/PID"][()].ravel()
            yield "".join(map(chr, values))
        else:
            with suppress(InvalidDicomError):
                yield from _dicom(pydicom.dcmread(path, stop_before_pixels=True))


def _dicom(data: pydicom.Dataset) -> Iterator[str]:
    for element in [*data.file_meta, *data] if hasattr(data, "file_meta") else data:
        if element.VR == "SQ":
            for item in element.value:
                yield from _dicom(item)
        elif element.VR in _TEXT and element.value:
            several = element.VM > 1
            for value in map(str, element.value if several else [element.value]):
                if not value.startswith(_STANDARD_UID):
                    yield value


def _picture(path: Path) -> Iterator[str]:
    with Image.open(path) as image:
        # Only values, as the keys are Pillow's; raw EXIF is left out, because it is decoded below.
        yield from _strings([image.info[key] for key in image.info if key not in _NO_TEXT])
        exif = image.getexif()
        for folder in (None, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            yield from _strings(dict(exif if folder is None else exif.get_ifd(folder)))


def _strings(content: Any) -> Iterator[str]:
    """All strings in nested lists and dicts, keys too; bytes as text."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _strings(key)
            yield from _strings(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _strings(value)
    elif isinstance(content, bytes):
        yield from _strings(content.replace(b"\0", b"").decode("utf-8", errors="ignore"))
    elif isinstance(content, str) and len(content) < _LONGEST:
        yield content
