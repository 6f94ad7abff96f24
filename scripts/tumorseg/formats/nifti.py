"""NIfTI-1 and NIfTI-2 volumes, plain or in gzip, rescaled, with their affine in millimetres."""

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
    Raw,
    check_size,
    no_channel,
    orientation_unknown,
    rescaled,
    three_axes,
    truncated,
    unreadable,
)

KINDS = {"NIfTI": (".nii",), "compressed NIfTI": (".nii.gz", ".gz")}
_GZIP = b"\x1f\x8b"
_UNITS = {1: 1000.0, 3: 0.001}  # metres and micrometres; everything else is taken as millimetres


def kind(head: bytes, path: Path) -> str:
    """NIfTI, compressed or not, by the first bytes; empty for anything else."""
    if not head.startswith(_GZIP):
        return "NIfTI" if _header_class(head) else ""
    try:
        head = zlib.decompressobj(31).decompress(head, 1024)
    except zlib.error:
        head = b""
    # A damaged stream that is named so gets a clearer line from its reader.
    named = path.name.lower().endswith(".nii.gz")
    return "compressed NIfTI" if _header_class(head) or (named and not head) else ""


def _header_class(head: bytes) -> type | None:
    """The header's class, by its magic words."""
    if head[344:347] in (b"n+1", b"ni1"):
        return nib.Nifti1Header
    return nib.Nifti2Header if head[4:7] in (b"n+2", b"ni2") else None


def read(path: Path, *, labels: bool, channel: int | None = None) -> Raw:
    """The volume (i, j, k) in the file's own order, rescaled as its header says.

    channel: the volume that is read of a file with several along its fourth axis.
    """
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        if not packed:
            return _volume(file, "NIfTI", channel)
        try:
            with gzip.GzipFile(fileobj=file) as inflated:
                return _volume(inflated, "compressed NIfTI", channel)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise truncated("compressed NIfTI") from None


def _volume(file: BinaryIO, name: str, channel: int | None) -> Raw:
    start = file.read(540)
    header_class = _header_class(start)
    if header_class is None or (len(start) < 540 and header_class is nib.Nifti2Header):
        raise truncated(name)
    size = header_class.sizeof_hdr
    header = header_class(start[:size], check=False)
    if header["magic"].tobytes()[:2] == b"ni":
        raise error(
            "image_type",
            "a NIfTI header whose pixels are in a second file",
            "one .nii file",
            "convert the pair to .nii or .nii.gz",
        )
    shape, volumes = header.get_data_shape(), 1
    if channel is not None:
        if len(shape) != 4 or channel >= shape[3]:
            raise no_channel(f"a volume of {' x '.join(map(str, shape))}", channel)
        shape, volumes = shape[:3], shape[3]
    shape = three_axes(shape)
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
    file.read(1)  # at its end gzip compares the checksum
    if kind.names or kind.kind not in "iuf":
        raise error(
            "image_colour",
            "a volume of colours or complex numbers",
            "one grey value a voxel",
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
    return Raw(values, affine, notes=() if known else (orientation_unknown(),))
