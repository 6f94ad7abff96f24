"""Reads MetaImage (MHA, MHD) and NRRD volumes, with their affine to RAS+ millimetres.

ITK reads the pixels. The text header is checked here first, since it can name any file and size.
"""

import re
import zlib
from math import prod
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from tumorseg.core.problems import Problem, error, quoted, warning
from tumorseg.core.quiet import silent_stderr
from tumorseg.imaging.grids import Stated
from tumorseg.imaging.planes import LPS_TO_RAS_AFFINE
from tumorseg.imaging.raw import (
    RawImage,
    Segment,
    check_size,
    orientation_warning,
    to_three_axes,
    truncated,
    unreadable,
)

# Fields that mean the same, the one that ITK takes first.
_SYNONYMS = (
    ("TransformMatrix", "Rotation", "Orientation"),
    ("Origin", "Offset", "Position"),
    ("ElementSpacing", "ElementSize"),
)
_ORIGINS = {"origin", "offset", "position", "space origin"}
_PATIENT_SPACES = {"left-posterior-superior", "left-anterior-superior", "right-anterior-superior"}
_PATIENT_SPACES |= {"lps", "las", "ras"}
_UNITS = {"m": 1000.0, "cm": 10.0, "um": 0.001, "\u00b5m": 0.001, "microns": 0.001}
MAX_SEGMENTS = 2**12
KINDS = {"MetaImage": (".mha", ".mhd"), "NRRD": (".nrrd", ".nhdr")}
sitk.ProcessObject.SetGlobalWarningDisplay(False)


def kind(head: bytes, path: Path) -> str:
    """MetaImage or NRRD by the first bytes; empty for anything else."""
    if head.startswith(b"NRRD000"):
        return "NRRD"
    return "MetaImage" if re.match(rb"(ObjectType|NDims|Comment)\s*=", head) else ""


def read(path: Path, *, labels: bool) -> RawImage:
    """The volume (i, j, k) in the file's axis order."""
    with path.open("rb") as file:
        name = kind(file.read(64), path)
    with silent_stderr():
        return _read(path, name, labels)


def _read(path: Path, name: str, labels: bool) -> RawImage:
    fields, data, start = _text_header(path, name)
    sizes = (fields.get("dimsize") or fields.get("sizes") or "").split()
    if not sizes or not all(re.fullmatch(r"[0-9]{1,9}", side) for side in sizes):
        raise unreadable(name)
    segments = _segments(fields) if labels and name == "NRRD" else ()
    kinds = fields.get("kinds", "").split()
    layers = 1
    if segments and len(sizes) == 4 and kinds[:1] in (["list"], ["vector"]):
        layers, sizes = int(sizes[0]), sizes[1:]
    shape = to_three_axes(tuple(map(int, sizes)))
    check_size((*shape, layers), 1)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("MetaImageIO" if name == "MetaImage" else "NrrdImageIO")
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    components = reader.GetNumberOfComponents()
    if components != layers or list(reader.GetSize()) != list(map(int, sizes)):
        raise error(
            "image_colour",
            "a volume of colours or vectors",
            "one grey value per voxel",
            "export the grey volume",
        )
    one = sitk.Image([1, 1], reader.GetPixelID(), components)
    itemsize = sitk.GetArrayViewFromImage(one).itemsize
    check_size((*shape, layers), itemsize)
    _check_length(data, name, fields, start, prod(shape) * layers * itemsize)
    image = reader.Execute()
    count = min(3, image.GetDimension())
    affine = np.eye(4)
    directions = np.reshape(image.GetDirection(), (image.GetDimension(),) * 2)[:count, :count]
    affine[:count, :count] = directions * np.array(image.GetSpacing()[:count])
    affine[:count, 3] = image.GetOrigin()[:count]
    notes = _metaimage_notes(fields) if name == "MetaImage" else []
    if name == "NRRD":
        affine[:3] *= _unit_mm(fields)
    has_orientation = _has_orientation(fields, name)
    if not has_orientation:
        notes.append(orientation_warning("Left-Posterior-Superior"))
    affine = LPS_TO_RAS_AFFINE @ affine
    assumed = not (has_orientation and _ORIGINS & set(fields))
    values = sitk.GetArrayFromImage(image).T
    if segments:  # (layer, i, j, k) where there are several
        values = np.moveaxis(values.reshape((layers, *shape), order="F"), 0, -1)
        segments = tuple(one for one in segments if one.layer < layers)
    else:
        values = values.reshape(shape, order="F")
    return RawImage(
        values,
        affine,
        notes=tuple(notes),
        affines=(Stated(affine, (), assumed),),
        segments=segments,
    )


def _has_orientation(fields: dict[str, str], name: str) -> bool:
    """Whether the header says how the axes lie in the patient."""
    if name == "MetaImage":
        return bool({"transformmatrix", "orientation", "rotation"} & set(fields))
    return "space directions" in fields and fields.get("space", "").lower() in _PATIENT_SPACES


def _unit_mm(fields: dict[str, str]) -> float:
    """Millimetres per unit of an NRRD's space; 1 where the unit is unknown or not the same."""
    units = set(re.findall(r'"([^"]*)"', fields.get("space units", "")))
    return _UNITS.get(units.pop().lower(), 1.0) if len(units) == 1 else 1.0


def _metaimage_notes(fields: dict[str, str]) -> list[Problem]:
    """Warnings where two fields of a MetaImage that mean the same differ; ITK's order counts."""
    notes = []
    for names in _SYNONYMS:
        stated = [name for name in names if name.lower() in fields]
        values = [np.array(fields[name.lower()].split(), float) for name in stated]
        for name, other in zip(stated[1:], values[1:], strict=True):
            if other.shape != values[0].shape or not np.allclose(other, values[0], rtol=1e-3):
                texts = [fields[one.lower()] for one in (stated[0], name)]
                value = f"{stated[0]} {quoted(texts[0])}, {name} {quoted(texts[1])}"
                hint = f"{stated[0]} counts; correct the header"
                notes.append(warning("affine_differs", value, "the same numbers", hint))
    return notes


def _segments(fields: dict[str, str]) -> tuple[Segment, ...]:
    """The segments that 3D Slicer names in an NRRD header; older versions give each its layer."""
    found: list[Segment] = []
    for number in range(MAX_SEGMENTS):
        name, value, layer = (
            fields.get(f"segment{number}_{key}", "").removeprefix("=").strip()
            for key in ("name", "labelvalue", "layer")
        )
        if not name:
            break
        found.append(Segment(name, int(value or 1), int(layer or number)))
    return tuple(found)


def _text_header(path: Path, name: str) -> tuple[dict[str, str], Path, int]:
    """The text header's fields (keys in lower case), the file with the pixels and their offset.

    Raises UserError where the pixels are outside the header's folder or spread over several files.
    """
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        while line := file.readline(2**16):
            key, _, value = line.decode("latin-1").partition("=" if name == "MetaImage" else ":")
            key = key.strip().lower().replace("data file", "datafile")
            if key.endswith("datafile") and key in fields:
                raise unreadable(name)
            fields.setdefault(key, value.strip())
            if key == ("elementdatafile" if name == "MetaImage" else "") or file.tell() > 2**20:
                break
        start = file.tell()
    data = fields.get("elementdatafile" if name == "MetaImage" else "datafile", "LOCAL")
    if data.upper() == "LOCAL":
        return fields, path, start
    if Path(data).name != data or data.startswith("LIST") or "%" in data or " " in data:
        raise error(
            "path_outside",
            f"a {name} header that points to pixels in another folder or in many files",
            "pixels in the same file, or in one file beside it",
            "save it as .mha or .nrrd",
        )
    beside = path.with_name(data)
    if not beside.is_file() or beside.is_symlink():
        raise error(
            "image_missing",
            f"a {name} header without its pixel file",
            "both files in one folder",
            "copy the other file too, or save as .mha or .nrrd",
        )
    return fields, beside, 0


def _check_length(data: Path, name: str, fields: dict[str, str], start: int, count: int) -> None:
    """Raises UserError where the pixels are not `count` bytes; ITK itself does not check."""
    coding = fields.get("encoding", "raw").lower()
    packed = coding in ("gzip", "gz") or fields.get("compresseddata", "").lower() == "true"
    if coding not in ("raw", "gzip", "gz"):
        raise error(
            "image_compression",
            f"{name} with pixels that are neither raw nor gzip",
            "raw or gzip",
            "save it again with one of these encodings",
        )
    with data.open("rb") as file:
        if not packed:
            if file.seek(0, 2) - start < count:
                raise truncated(name)
            return
        file.seek(start)
        stream, size = zlib.decompressobj(15 + 32), 0  # detects zlib or gzip
        try:
            while size <= count and not stream.eof:
                chunk = stream.unconsumed_tail or file.read(2**20)
                if not chunk:
                    break
                size += len(stream.decompress(chunk, 2**24))
        except zlib.error:
            size = -1
    if size != count or not stream.eof:
        raise truncated(name)
