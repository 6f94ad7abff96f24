"""Texts that image files carry in blocks of their own: NIfTI's extensions, ImageJ's metadata."""

import io
import struct
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pydicom
from roifile import ImagejRoi

NIFTI_DICOM = 2  # an extension's code
LONGEST_EXTENSIONS = 2**24  # bytes


def extensions(content: bytes, start: int, order: str) -> Iterator[pydicom.Dataset | str]:
    """The extensions behind a NIfTI header: a DICOM header, or a text (comment, XML, JSON).

    Args:
        content: the file from its beginning; up to the first voxel, or all of an .hdr.
        start: the header's length, behind which four bytes say whether there are extensions.
        order: the header's byte order, < or >.
    """
    place = start + 4
    if not content[start:place].rstrip(b"\0"):
        return
    while place + 8 <= len(content):
        size, code = struct.unpack_from(f"{order}ii", content, place)
        if size < 8:
            return
        data = content[place + 8 : place + size]
        place += size
        if code == NIFTI_DICOM:
            with suppress(Exception):  # pydicom raises anything for what is not DICOM
                yield pydicom.dcmread(io.BytesIO(data.rstrip(b"\0")), force=True)
        else:
            text = data.replace(b"\0", b"").decode("utf-8", errors="ignore")
            if all(letter.isprintable() or letter.isspace() for letter in text):
                yield text


def imagej_texts(block: bytes, sizes: Sequence[int], order: str) -> Iterator[str]:
    """The texts in ImageJ's block of a TIFF: the image's Info, labels of slices, names of outlines.

    block, sizes: the tags 50839 and 50838. The block begins with IJIJ and, for each kind of part,
    its name and number; sizes are those of this list and of each part. order: < or >.
    """
    if not sizes or len(block) < sizes[0]:
        return
    place, parts = sizes[0], iter(sizes[1:])
    for at in range(4, sizes[0] - 7, 8):
        kind = block[at : at + 4] if order == ">" else block[at : at + 4][::-1]
        for _ in range(struct.unpack_from(f"{order}i", block, at + 4)[0]):
            if (size := next(parts, None)) is None:  # more parts than the file lists
                return
            part = block[place : place + size]
            place += size
            if kind in (b"info", b"labl", b"prop"):
                yield part.decode("utf-16-le" if order == "<" else "utf-16-be", errors="ignore")
            elif kind in (b"roi ", b"over"):
                yield from outline_texts(part)


def outline_texts(content: bytes) -> Iterator[str]:
    """The names and properties of the selections in an ImageJ .roi, or in a .zip of them."""
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                yield member.filename.removesuffix(".roi")
                with suppress(Exception):
                    yield from outline_texts(archive.read(member))
        return
    with suppress(Exception):
        roi = ImagejRoi.frombytes(content)
        yield from (roi.name or "", roi.props or "")
