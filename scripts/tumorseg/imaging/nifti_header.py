"""NIfTI's and Analyze's headers: which of them it is, and what counts where one is odd."""

import nibabel as nib
import numpy as np

from tumorseg.core.problems import Problem, error, warning
from tumorseg.imaging import grids
from tumorseg.imaging.grids import Stated

_UNITS = {1: 1000.0, 3: 0.001}  # metres and micrometres; anything else counts as millimetres
_ANALYZE_TYPES = (2, 4, 8, 16, 64)  # of numbers; another header of 348 bytes is no Analyze 7.5


def header_class(head: bytes) -> type[nib.Nifti1Header] | None:
    """The header's class, chosen by its magic bytes."""
    if head[344:347] in (b"n+1", b"ni1"):
        return nib.Nifti1Header
    return nib.Nifti2Header if head[4:7] in (b"n+2", b"ni2") else None


def is_analyze(head: bytes) -> bool:
    """Whether 348 bytes are a header of Analyze 7.5, from which NIfTI's has its first fields."""
    if len(head) < 348 or header_class(head):
        return False
    header = nib.Nifti1Header(head[:348], check=False)
    fields = [int(header[name]) for name in ("sizeof_hdr", "datatype")]
    return fields[0] == 348 and fields[1] in _ANALYZE_TYPES and 1 <= header["dim"][0] <= 7


def forget_orientation(header: nib.Nifti1Header) -> None:
    """Clears what NIfTI states in bytes that have another meaning in Analyze 7.5.

    Raises DataError where the slices are not axial: which way they run is then not certain.
    """
    order = header.binaryblock[252]
    if 1 <= order <= 5:
        value = f"an Analyze 7.5 header of orientation {order}"
        hint = "convert it to NIfTI with a program that knows its orientation"
        raise error("affine_missing", value, "orientation 0 (axial slices), or NIfTI", hint)
    for field in ("qform_code", "sform_code", "xyzt_units", "scl_inter"):
        header[field] = 0


def repaired(value: str, expected: str, hint: str) -> Problem:
    """The warning for a field of the header whose meaning is certain, although it is wrong."""
    return warning("header_repaired", value, expected, hint)


def unit_mm(header: nib.Nifti1Header) -> float:
    """Millimetres in the header's unit of length."""
    return _UNITS.get(int(header["xyzt_units"]) & 7, 1.0)


def rescaling(header: nib.Nifti1Header, notes: list[Problem]) -> tuple[float, float]:
    """Slope and intercept; 1 and 0 where the slope is 0 or no number, as the format defines it."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0:
        return 1.0, 0.0
    if not np.isfinite(intercept):
        notes.append(repaired("scl_inter is not a number", "a number", "it was taken as 0"))
        intercept = 0.0
    return slope, intercept


def affines_of(
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
            notes.append(repaired(value, "1 or -1", f"it was taken as {sign}"))
        try:
            found.append(Stated(np.array(header.get_qform(), float), ("qform",)))
        except (nib.spatialimages.HeaderDataError, ValueError):  # no rotation
            if not found:
                raise
    for stated in found:
        stated.affine[:3] *= unit_mm(header)
    usable = [stated for stated in found if not grids.fault_of(stated.affine)]
    if len(usable) == 2:
        first, second = usable
        if not grids.differ(first.affine, second.affine, shape):
            return (Stated(first.affine, ("sform", "qform")),)
        notes.append(grids.difference_warning(first, second, shape))
    elif usable and len(found) == 2 and usable[0].fields == ("qform",):
        fault = grids.fault_of(found[0].affine)
        notes.append(repaired(f"the sform states {fault}", "a usable sform", "the qform counts"))
    elif usable and usable[0].fields == ("sform",):
        notes += _other_voxels(header, usable[0].affine / unit_mm(header), shape)
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
