"""DICOM: one file, a file of many frames, or a folder with one series; as measured, in its place.

Nothing of a header's text leaves this file but SOP instance UIDs: texts name people.
"""

import struct
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_modality_lut, get_decoder
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, RLELossless

from tumorseg.core.problems import DataError, Problem, error, warning
from tumorseg.imaging.dicom_frames import Frame, frames_of, place
from tumorseg.imaging.raw import (
    MAX_BYTES,
    Raw,
    check_size,
    rescaled,
    too_large,
    truncated,
    unreadable,
)

KINDS = {"DICOM": (".dcm", ".dicom", ".ima")}
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_MODALITIES = ("MR", "CT", "PT", "NM", "US", "CR", "DX", "OT", "SC")  # what a message may repeat
_PIXEL_DATA = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_FRAME_STARTS = {0xF7, *range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of JPEG and JPEG-LS


def kind(head: bytes, path: Path) -> str:
    """DICOM by its mark, or without one by its first tag (group 2 or 8) and a fitting name."""
    bare = head[:2] in (b"\x02\0", b"\x08\0") and head[3:4] == b"\0"
    named = path.suffix.lower() in (*KINDS["DICOM"], "") or path.suffix[1:].isdigit()
    return "DICOM" if head[128:132] == b"DICM" or (bare and named) else ""


def read(path: Path, *, labels: bool) -> Raw:
    """The series as (slice, row, column), or one slice that says no place as (row, column).

    Slices are ordered along their normal. A folder's other files are left out, with a note.
    """
    notes: list[Problem] = []
    headers = _folder(path, notes) if path.is_dir() else {path: _header(path)}
    for file, header in headers.items():
        _check_image(file, header, alone=len(headers) == 1)
    _check_one_series(headers)
    frames = [frame for file, header in headers.items() for frame in frames_of(file, header)]
    first = next(iter(headers.values()))
    check_size((first.Rows, first.Columns), 1)
    check_size((len(frames), first.Rows, first.Columns), max(1, first.BitsAllocated // 8))
    if any(_may_show_text(header) for header in headers.values()):
        notes.append(
            warning(
                "burned_in_text",
                "a secondary capture, or marked as having text in its pixels",
                "pixels without a name in them",
                "look at the picture before anything of it is passed on",
            )
        )
    placed = all(
        part is not None for f in frames for part in (f.position, f.orientation, f.spacing)
    )
    affine = None
    if placed:
        frames, affine = place(frames, notes)
    elif len(frames) > 1:
        _values(headers, frames)  # a file that ends too early says no place either, and is so named
        raise error(
            "affine_missing",
            f"{len(frames)} slices of which some do not say where they lie",
            "position, orientation and pixel spacing in each",
            "export the original series, or give single slices in a table",
        )
    else:
        notes.append(
            warning(
                "affine_missing",
                "a slice that does not say where it lies or how large its pixels are",
                "position, orientation and pixel spacing",
                "give plane and spacing_mm in the table",
            )
        )
    values = _values(headers, frames)
    spacing = frames[0].spacing
    return Raw(
        values if placed else values[0],
        affine,
        (np.nan, np.nan) if spacing is None else (float(spacing[0]), float(spacing[1])),
        tuple(frame.uid for frame in frames),
        first.PhotometricInterpretation == "MONOCHROME1" and not labels,
        tuple(notes),
    )


def _folder(folder: Path, notes: list[Problem]) -> dict[Path, pydicom.Dataset]:
    headers, others = {}, 0
    for file in sorted(folder.iterdir()):
        if file.is_file():
            with file.open("rb") as opened:
                is_dicom = kind(opened.read(132), file)
            header = _header(file) if is_dicom else None
            if header is not None and "Rows" in header and not _is_segmentation(header):
                headers[file] = header
            else:
                others += 1
    if not headers:
        raise error(
            "image_missing",
            "a folder without a DICOM image",
            "the slices of one series",
            "give the folder that holds the slices themselves, not one above it",
        )
    if others:
        notes.append(
            warning(
                "series_other_files",
                f"{others} files that are no DICOM image",
                "slices only",
                "they were left out",
            )
        )
    return headers


def _header(file: Path) -> pydicom.Dataset:
    try:
        return _dataset(file, pixels=False)
    except DataError:
        raise
    except Exception:  # pydicom raises whatever damaged bytes provoke
        raise _of(file, unreadable("DICOM")) from None


def _dataset(file: Path, *, pixels: bool) -> pydicom.Dataset:
    with file.open("rb") as opened:
        marked = opened.read(132)[128:] == b"DICM"
    if marked:
        meta = pydicom.filereader.read_file_meta_info(file)
        if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            _check_inflated(file)
    return pydicom.dcmread(file, stop_before_pixels=not pixels, force=not marked)


def _check_inflated(file: Path) -> None:
    """Raises UserError where a deflated file would fill the memory."""
    with file.open("rb") as opened:
        pydicom.filereader.read_preamble(opened, False)
        pydicom.filereader._read_file_meta_info(opened)
        stream, found = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while chunk := stream.unconsumed_tail or opened.read(2**20):
            found += len(stream.decompress(chunk, 2**24))
            if found > MAX_BYTES:
                raise too_large("a deflated DICOM file")
            if stream.eof:
                return


def _of(file: Path, problem: DataError) -> DataError:
    """A problem of one file among a folder's, with the file's name in front."""
    p = problem.problem
    return error(p.code, f"{file.name}: {p.value}", p.expected, p.hint)


def _is_segmentation(header: pydicom.Dataset) -> bool:
    return header.get("SOPClassUID") in _SEGMENTATIONS


def _may_show_text(header: pydicom.Dataset) -> bool:
    capture = str(header.get("SOPClassUID", "")).startswith(_SECONDARY_CAPTURE)
    return capture or str(header.get("BurnedInAnnotation", "")).upper() == "YES"


def _check_image(file: Path, header: pydicom.Dataset, *, alone: bool) -> None:
    if "Rows" not in header or "Columns" not in header or _is_segmentation(header):
        raise error(
            "image_type",
            "a DICOM file that holds no image: an index, a report, contours or a segmentation",
            "slices",
            "give the folder of the slices; contours and segmentations are annotations",
        )
    grey = header.get("PhotometricInterpretation") in ("MONOCHROME1", "MONOCHROME2")
    if header.get("SamplesPerPixel", 1) != 1 or not grey:
        colour = error(
            "image_colour",
            "a DICOM picture of colours",
            "greyscale",
            "export the original slices, not a capture of the screen",
        )
        raise colour if alone else _of(file, colour)


def _check_one_series(headers: dict[Path, pydicom.Dataset]) -> None:
    series = Counter()
    for header in headers.values():
        modality = header.get("Modality") if header.get("Modality") in _MODALITIES else "?"
        size = f"{header.Rows} x {header.Columns} {modality}"
        series[str(header.get("SeriesInstanceUID", "")), size] += int(
            header.get("NumberOfFrames") or 1
        )
    found = "; ".join(f"{count} slices of {size}" for (_, size), count in series.items())
    if len({uid for uid, _ in series}) > 1:
        raise error(
            "series_several",
            f"several series in one folder: {found}",
            "one series a folder",
            "move each into a folder of its own",
        )
    if len(series) > 1 or len({h.PhotometricInterpretation for h in headers.values()}) > 1:
        raise error(
            "series_mixed",
            f"slices of different kinds in one series: {found}",
            "slices of one size and kind",
            "move localizers and derived pictures out of the folder",
        )


def _values(headers: dict[Path, pydicom.Dataset], frames: list[Frame]) -> np.ndarray:
    """The frames' measured numbers (slice, row, column); a file is decoded once."""
    slices: dict[int, np.ndarray] = {}
    wanted: dict[Path, list[int]] = {}
    for index, frame in enumerate(frames):
        wanted.setdefault(frame.file, []).append(index)
    for file, indices in wanted.items():
        try:
            stored, has_table = _pixels(file, headers[file])
            for index in indices:
                part = stored[frames[index].number]
                if not has_table:
                    part = rescaled(part, frames[index].slope, frames[index].intercept)
                slices[index] = part
        except DataError as problem:
            raise (_of(file, problem) if len(wanted) > 1 else problem) from None
    return np.stack([slices[index] for index in range(len(frames))])


def _pixels(file: Path, header: pydicom.Dataset) -> tuple[np.ndarray, bool]:
    """The stored numbers (frame, row, column), and whether a modality table already rescaled."""
    data = _dataset(file, pixels=True)
    if data.get("file_meta") is None or "TransferSyntaxUID" not in data.file_meta:
        implicit, little = data.original_encoding
        data.ensure_file_meta()
        syntax = "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1"
        data.file_meta.TransferSyntaxUID = UID(syntax if little else "1.2.840.10008.1.2.2")
    count = int(data.get("NumberOfFrames") or 1)
    shape = count, int(header.Rows), int(header.Columns)
    _check_coding(data, shape)
    pixels = np.asarray(data.pixel_array).reshape(shape)
    if "ModalityLUTSequence" in data:
        return np.asarray(apply_modality_lut(pixels, data)), True
    return pixels, False


def _check_coding(data: pydicom.Dataset, shape: tuple[int, int, int]) -> None:
    """Raises UserError for pixels that are cut off, in an unknown coding, or of another size."""
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
        name = syntax.name if syntax.name != syntax else "of an unknown kind"
        raise error(
            "image_compression",
            f"compressed DICOM ({name})",
            "uncompressed, RLE, JPEG, JPEG-LS or JPEG 2000",
            "decompress it, for instance with dcmdjpeg or gdcmconv --raw",
        )
    if syntax == RLELossless:  # says no size; pydicom unpacks no more than the header's
        return
    for coded in generate_frames(content, number_of_frames=shape[0]):
        if _coded_size(coded) != shape[1:]:
            raise unreadable("DICOM")


def _coded_size(coded: bytes) -> tuple[int, int] | None:
    """Height and width in a JPEG, JPEG-LS or JPEG 2000 stream: decoders allocate what it says."""
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
