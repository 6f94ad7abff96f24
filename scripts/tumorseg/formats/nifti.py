"""Reads NIfTI-1 and NIfTI-2 volumes, plain, gzip or in two files, with their affine in mm."""

import gzip
import zlib
from math import prod
from pathlib import Path
from typing import BinaryIO

import nibabel as nib
import numpy as np

from tumorseg.core.problems import Problem, error, warning
from tumorseg.imaging import grids
from tumorseg.imaging.grids import Stated
from tumorseg.imaging.raw import (
    MAX_PIXELS,
    RawImage,
    check_size,
    missing_channel,
    orientation_warning,
    rescaled,
    to_three_axes,
    truncated,
    unreadable,
)

KINDS = {"NIfTI": (".nii", ".hdr", ".img"), "compressed NIfTI": (".nii.gz", ".gz")}
_GZIP = b"\x1f\x8b"
_UNITS = {1: 1000.0, 3: 0.001}  # metres and micrometres; anything else counts as millimetres


def kind(head: bytes, path: Path) -> str:
    """NIfTI, compressed or not, by the first bytes; empty for anything else.

    The pixels of a pair have no mark: an .img is NIfTI where its header is beside it.
    """
    if path.suffix.lower() == ".img" and (header := _beside(path, "hdr")):
        with header.open("rb") as file:
            head = file.read(540)
    if not head.startswith(_GZIP):
        return "NIfTI" if _header_class(head) else ""
    try:
        head = zlib.decompressobj(31).decompress(head, 1024)
    except zlib.error:
        head = b""
    # For a damaged stream with this name, read() raises a clearer error.
    has_suffix = path.name.lower().endswith(".nii.gz")
    return "compressed NIfTI" if _header_class(head) or (has_suffix and not head) else ""


def _header_class(head: bytes) -> type[nib.Nifti1Header] | None:
    """The header's class, chosen by its magic bytes."""
    if head[344:347] in (b"n+1", b"ni1"):
        return nib.Nifti1Header
    return nib.Nifti2Header if head[4:7] in (b"n+2", b"ni2") else None


def read(path: Path, *, labels: bool, channel: int | None = None) -> RawImage:
    """The volume (i, j, k) in the file's axis order, rescaled by the header's slope and intercept.

    channel: which volume to read from a file with several along its fourth axis.
    """
    header = _beside(path, "hdr") if path.suffix.lower() == ".img" else None
    with (header or path).open("rb") as file:
        compressed = file.read(2) == _GZIP
        file.seek(0)
        if not compressed:
            return _volume(file, "NIfTI", channel, header or path)
        try:
            with gzip.GzipFile(fileobj=file) as inflated:
                return _volume(inflated, "compressed NIfTI", channel, path)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise truncated("compressed NIfTI") from None


def _beside(path: Path, ending: str) -> Path | None:
    """The other file of a pair, in the same folder; None where there is none."""
    for suffix in (ending, ending.upper()):
        other = path.with_suffix(f".{suffix}")
        if other.is_file() and not other.is_symlink():
            return other
    return None


def _volume(file: BinaryIO | gzip.GzipFile, name: str, channel: int | None, path: Path) -> RawImage:
    start = file.read(540)
    header_class = _header_class(start)
    if header_class is None or (len(start) < 540 and header_class is nib.Nifti2Header):
        raise truncated(name)
    size = header_class.sizeof_hdr
    header = header_class(start[:size], check=False)
    if header["magic"].tobytes()[:2] == b"ni":
        pixels = _beside(path, "img")
        if pixels is None:
            raise error(
                "image_missing",
                "a NIfTI header without its pixel file",
                "the .img of the same name beside the .hdr",
                "copy the other file too, or convert the pair to .nii",
            )
        with pixels.open("rb") as opened:
            return _values(opened, header, name, channel, least=0)
    return _values(file, header, name, channel, least=size + 4)


def _values(
    file: BinaryIO | gzip.GzipFile,
    header: nib.Nifti1Header,
    name: str,
    channel: int | None,
    *,
    least: int,
) -> RawImage:
    """The volume of a header.

    Args:
        file: with the values.
        header: the volume's.
        name: the format, for messages.
        channel: as in `read`.
        least: where the values of this file may begin, in bytes.
    """
    notes: list[Problem] = []
    shape, volumes = header.get_data_shape(), 1
    if channel is not None:
        if len(shape) != 4 or channel >= shape[3]:
            raise missing_channel(f"a volume of {' x '.join(map(str, shape))}", channel)
        shape, volumes = shape[:3], shape[3]
    shape = to_three_axes(shape)
    kind = header.get_data_dtype()
    check_size(shape, kind.itemsize)
    offset = int(header["vox_offset"])
    if offset == 0 and least:
        offset = least
        value, hint = "vox_offset 0 in a single file", f"the values were read from byte {offset}"
        notes.append(_repaired(value, f"at least {offset}", hint))
    if not least - 4 <= offset <= MAX_PIXELS or offset < 0:
        raise unreadable(name)
    count = prod(shape) * kind.itemsize
    file.seek(offset + count * (channel or 0))
    content = file.read(count)
    file.seek(offset + count * volumes - 1)
    if len(content) < count or not file.read(1):
        raise truncated(name)
    file.read(1)  # reading to the end makes gzip verify the checksum
    if kind.names or kind.kind not in "iuf":
        raise error(
            "image_colour",
            "a volume of colours or complex numbers",
            "one grey value per voxel",
            "export the magnitude or the grey volume",
        )
    values = np.frombuffer(content, kind, prod(shape)).reshape(shape, order="F")
    values = values.astype(kind.newbyteorder("="), copy=False)
    slope, intercept = _rescaling(header, notes)
    values = rescaled(values, slope, intercept)
    affines = _affines(header, shape, notes)
    if affines:
        return RawImage(values, affines[0].affine, notes=tuple(notes), affines=affines)
    affine = np.array(header.get_base_affine(), float)
    affine[:3] *= _unit_mm(header)
    return RawImage(values, affine, notes=(orientation_warning(), *notes))


def _repaired(value: str, expected: str, hint: str) -> Problem:
    """The warning for a field of the header whose meaning is certain, although it is wrong."""
    return warning("header_repaired", value, expected, hint)


def _unit_mm(header: nib.Nifti1Header) -> float:
    return _UNITS.get(int(header["xyzt_units"]) & 7, 1.0)


def _rescaling(header: nib.Nifti1Header, notes: list[Problem]) -> tuple[float, float]:
    """Slope and intercept; 1 and 0 where the slope is 0 or no number, as the format defines it."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0:
        return 1.0, 0.0
    if not np.isfinite(intercept):
        notes.append(_repaired("scl_inter is not a number", "a number", "it was taken as 0"))
        intercept = 0.0
    return slope, intercept


def _affines(
    header: nib.Nifti1Header, shape: tuple[int, ...], notes: list[Problem]
) -> tuple[Stated, ...]:
    """The affines that sform and qform state: one where they agree, none where neither is set.

    The sform counts first. Warnings about disagreement are added to notes.
    """
    found = []
    if header["sform_code"] > 0:
        found.append(Stated(np.array(header.get_sform(), float), ("sform",)))
    if header["qform_code"] > 0:
        factor = float(header["pixdim"][0])
        if factor not in (-1, 1):
            sign = -1 if factor < 0 else 1
            header["pixdim"][0] = sign
            value = f"pixdim[0] is {factor:g} beside a qform"
            notes.append(_repaired(value, "1 or -1", f"it was taken as {sign}"))
        try:
            found.append(Stated(np.array(header.get_qform(), float), ("qform",)))
        except (nib.spatialimages.HeaderDataError, ValueError):  # no rotation
            if not found:
                raise
    for stated in found:
        stated.affine[:3] *= _unit_mm(header)
    usable = [stated for stated in found if not grids.fault_of(stated.affine)]
    if len(usable) == 2:
        first, second = usable
        if not grids.differ(first.affine, second.affine, shape):
            return (Stated(first.affine, ("sform", "qform")),)
        notes.append(grids.difference_warning(first, second, shape))
    elif usable and len(found) == 2 and usable[0].fields == ("qform",):
        fault = grids.fault_of(found[0].affine)
        notes.append(_repaired(f"the sform states {fault}", "a usable sform", "the qform counts"))
    elif usable and usable[0].fields == ("sform",):
        notes += _other_voxels(header, usable[0].affine / _unit_mm(header), shape)
    return tuple(usable or found)


def _other_voxels(
    header: nib.Nifti1Header, sform: np.ndarray, shape: tuple[int, ...]
) -> list[Problem]:
    """A warning where pixdim and an sform without qform state voxels of other sizes."""
    sides = np.linalg.norm(sform[:3, :3], axis=0)
    stated = np.abs(np.array(header["pixdim"][1:4], float))
    known = (np.array(shape) > 1) & (stated > 0) & np.isfinite(stated)
    if not (np.abs(stated[known] / sides[known] - 1) > 0.01).any():
        return []
    texts = [" x ".join(f"{side:.4g}" for side in three) for three in (stated, sides)]
    value = f"pixdim states voxels of {texts[0]}, the sform of {texts[1]}"
    hint = "the sform counts; correct the header"
    return [warning("affine_differs", value, "one voxel size", hint)]
