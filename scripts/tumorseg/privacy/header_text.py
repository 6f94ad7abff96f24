"""Reads the texts in a source file beside its pixels: headers, EXIF, labels, comments."""

import gzip
import io
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Any

import h5py
import nibabel
import pydicom
from PIL import ExifTags, Image

from tumorseg.privacy import embedded_text

# DICOM value representations of text, dates and UIDs; code strings and numbers identify nobody.
_TEXT = {"PN", "LO", "SH", "LT", "ST", "UT", "UC", "UI", "UR", "DA", "DT", "AE"}
_STANDARD_UID = "1.2.840.10008."
_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
_DESCRIPTION, _IMAGEJ_SIZES, _IMAGEJ = 270, 50838, 50839  # tags of TIFF
_NO_TEXT = ("exif", "icc_profile", "photoshop")
_NIFTI_TEXT = {"descrip", "aux_file", "db_name", "intent_name"}
_NIFTI_TEXT |= {"patient_id", "generated", "scannum", "exp_date", "exp_time"}  # Analyze's
_LONGEST = 1000  # characters; longer strings are encoded images
_XML_TEXT = re.compile(r"""=\s*["']([^"']+)|>([^<>]+)<""")


def header_texts(path: Path) -> Iterator[str]:
    """Yields every text in a file's header or in an annotation; stops where it cannot be read.

    DICOM: text, dates and UIDs except the standard's, also in sequences. Pictures: EXIF, text
    chunks, comments, descriptions, ImageJ's texts and outlines. NIfTI: header fields, extensions.
    NRRD, MHA and MATLAB: header fields. JSON and XML: all strings. ImageJ selections: names.
    """
    # Libraries raise different exceptions for a damaged file; the import has reported it already.
    with suppress(Exception), redirect_stderr(io.StringIO()):
        name = path.name.lower()
        if name.endswith(_PICTURES):
            yield from _picture(path)
        elif name.endswith(".json"):
            yield from _strings(json.loads(path.read_bytes()))
        elif name.endswith(".xml"):
            yield from _xml(path.read_text(encoding="utf-8-sig"))
        elif name.endswith((".roi", ".zip")):
            for text in embedded_text.outline_texts(path.read_bytes()):
                yield from _lines(text)
        elif name.endswith((".nii", ".nii.gz", ".hdr")):
            yield from _nifti(path)
        elif name.endswith((".mha", ".mhd", ".nrrd", ".nhdr")):
            head = path.read_bytes()[:20_000].split(b"\n\n")[0].split(b"ElementDataFile")[0]
            for line in head.decode("latin-1").splitlines():
                yield line.partition("=" if name.startswith(".mh", -4) else ":")[2].strip(" =")
        elif name.endswith(".mat"):
            with h5py.File(path) as file:
                values = file["cjdata/PID"][()].ravel()
            yield "".join(map(chr, values))
        elif name.endswith(".img"):
            yield from _nifti(path.with_suffix(".hdr"))
        elif _is_dicom(path):
            yield from _dicom(pydicom.dcmread(path, stop_before_pixels=True, force=True))


def _nifti(path: Path) -> Iterator[str]:
    """The fields of text of a NIfTI header, also of one that other programs refuse."""
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rb") as file:
        start = file.read(nibabel.Nifti2Header.sizeof_hdr)
        second = start[4:6] in (b"n+", b"ni")
        nifti = nibabel.Nifti2Header if second else nibabel.Nifti1Header
        header = nifti(start[: nifti.sizeof_hdr], check=False)
        length = embedded_text.LONGEST_EXTENSIONS
        if header["magic"].tobytes()[1:2] == b"+":  # the pixels are in the same file
            length = min(length, int(header["vox_offset"]))
        start += file.read(max(0, length - len(start)))
    yield from _fields(header)
    if not second:  # Analyze 7.5 has other fields of text where NIfTI-1 has numbers
        yield from _fields(nibabel.AnalyzeHeader(start[: nifti.sizeof_hdr], check=False))
    if header["magic"].tobytes()[:1] == b"n":
        for found in embedded_text.extensions(start, nifti.sizeof_hdr, header.endianness):
            yield from _lines(found) if isinstance(found, str) else _dicom(found)


def _fields(header: nibabel.AnalyzeHeader) -> Iterator[str]:
    for field in _NIFTI_TEXT & set(header.keys()):
        yield header[field].tobytes().rstrip(b"\0").decode("latin-1")


def _is_dicom(path: Path) -> bool:
    """By its mark, or without one by its first tag, of group 2 or 8."""
    with path.open("rb") as file:
        head = file.read(132)
    first_tag = head[:2] in (b"\x02\0", b"\x08\0") and head[3:4] == b"\0"
    return head[128:] == b"DICM" or first_tag


def _dicom(data: pydicom.Dataset) -> Iterator[str]:
    for part in (getattr(data, "file_meta", {}), data):
        for tag in list(part.keys()):
            with suppress(Exception):  # one damaged element hides no other
                yield from _texts_of(part[tag])


def _texts_of(element: pydicom.DataElement) -> list[str]:
    if element.VR == "SQ":
        return [text for item in element.value for text in _dicom(item)]
    if element.VR not in _TEXT or not element.value:
        return []
    values = map(str, element.value if element.VM > 1 else [element.value])
    return [value for value in values if not value.startswith(_STANDARD_UID)]


def _picture(path: Path) -> Iterator[str]:
    with Image.open(path) as image:
        # Only values, as the keys are Pillow's; raw EXIF is left out, because it is decoded below.
        yield from _strings([image.info[key] for key in image.info if key not in _NO_TEXT])
        exif = image.getexif()
        for folder in (None, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            tags = dict(exif if folder is None else exif.get_ifd(folder))
            block, sizes = tags.pop(_IMAGEJ, None), tags.pop(_IMAGEJ_SIZES, ())
            yield from _strings(tags)
            yield from _lines(str(tags.get(_DESCRIPTION, "")))
            if isinstance(block, bytes):
                order = "<" if path.read_bytes()[:2] == b"II" else ">"
                sizes = (sizes,) if isinstance(sizes, int) else sizes
                for text in embedded_text.imagej_texts(block, sizes, order):
                    yield from _lines(text)


def _lines(text: str) -> Iterator[str]:
    """The values in a text of XML, JSON or lines such as `Name: Meyer` and `name=Meyer`.

    What stands before the value is a word of the program that wrote it. ImageJ's own description
    of a stack has numbers only.
    """
    text = text.strip().lstrip("\ufeff")
    if text.startswith("<"):
        yield from _xml(text)
    elif text.startswith("{"):
        with suppress(ValueError):
            yield from _strings(json.loads(text))
    elif not text.startswith("ImageJ="):
        for line in text.splitlines():
            yield re.split(r":\s|=", line, maxsplit=1)[-1].strip()


def _xml(text: str) -> Iterator[str]:
    for found in _XML_TEXT.findall(text):
        yield "".join(found).strip()


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
