"""Opens DICOM files and decodes their pixels to measured values."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pydicom
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_modality_lut, get_decoder
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, RLELossless

from tumorseg.core.problems import DataError, error
from tumorseg.imaging.dicom_frames import Frame
from tumorseg.imaging.padding import declared
from tumorseg.imaging.raw import MAX_BYTES, rescaled, too_large, truncated, unreadable

_PIXEL_DATA = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_FRAME_STARTS = {0xF7, *range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of JPEG and JPEG-LS


def open_dataset(file: Path, *, pixels: bool) -> pydicom.Dataset:
    """A DICOM file, with or without its pixels; raises UserError where it unpacks to too much.

    Some planning systems write files without the mark: these are read as if they had it.
    """
    with file.open("rb") as opened:
        has_mark = opened.read(132)[128:] == b"DICM"
    if has_mark:
        meta = pydicom.filereader.read_file_meta_info(file)
        if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            _check_inflated_size(file)
    return pydicom.dcmread(file, stop_before_pixels=not pixels, force=not has_mark)


def _check_inflated_size(file: Path) -> None:
    """Raises UserError where a deflated file would fill the memory."""
    with file.open("rb") as opened:
        pydicom.filereader.read_preamble(opened, False)
        pydicom.filereader._read_file_meta_info(opened)
        inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while chunk := inflater.unconsumed_tail or opened.read(2**20):
            size += len(inflater.decompress(chunk, 2**24))
            if size > MAX_BYTES:
                raise too_large("a deflated DICOM file")
            if inflater.eof:
                return


def name_file(file: Path, problem: DataError) -> DataError:
    """The error with the file's name in front, for one file of a folder."""
    p = problem.problem
    return error(p.code, f"{file.name}: {p.value}", p.expected, p.hint)


def measured_values(
    headers: dict[Path, pydicom.Dataset], frames: list[Frame]
) -> tuple[np.ndarray, np.ndarray]:
    """The frames' measured values (slice, row, column), and where they are padding (bool).

    Each file is decoded once.
    """
    slices: dict[int, np.ndarray] = {}
    padded: dict[int, np.ndarray] = {}
    indices_of: dict[Path, list[int]] = {}
    for index, frame in enumerate(frames):
        indices_of.setdefault(frame.file, []).append(index)
    for file, indices in indices_of.items():
        try:
            stored, padding, has_table = _pixels(file, headers[file])
            for index in indices:
                part = stored[frames[index].number]
                padded[index] = padding[frames[index].number]
                if not has_table:
                    part = rescaled(part, frames[index].slope, frames[index].intercept)
                slices[index] = part
        except DataError as problem:
            raise (name_file(file, problem) if len(indices_of) > 1 else problem) from None
    count = range(len(frames))
    return np.stack([slices[index] for index in count]), np.stack(
        [padded[index] for index in count]
    )


def _pixels(file: Path, header: pydicom.Dataset) -> tuple[np.ndarray, np.ndarray, bool]:
    """The values (frame, row, column), where they are padding, and whether they are rescaled.

    They are where the file has a modality lookup table.
    """
    data = open_dataset(file, pixels=True)
    if data.get("file_meta") is None or "TransferSyntaxUID" not in data.file_meta:
        implicit, little = data.original_encoding
        data.ensure_file_meta()
        syntax = "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1"
        data.file_meta.TransferSyntaxUID = UID(syntax if little else "1.2.840.10008.1.2.2")
    count = int(data.get("NumberOfFrames") or 1)
    shape = count, int(header.Rows), int(header.Columns)
    _check_coding(data, shape)
    pixels = np.asarray(data.pixel_array).reshape(shape)
    padding = declared(pixels, header)
    if padding is None:
        padding = np.zeros(shape, bool)
    if "ModalityLUTSequence" in data:
        return np.asarray(apply_modality_lut(pixels, data)), padding, True
    return pixels, padding, False


def _check_coding(data: pydicom.Dataset, shape: tuple[int, int, int]) -> None:
    """Raises UserError for pixels that are cut off, of unknown compression or of another size."""
    syntax = data.file_meta.TransferSyntaxUID
    content = next((data[n].value for n in _PIXEL_DATA if n in data and data[n].value), None)
    if content is None:
        raise truncated("DICOM")
    if not syntax.is_compressed or syntax == DeflatedExplicitVRLittleEndian:
        if len(content) < np.prod(shape) * data.BitsAllocated // 8:
            raise truncated("DICOM")
        return
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        name = syntax.name if syntax.name != syntax else "unknown kind"
        raise error(
            "image_compression",
            f"compressed DICOM ({name})",
            "uncompressed, RLE, JPEG, JPEG-LS or JPEG 2000",
            "decompress it, for instance with dcmdjpeg or gdcmconv --raw",
        )
    if syntax == RLELossless:  # has no size; pydicom unpacks no more than the header states
        return
    for coded in generate_frames(content, number_of_frames=shape[0]):
        if _coded_size(coded) != shape[1:]:
            raise unreadable("DICOM")


def _coded_size(coded: bytes) -> tuple[int, int] | None:
    """Height and width that a JPEG, JPEG-LS or JPEG 2000 stream makes its decoder allocate."""
    if coded[:4] == b"\xff\x4f\xff\x51":
        right, bottom, left, top = struct.unpack(">4I", coded[8:24])
        return bottom - top, right - left
    at = 2
    while coded[:2] == b"\xff\xd8" and at + 9 <= len(coded) and coded[at] == 0xFF:
        marker = coded[at + 1]
        if marker in _FRAME_STARTS:
            height, width = struct.unpack(">HH", coded[at + 5 : at + 9])
            return height, width
        at += 1 if marker == 0xFF else 2 + int.from_bytes(coded[at + 2 : at + 4])
    return None
