"""Reads NIfTI-1, NIfTI-2 and Analyze 7.5 volumes, plain, gzip or in two files, affines in mm."""

import gzip
import zlib
from math import prod
from pathlib import Path
from typing import BinaryIO

import nibabel as nib
import numpy as np

from tumorseg.core.problems import Problem, error
from tumorseg.core.two_files import COMPRESSED_PAIR, UNPACK, beside
from tumorseg.imaging.grids import Stated
from tumorseg.imaging.nifti_header import (
    affines_of,
    forget_orientation,
    header_class,
    is_analyze,
    repaired,
    rescaling,
    unit_mm,
)
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

KINDS = {
    "NIfTI": (".nii", ".hdr", ".img"),
    "Analyze 7.5": (".hdr", ".img"),
    "compressed NIfTI": (".nii.gz", ".gz"),
}
_GZIP = b"\x1f\x8b"


def kind(head: bytes, path: Path) -> str:
    """NIfTI, compressed or not, or Analyze 7.5, by the first bytes; empty for anything else.

    The pixels of a pair have no mark: an .img is what the header beside it says.
    """
    ending = path.suffix.lower()
    if ending == ".img" and (header := beside(path, ".hdr")):
        with header.open("rb") as file:
            head = file.read(540)
    if ending in KINDS["Analyze 7.5"] and is_analyze(head):
        return "Analyze 7.5"
    if not head.startswith(_GZIP):
        return "NIfTI" if header_class(head) else ""
    try:
        head = zlib.decompressobj(31).decompress(head, 1024)
    except zlib.error:
        head = b""
    # For a damaged stream with this name, read() raises a clearer error.
    has_suffix = path.name.lower().endswith(".nii.gz")
    return "compressed NIfTI" if header_class(head) or (has_suffix and not head) else ""


def read(path: Path, *, labels: bool, channel: int | None = None) -> RawImage:
    """The volume (i, j, k) in the file's axis order, rescaled by the header's slope and intercept.

    channel: which volume to read from a file with several along its fourth axis.
    """
    header = beside(path, ".hdr") if path.suffix.lower() == ".img" else None
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


def _volume(file: BinaryIO | gzip.GzipFile, name: str, channel: int | None, path: Path) -> RawImage:
    start = file.read(540)
    analyze = is_analyze(start)
    made = nib.Nifti1Header if analyze else header_class(start)
    if made is None or (len(start) < 540 and made is nib.Nifti2Header):
        raise truncated(name)
    size = made.sizeof_hdr
    header = made(start[:size], check=False)
    if analyze:
        name = "Analyze 7.5"
        forget_orientation(header)
    if analyze or header["magic"].tobytes()[:2] == b"ni":
        pixels = beside(path, ".img")
        if pixels is None:
            value, hint = (
                f"a header ({name}) without its pixel file",
                "copy the other file too, or ",
            )
            hint += "convert the pair to .nii"
            if path.name.lower().endswith(COMPRESSED_PAIR) or beside(path, ".img.gz"):
                value, hint = "a compressed pair of header and pixels", UNPACK
            raise error("image_missing", value, "the .img of the same name beside the .hdr", hint)
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
        notes.append(repaired(value, f"at least {offset}", hint))
    if not least - 4 <= offset <= MAX_PIXELS or offset < 0:
        raise unreadable(name)
    count = prod(shape) * kind.itemsize
    file.seek(offset + count * (channel or 0))
    content = file.read(count)
    behind = count * (volumes - 1 - (channel or 0))
    if behind:  # going back would unpack a compressed file again
        file.seek(offset + count * volumes - 1)
    if len(content) < count or (behind and not file.read(1)):
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
    slope, intercept = rescaling(header, notes)
    values = rescaled(values, slope, intercept)
    affines = affines_of(header, shape, notes)
    if affines:
        return RawImage(values, affines[0].affine, notes=tuple(notes), affines=affines)
    affine = np.array(header.get_base_affine(), float)
    affine[:3] *= unit_mm(header)
    note = orientation_warning("Left-Anterior-Superior")  # as nibabel, FSL and SPM take them
    return RawImage(values, affine, notes=(note, *notes), affines=(Stated(affine, (), True),))
