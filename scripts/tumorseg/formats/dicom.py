"""Reads DICOM: a single file, a multi-frame file, or a folder with one series.

No text of a header is passed on except SOP instance UIDs, because texts can name people.
"""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom

from tumorseg.core.problems import DataError, Problem, error, warning
from tumorseg.imaging.dicom_frames import frames_of, place
from tumorseg.imaging.dicom_pixels import measured_values, name_file, open_dataset
from tumorseg.imaging.dicom_twice import pixel_size_notes, step_notes, with_slopes
from tumorseg.imaging.padding import filled
from tumorseg.imaging.raw import RawImage, check_size, unreadable

KINDS = {"DICOM": (".dcm", ".dicom", ".ima")}
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_MODALITIES = ("MR", "CT", "PT", "NM", "US", "CR", "DX", "OT", "SC")  # a message may name these


def kind(head: bytes, path: Path) -> str:
    """DICOM by its mark, or without one by its first tag (group 2 or 8) and a fitting suffix."""
    has_first_tag = head[:2] in (b"\x02\0", b"\x08\0") and head[3:4] == b"\0"
    has_suffix = path.suffix.lower() in (*KINDS["DICOM"], "") or path.suffix[1:].isdigit()
    return "DICOM" if head[128:132] == b"DICM" or (has_first_tag and has_suffix) else ""


def is_dicom(file: Path) -> bool:
    """Whether a file is DICOM by its first bytes."""
    with file.open("rb") as opened:
        return bool(kind(opened.read(132), file))


def read(path: Path, *, labels: bool) -> RawImage:
    """The series as (slice, row, column), or a single slice without a position as (row, column).

    Slices are sorted along their normal. Other files of the folder are skipped, with a note.
    """
    notes: list[Problem] = []
    headers = _folder(path, notes) if path.is_dir() else {path: _header(path)}
    for file, header in headers.items():
        _check_image(file, header, alone=len(headers) == 1)
    _check_one_series(headers)
    frames = [frame for file, header in headers.items() for frame in frames_of(file, header)]
    frames = with_slopes(frames, notes)
    notes += pixel_size_notes(headers.values())
    first = next(iter(headers.values()))
    check_size((first.Rows, first.Columns), 1)
    check_size((len(frames), first.Rows, first.Columns), max(1, first.BitsAllocated // 8))
    if any(_may_show_text(header) for header in headers.values()):
        notes.append(
            warning(
                "burned_in_text",
                "a secondary capture, or marked as having text in its pixels",
                "pixels without a name in them",
                "look at the picture before you pass it on",
            )
        )
    placed = all(
        value is not None for f in frames for value in (f.position, f.orientation, f.spacing)
    )
    affine = None
    if placed:
        frames, affine = place(frames, notes)
        if len(frames) > 1:
            steps = np.diff([np.asarray(frame.position) for frame in frames], axis=0)
            usual = float(np.median(np.linalg.norm(steps, axis=1)))  # a gap has its own warning
            notes += step_notes(headers.values(), usual)
    elif len(frames) > 1:
        measured_values(headers, frames)  # a truncated file lacks a position too: report that first
        raise error(
            "affine_missing",
            f"{len(frames)} slices, some without a position",
            "position, orientation and pixel spacing in each",
            "export the original series, or list single slices in a table",
        )
    else:
        notes.append(
            warning(
                "affine_missing",
                "a slice without a position or pixel spacing",
                "position, orientation and pixel spacing",
                "give plane and spacing_mm in the table",
            )
        )
    values, padded = measured_values(headers, frames)
    inverted = first.PhotometricInterpretation == "MONOCHROME1" and not labels
    if not labels:
        values = filled(values, padded, notes, inverted=inverted)
    spacing = frames[0].spacing
    return RawImage(
        values if placed else values[0],
        affine,
        (np.nan, np.nan) if spacing is None else (float(spacing[0]), float(spacing[1])),
        tuple(frame.uid for frame in frames),
        inverted,
        tuple(notes),
        study=_study(first),
    )


def _folder(folder: Path, notes: list[Problem]) -> dict[Path, pydicom.Dataset]:
    """The headers of a folder's images; a warning about its other files is added to notes.

    Hidden files, which Macs add to every folder, are passed over.
    """
    headers, others = {}, 0
    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.name.startswith("."):
            header = _header(file) if is_dicom(file) else None
            if header is not None and "Rows" in header and not _is_segmentation(header):
                headers[file] = header
            else:
                others += 1
    if not headers:
        raise error(
            "image_missing",
            "a folder without a DICOM image",
            "the slices of one series",
            "give the folder that directly contains the slices, not one above it",
        )
    if others:
        notes.append(
            warning(
                "series_other_files",
                f"{others} files that are not DICOM images",
                "slices only",
                "they were skipped",
            )
        )
    return headers


def _header(file: Path) -> pydicom.Dataset:
    try:
        return open_dataset(file, pixels=False)
    except DataError:
        raise
    except Exception:  # damaged bytes can make pydicom raise anything
        raise name_file(file, unreadable("DICOM")) from None


def _study(header: pydicom.Dataset) -> str:
    """A digest of the study's UID, by which slices of one person are recognised."""
    uid = str(header.get("StudyInstanceUID") or "")
    return hashlib.sha256(uid.encode()).hexdigest()[:16] if uid else ""


def _is_segmentation(header: pydicom.Dataset) -> bool:
    return header.get("SOPClassUID") in _SEGMENTATIONS


def _may_show_text(header: pydicom.Dataset) -> bool:
    capture = str(header.get("SOPClassUID", "")).startswith(_SECONDARY_CAPTURE)
    return capture or str(header.get("BurnedInAnnotation", "")).upper() == "YES"


def _check_image(file: Path, header: pydicom.Dataset, *, alone: bool) -> None:
    if "Rows" not in header or "Columns" not in header or _is_segmentation(header):
        raise error(
            "image_type",
            "a DICOM file without an image: an index, a report, contours or a segmentation",
            "slices",
            "give the folder of the slices; contours and segmentations are annotations",
        )
    grey = header.get("PhotometricInterpretation") in ("MONOCHROME1", "MONOCHROME2")
    if header.get("SamplesPerPixel", 1) != 1 or not grey:
        colour = error(
            "image_colour",
            "a colour DICOM picture",
            "greyscale",
            "export the original slices, not a screenshot",
        )
        raise colour if alone else name_file(file, colour)


def _check_one_series(headers: dict[Path, pydicom.Dataset]) -> None:
    """Raises DataError where the slices are of several series, sizes or kinds."""
    series: Counter[tuple[str, str]] = Counter()
    for header in headers.values():
        modality = header.get("Modality") if header.get("Modality") in _MODALITIES else "?"
        size = f"{header.Rows} x {header.Columns} {modality}"
        series[str(header.get("SeriesInstanceUID", "")), size] += int(
            header.get("NumberOfFrames") or 1
        )
    contents = "; ".join(f"{count} slices of {size}" for (_, size), count in series.items())
    if len({uid for uid, _ in series}) > 1:
        raise error(
            "series_several",
            f"several series in one folder: {contents}",
            "one series per folder",
            "move each into its own folder",
        )
    if len(series) > 1 or len({h.PhotometricInterpretation for h in headers.values()}) > 1:
        raise error(
            "series_mixed",
            f"slices of different kinds in one series: {contents}",
            "slices of one size and kind",
            "move localizers and derived pictures out of the folder",
        )
