"""NIfTI, MetaImage (MHA, MHD) and NRRD volumes, as measured, with the way to RAS+ millimetres."""

import gzip
import re
import zlib
from math import prod
from pathlib import Path
from typing import BinaryIO

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813

from tumorseg.decoding import (
    MAX_PIXELS,
    Raw,
    check_size,
    no_channel,
    rescaled,
    truncated,
    unreadable,
)
from tumorseg.problems import Problem, error, warning

KINDS = {
    "NIfTI": (".nii",),
    "compressed NIfTI": (".nii.gz", ".gz"),
    "MetaImage": (".mha", ".mhd"),
    "NRRD": (".nrrd", ".nhdr"),
}
_GZIP = b"\x1f\x8b"
_UNITS = {1: 1000.0, 3: 0.001}  # metres and micrometres; everything else is taken as millimetres
_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])  # LPS of ITK to RAS
sitk.ProcessObject.SetGlobalWarningDisplay(False)


def kind(head: bytes, path: Path) -> str:
    """NIfTI (compressed or not), MetaImage or NRRD by the first bytes; empty for anything else."""
    if head.startswith(_GZIP):
        try:
            head = zlib.decompressobj(31).decompress(head, 1024)
        except zlib.error:
            head = b""
        # A damaged stream that is named so gets a clearer line from its reader.
        named = path.name.lower().endswith(".nii.gz")
        return "compressed NIfTI" if _nifti(head) or (named and not head) else ""
    if _nifti(head):
        return "NIfTI"
    if head.startswith(b"NRRD000"):
        return "NRRD"
    return "MetaImage" if re.match(rb"(ObjectType|NDims|Comment)\s*=", head) else ""


def _nifti(head: bytes) -> type | None:
    """The header's class, by its magic words."""
    if head[344:347] in (b"n+1", b"ni1"):
        return nib.Nifti1Header
    return nib.Nifti2Header if head[4:7] in (b"n+2", b"ni2") else None


def read(path: Path, *, labels: bool, channel: int | None = None) -> Raw:
    """The volume (i, j, k) in the file's own order, rescaled as its header says.

    channel: the volume that is read of a NIfTI file with several along its fourth axis.
    """
    with path.open("rb") as file:
        head = file.read(4096)
        name = kind(head, path)
        if name in ("MetaImage", "NRRD"):
            if channel is not None:
                raise no_channel(f"a {name} file", channel)
            return _read_itk(path, name)
        file.seek(0)
        if name == "NIfTI":
            return _read_nifti(file, name, channel)
        try:
            with gzip.GzipFile(fileobj=file) as inflated:
                return _read_nifti(inflated, name, channel)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise truncated(name) from None


def _read_nifti(file: BinaryIO, name: str, channel: int | None) -> Raw:
    start = file.read(540)
    header_class = _nifti(start)
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
    shape = _three(shape)
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
    return Raw(values, affine, notes=() if known else (_unknown_orientation(),))


def _three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """A shape without the axes of length 1 beyond the third, and filled up to three."""
    if not len(shape) >= 2 or any(side != 1 for side in shape[3:]):
        text = " x ".join(str(side) for side in shape)
        raise error(
            "volume_many",
            f"{len(shape)} dimensions ({text})",
            "one volume of three dimensions",
            "save the volume that is wanted as a file of its own",
        )
    return tuple(int(side) for side in (*shape, 1)[:3])


def _unknown_orientation() -> Problem:
    return warning(
        "affine_missing",
        "a volume whose header does not say how it lies in the patient",
        "an orientation",
        "planes follow the file's axes as if they ran Right-Anterior-Superior; "
        "mend the header where that is wrong",
    )


def _read_itk(path: Path, name: str) -> Raw:
    fields, start = _text_header(path, name)
    sizes = (fields.get("dimsize") or fields.get("sizes") or "").split()
    if not sizes or not all(re.fullmatch(r"[0-9]{1,9}", side) for side in sizes):
        raise unreadable(name)
    shape = _three(tuple(map(int, sizes)))
    check_size(shape, 1)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("MetaImageIO" if name == "MetaImage" else "NrrdImageIO")
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    if reader.GetNumberOfComponents() != 1 or list(reader.GetSize()) != list(map(int, sizes)):
        raise error(
            "image_colour",
            "a volume of colours or vectors",
            "one grey value a voxel",
            "export the grey volume",
        )
    itemsize = sitk.GetArrayViewFromImage(sitk.Image([1, 1], reader.GetPixelID())).itemsize
    check_size(shape, itemsize)
    _check_length(path, name, fields, start, prod(shape) * itemsize)
    image = reader.Execute()
    count = min(3, image.GetDimension())
    affine = np.eye(4)
    directions = np.reshape(image.GetDirection(), (image.GetDimension(),) * 2)[:count, :count]
    affine[:count, :count] = directions * np.array(image.GetSpacing()[:count])
    affine[:count, 3] = image.GetOrigin()[:count]
    known = {"transformmatrix", "orientation", "rotation", "space directions"} & set(fields)
    return Raw(
        sitk.GetArrayFromImage(image).T.reshape(shape, order="F"),
        _FLIP @ affine,
        notes=() if known else (_unknown_orientation(),),
    )


def _text_header(path: Path, name: str) -> tuple[dict[str, str], int]:
    """The text header's fields, keys in lower case, and the byte after it.

    Raises UserError where it names pixels outside the file's own folder, or a list of files.
    """
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        while line := file.readline(2**16):
            key, _, value = line.decode("latin-1").partition("=" if name == "MetaImage" else ":")
            key = key.strip().lower()
            fields.setdefault(key, value.strip())
            if key == ("elementdatafile" if name == "MetaImage" else "") or file.tell() > 2**20:
                break
        start = file.tell()
    data = fields.get("elementdatafile") or fields.get("data file") or fields.get("datafile")
    if data and data != "LOCAL":
        if Path(data).name != data or data.startswith("LIST") or "%" in data or " " in data:
            raise error(
                "path_outside",
                f"a {name} header that points to pixels elsewhere or in many files",
                "pixels in the same file, or in one file beside it",
                "save it as .mha or .nrrd",
            )
        beside = path.with_name(data)
        if not beside.is_file() or beside.is_symlink():
            raise error(
                "image_missing",
                f"a {name} header without its file of pixels",
                "both files in one folder",
                "copy the other file too, or save as .mha or .nrrd",
            )
    return fields, start


def _check_length(path: Path, name: str, fields: dict[str, str], start: int, count: int) -> None:
    """Raises UserError where the pixels are not count bytes: ITK gives what it finds."""
    data = fields.get("elementdatafile") or fields.get("data file") or fields.get("datafile")
    if data and data != "LOCAL":
        path, start = path.with_name(data), 0
    coding = fields.get("encoding", "raw").lower()
    packed = coding in ("gzip", "gz") or fields.get("compresseddata", "").lower() == "true"
    if coding not in ("raw", "gzip", "gz"):
        raise error(
            "image_compression",
            f"{name} whose pixels are neither raw nor gzip",
            "raw or gzip",
            "save it again with another encoding",
        )
    with path.open("rb") as file:
        if not packed:
            if file.seek(0, 2) - start < count:
                raise truncated(name)
            return
        file.seek(start)
        stream, found = zlib.decompressobj(15 + 32), 0  # zlib or gzip, as the first bytes say
        try:
            while found <= count and not stream.eof:
                chunk = stream.unconsumed_tail or file.read(2**20)
                if not chunk:
                    break
                found += len(stream.decompress(chunk, 2**24))
        except zlib.error:
            found = -1
    if found != count or not stream.eof:
        raise truncated(name)
