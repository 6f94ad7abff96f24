"""MATLAB 7.3 files of the public T1-CE set: one slice, its tumour, patient and tumour type.

Cheng J., brain tumor dataset, figshare, doi 10.6084/m9.figshare.1512427: a struct `cjdata` with
image, tumorMask, tumorBorder, PID and label (1 meningioma, 2 glioma, 3 pituitary tumour).
"""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from tumorseg.core.problems import error
from tumorseg.imaging.raw import Raw, check_size, truncated

KINDS = {"MATLAB 7.3": (".mat",)}
_HDF5 = b"\x89HDF\r\n\x1a\n"
_OLD = b"MATLAB 5.0 MAT-file"
TYPES = {1: "meningioma", 2: "glioma", 3: "pituitary"}


@dataclass(frozen=True)
class CjData:
    """One file of the set: image and mask (height, width), border (n, 2) of x, y as stored (1-based
    as MATLAB), the patient's identifier and the kind of tumour."""

    image: np.ndarray
    mask: np.ndarray
    border: np.ndarray
    patient: str
    tumour_type: str


def kind(head: bytes, path: Path) -> str:
    """MATLAB 7.3 (HDF5 behind 512 bytes), or an older file, which read then refuses."""
    return "MATLAB 7.3" if _HDF5 in (head[:8], head[512:520]) or head.startswith(_OLD) else ""


def read(path: Path, *, labels: bool) -> Raw:
    """The image, or with labels the tumour mask, both (height, width)."""
    with _opened(path) as group:
        return Raw(_array(group, "tumorMask" if labels else "image", upright=True))


def facts(path: Path) -> tuple[str, str, tuple[int, ...]]:
    """Patient, tumour type and size (height, width) of a file of the set, without its pixels."""
    with _opened(path) as group:
        image = _hard(group, "image")
        if not isinstance(image, h5py.Dataset):
            raise _strange("no image")
        return *_who(group), image.shape[::-1]


def _who(group: h5py.Group) -> tuple[str, str]:
    patient, label = (_array(group, name).ravel() for name in ("PID", "label"))
    if label.size != 1 or int(label[0]) not in TYPES or label[0] != int(label[0]):
        raise _strange("its label is none of 1, 2 and 3")
    if patient.dtype.kind not in "u" or not 0 < len(patient) <= 64:
        raise _strange("its PID is no text")
    return "".join(chr(code) for code in patient), TYPES[int(label[0])]


def read_cjdata(path: Path) -> CjData:
    """Everything that a file of the set holds. Raises DataError for what is missing or odd."""
    with _opened(path) as group:
        image, mask = (_array(group, name, upright=True) for name in ("image", "tumorMask"))
        border = _array(group, "tumorBorder").ravel().astype(float)
        patient, tumour_type = _who(group)
    if mask.shape != image.shape or len(border) % 2:
        raise _strange("its mask and border do not fit its image")
    return CjData(image, mask, border.reshape(-1, 2), patient, tumour_type)


def _strange(found: str) -> Exception:
    return error(
        "mat_fields",
        f"a MATLAB file that is not of the T1-CE set: {found}",
        "a struct cjdata with image, tumorMask, tumorBorder, PID and label",
        "convert other MATLAB files to PNG or NIfTI",
    )


class _opened:  # noqa: N801
    """The struct of a file, closed after use."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> h5py.Group:
        with self.path.open("rb") as file:
            if file.read(len(_OLD)) == _OLD:
                raise error(
                    "mat_version",
                    "a MATLAB file of version 7 or older",
                    "version 7.3 of the public T1-CE set",
                    "save it in MATLAB with save(..., '-v7.3'), or convert it to PNG",
                )
        try:
            self.file = h5py.File(self.path, "r", locking=False)
        except OSError:
            raise truncated("MATLAB 7.3") from None
        if not isinstance(_hard(self.file, "cjdata"), h5py.Group):
            self.file.close()
            raise _strange("it has no struct cjdata")
        return self.file["cjdata"]

    def __exit__(self, *what: object) -> None:
        self.file.close()


def _hard(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | None:
    """A member that lies in this very file: other links could read any file of the machine."""
    if name not in group or not isinstance(group.get(name, getlink=True), h5py.HardLink):
        return None
    return group[name]


def _array(group: h5py.Group, name: str, *, upright: bool = False) -> np.ndarray:
    """A member's numbers; upright turns MATLAB's column order into (height, width)."""
    stored = _hard(group, name)
    if not isinstance(stored, h5py.Dataset) or stored.dtype.kind not in "iufb":
        raise _strange(f"no {name}")
    if stored.is_virtual or stored.external:
        raise _strange(f"{name} lies in another file")
    if stored.ndim != 2 and upright:
        raise _strange(f"{name} has {stored.ndim} dimensions")
    check_size(stored.shape or (1,), stored.dtype.itemsize)
    values = stored[()]
    return np.ascontiguousarray(np.transpose(values)) if upright else np.asarray(values)
