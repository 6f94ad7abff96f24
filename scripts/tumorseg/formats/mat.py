"""Reads MATLAB 7.3 files of the public T1-CE set: a slice, its tumour, patient and tumour type.

Cheng J., brain tumor dataset, figshare, doi 10.6084/m9.figshare.1512427: a struct `cjdata` with
image, tumorMask, tumorBorder, PID and label (1 meningioma, 2 glioma, 3 pituitary tumour).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from tumorseg.core.problems import DataError, error
from tumorseg.imaging.raw import RawImage, check_size, truncated

KINDS = {"MATLAB 7.3": (".mat",)}
_HDF5 = b"\x89HDF\r\n\x1a\n"
_OLD = b"MATLAB 5.0 MAT-file"
TYPES = {1: "meningioma", 2: "glioma", 3: "pituitary"}


def kind(head: bytes, path: Path) -> str:
    """MATLAB 7.3 (HDF5 after 512 bytes), or an older version, which `read` then rejects."""
    return "MATLAB 7.3" if _HDF5 in (head[:8], head[512:520]) or head.startswith(_OLD) else ""


def read(path: Path, *, labels: bool) -> RawImage:
    """The image, or with labels the tumour mask, both (height, width)."""
    with _cjdata(path) as group:
        return RawImage(_array(group, "tumorMask" if labels else "image", upright=True))


def read_metadata(path: Path) -> tuple[str, str, tuple[int, ...]]:
    """Patient, tumour type and size (height, width) of a file, without reading its pixels."""
    with _cjdata(path) as group:
        image = _own_member(group, "image")
        if not isinstance(image, h5py.Dataset):
            raise _unexpected("it has no image")
        return *_patient_and_type(group), image.shape[::-1]


def _patient_and_type(group: h5py.Group) -> tuple[str, str]:
    patient, label = (_array(group, name).ravel() for name in ("PID", "label"))
    if label.size != 1 or int(label[0]) not in TYPES or label[0] != int(label[0]):
        raise _unexpected("its label is not 1, 2 or 3")
    if patient.dtype.kind not in "u" or not 0 < len(patient) <= 64:
        raise _unexpected("its PID is not text")
    return "".join(chr(code) for code in patient), TYPES[int(label[0])]


def _unexpected(reason: str) -> DataError:
    """The error for a file that is not of the set."""
    return error(
        "mat_fields",
        f"a MATLAB file that is not of the T1-CE set: {reason}",
        "a struct cjdata with image, tumorMask, tumorBorder, PID and label",
        "convert other MATLAB files to PNG or NIfTI",
    )


@contextmanager
def _cjdata(path: Path) -> Iterator[h5py.Group]:
    """The struct `cjdata` of a file, which is closed after use."""
    with path.open("rb") as start:
        if start.read(len(_OLD)) == _OLD:
            raise error(
                "mat_version",
                "a MATLAB file of version 7 or older",
                "version 7.3 of the public T1-CE set",
                "save it in MATLAB with save(..., '-v7.3'), or convert it to PNG",
            )
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError:
        raise truncated("MATLAB 7.3") from None
    with file:
        group = _own_member(file, "cjdata")
        if not isinstance(group, h5py.Group):
            raise _unexpected("it has no struct cjdata")
        yield group


def _own_member(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | None:
    """A member stored in this file itself; None for links, which could read any other file."""
    if name not in group or not isinstance(group.get(name, getlink=True), h5py.HardLink):
        return None
    return group[name]


def _array(group: h5py.Group, name: str, *, upright: bool = False) -> np.ndarray:
    """A member's values; upright turns MATLAB's column order into (height, width)."""
    stored = _own_member(group, name)
    if not isinstance(stored, h5py.Dataset) or stored.dtype.kind not in "iufb":
        raise _unexpected(f"it has no {name}")
    if stored.is_virtual or stored.external:
        raise _unexpected(f"{name} lies in another file")
    if stored.ndim != 2 and upright:
        raise _unexpected(f"{name} has {stored.ndim} dimensions")
    check_size(stored.shape or (1,), stored.dtype.itemsize)
    values = stored[()]
    return np.ascontiguousarray(np.transpose(values)) if upright else np.asarray(values)
