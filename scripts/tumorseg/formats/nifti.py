"""Reads NIfTI-1 and NIfTI-2 volumes, plain or gzip, rescaled, with their affine in mm."""

import gzip
import zlib
from math import prod
from pathlib import Path
from typing import BinaryIO

import nibabel as nib
import numpy as np

from tumorseg.core.problems import error
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

KINDS = {"NIfTI": (".nii",), "compressed NIfTI": (".nii.gz", ".gz")}
_GZIP = b"\x1f\x8b"
_UNITS = {1: 1000.0, 3: 0.001}  # metres and micrometres; anything else counts as millimetres


def kind(head: bytes, path: Path) -> str:
    """NIfTI, compressed or not, by the first bytes; empty for anything else."""
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
    with path.open("rb") as file:
        compressed = file.read(2) == _GZIP
        file.seek(0)
        if not compressed:
            return _volume(file, "NIfTI", channel)
        try:
            with gzip.GzipFile(fileobj=file) as inflated:
                return _volume(inflated, "compressed NIfTI", channel)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise truncated("compressed NIfTI") from None


def _volume(file: BinaryIO | gzip.GzipFile, name: str, channel: int | None) -> RawImage:
    start = file.read(540)
    header_class = _header_class(start)
    if header_class is None or (len(start) < 540 and header_class is nib.Nifti2Header):
        raise truncated(name)
    size = header_class.sizeof_hdr
    header = header_class(start[:size], check=False)
    if header["magic"].tobytes()[:2] == b"ni":
        raise error(
            "image_type",
            "a NIfTI header with its pixels in a second file",
            "a single .nii file",
            "convert the pair to .nii or .nii.gz",
        )
    shape, volumes = header.get_data_shape(), 1
    if channel is not None:
        if len(shape) != 4 or channel >= shape[3]:
            raise missing_channel(f"a volume of {' x '.join(map(str, shape))}", channel)
        shape, volumes = shape[:3], shape[3]
    shape = to_three_axes(shape)
    kind = header.get_data_dtype()
    check_size(shape, kind.itemsize)
    offset = int(header["vox_offset"])
    if not size <= offset <= MAX_PIXELS:
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
    slope, intercept = header.get_slope_inter()
    values = values.astype(kind.newbyteorder("="), copy=False)
    if slope is not None:
        values = rescaled(values, slope, intercept)
    affine = np.array(header.get_best_affine(), float)
    affine[:3] *= _UNITS.get(int(header["xyzt_units"]) & 7, 1.0)
    known = header["qform_code"] > 0 or header["sform_code"] > 0
    return RawImage(values, affine, notes=() if known else (orientation_warning(),))
