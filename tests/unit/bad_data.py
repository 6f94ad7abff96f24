"""A catalogue of bad data: small data sets with one fault each, and the code they must give.

`make docs` writes docs/data-checks.md from it.
"""

import ast
import gzip
import json
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import nibabel as nib
import numpy as np
import pydicom
from PIL import Image
from pydicom.data import get_testdata_file

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from tumorseg.checking import all_slices, each_slice  # noqa: E402
from tumorseg.core.problems import Problem  # noqa: E402

SIDE = 96
PATIENTS = 8  # enough for five folds
GRID = np.eye(4) * [1, 1, 5, 1]
DICOM_SLICE = ("depth_mixed", "size_mixed", "spacing_mixed")  # of one DICOM slice among pictures
DICOM_SLICES = (*DICOM_SLICE, "patient_large")  # of several


class Fault(NamedTuple):
    """A data set and the problem it must give; code is empty where there must be none."""

    data: str  # what the data set is, in words
    make: Callable[["Data"], None]
    code: str
    severity: str
    also: tuple[str, ...] = ()  # codes of further problems


CATALOGUE: list[Fault] = []


def bad(data: str, code: str, severity: str = "error", *, also: tuple[str, ...] = ()) -> Callable:
    """Adds a function that makes bad data to the catalogue."""

    def add(make: Callable[["Data"], None]) -> Callable:
        CATALOGUE.append(Fault(data, make, code, severity, also))
        return make

    return add


def good(data: str) -> Callable:
    """Adds unusual but valid data, which must give no problem."""
    return bad(data, "", "")


def head(number: int, side: int = SIDE) -> np.ndarray:
    """A picture of a head: noise for air, a bright scalp, a dark skull, random structures."""
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    radius = np.hypot(rows * rng.uniform(0.95, 1.1), columns * rng.uniform(1.05, 1.25))
    texture = cv2.GaussianBlur(rng.normal(size=(side, side)).astype(np.float32), (0, 0), side / 24)
    image = rng.integers(0, 9, (side, side)).astype(float)
    image[radius < 0.42] = 220
    image[radius < 0.39] = 30
    brain = radius < 0.36
    image[brain] = np.clip(110 + 40 * texture / texture.std(), 30, 200)[brain]
    return image.round().astype(np.uint8)


def tumour(number: int, side: int = SIDE) -> np.ndarray:
    """A disc inside the head of the same number."""
    rng = np.random.default_rng(1000 + number)
    row, column = (0.5 + rng.uniform(-0.12, 0.12, 2)) * side
    rows, columns = np.mgrid[:side, :side]
    return (np.hypot(rows - row, columns - column) < 0.08 * side).astype(np.uint8)


def square(low: float, high: float) -> list[list[float]]:
    """The corners of a square."""
    return [[low, low], [high, low], [high, high], [low, high]]


class Data:
    """A data folder of the source `table`, valid until a function of the catalogue damages it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = {"kind": "table", "form": "auto"}
        self.method = "head"  # of skull stripping
        self.rows = []
        self.text: bytes | None = None  # the table's content, where it is not made from the rows
        for number in range(1, PATIENTS + 1):
            name = f"a{number:02d}.png"
            self.image(number, head(number))
            self.mask(number, tumour(number) * 255)
            row = {"case": name[:3], "image": f"images/{name}", "annotation": f"masks/{name}"}
            row |= {"patient": f"anon-{number}", "plane": "axial", "spacing_mm": "0.5"}
            self.rows.append(row)

    def path(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def image(self, number: int, pixels: np.ndarray) -> Path:
        path = self.path(f"images/a{number:02d}.png")
        cv2.imwrite(str(path), pixels)
        return path

    def mask(self, number: int, pixels: np.ndarray) -> Path:
        path = self.path(f"masks/a{number:02d}.png")
        cv2.imwrite(str(path), pixels)
        return path

    def set(self, number: int, **cells: str) -> None:
        self.rows[number - 1] |= cells

    def annotate(self, number: int, content: object, name: str = "") -> None:
        """Gives a case another annotation: bytes as they are, anything else as JSON."""
        name = name or f"drawn/a{number:02d}.json"
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        self.path(name).write_bytes(content)
        self.set(number, annotation=name)

    def labelme(self, number: int, *rings: list, **other: object) -> None:
        shapes = [{"label": "tumour", "points": r, "shape_type": "polygon"} for r in rings]
        self.annotate(number, {"shapes": shapes, "imageHeight": SIDE, "imageWidth": SIDE} | other)

    def volume(
        self, number: int, values: np.ndarray | None = None, affine: np.ndarray | None = GRID
    ) -> Path:
        """Turns a case into a NIfTI volume of three slices with a label volume."""
        pixels = np.stack([head(50 + number + 10 * k) for k in range(3)], -1).astype(np.int16)
        labels = np.zeros(pixels.shape, np.uint8)
        labels[..., 1] = tumour(number)
        path = self.path(f"images/v{number}.nii")
        nib.save(nib.Nifti1Image(pixels if values is None else values, affine), path)
        nib.save(nib.Nifti1Image(labels, GRID), self.path(f"masks/v{number}.nii"))
        self.set(number, image=f"images/v{number}.nii", annotation=f"masks/v{number}.nii")
        self.set(number, plane="", spacing_mm="")
        return path

    def dicom(self, number: int, *slices: dict[str, object]) -> None:
        """Turns a case into one real DICOM slice (of pydicom) or a series, declared negative.

        slices: the changes of each slice: `at`, its position along the axis in mm, or DICOM
        elements.
        """
        for position, changes in enumerate(slices or [{}]):
            image = pydicom.dcmread(get_testdata_file("CT_small.dcm", download=False))
            image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = (
                f"1.2.{position + 1}"
            )
            image.InstanceNumber = position + 1
            image.ImagePositionPatient = [0, 0, changes.get("at", 5 * position)]
            image.PixelData = np.roll(image.pixel_array, 9 * position, 0).tobytes()
            for name, value in changes.items():
                if name != "at":
                    setattr(image, name, value)
            image.save_as(self.path(f"images/s{number}/{position}.dcm"))
        name = f"images/s{number}" + ("" if len(slices) > 1 else "/0.dcm")
        self.set(number, image=name, annotation="negative", plane="", spacing_mm="")
        self.source["slices"] = "all"

    def as_folder(self) -> None:
        """Changes to the source `folder`, which has no table."""
        pattern = {"patient_pattern": "(.*)\\.", "plane": "axial"}
        self.source = {"kind": "folder"} | pattern

    def table(self, delimiter: str = "\t") -> str:
        names = list(self.rows[0])
        lines = [names, *([row[name] for name in names] for row in self.rows)]
        return "".join(delimiter.join(line) + "\n" for line in lines)

    def finish(self) -> None:
        text = self.text if self.text is not None else self.table().encode()
        if not (self.folder / "cases.tsv").exists():
            self.path("cases.tsv").write_bytes(text)


def problems_of(make: Callable[[Data], None], folder: Path) -> list[Problem]:
    """The problems that the data check reports for a data set."""
    data = Data(folder)
    make(data)
    data.finish()
    reading = {"seed": 1, "fold_count": 5, "method": data.method}
    checked = each_slice.read_all(data.source, str(folder), **reading)
    across = all_slices.problems(checked.slices, checked.fingerprints, 5, data.method)
    return [*checked.problems, *across]


# --- images ---


@bad("PNG cut off in the middle", "image_truncated")
def _(data: Data) -> None:
    path = data.image(3, head(3))
    path.write_bytes(path.read_bytes()[:2000])


@bad("JPEG cut off in the middle", "image_truncated")
def _(data: Data) -> None:
    Image.fromarray(head(3)).save(data.path("images/a03.jpg"))
    path = data.path("images/a03.jpg")
    path.write_bytes(path.read_bytes()[:1500])
    data.set(3, image="images/a03.jpg")


@bad("TIFF cut off in the middle", "image_unreadable")
def _(data: Data) -> None:
    Image.fromarray(head(3)).save(data.path("images/a03.tif"), compression="tiff_lzw")
    path = data.path("images/a03.tif")
    path.write_bytes(path.read_bytes()[:3000])
    data.set(3, image="images/a03.tif")


@bad("image file of no bytes", "image_empty")
def _(data: Data) -> None:
    data.image(3, head(3)).write_bytes(b"")


@bad("JPEG named .png", "image_type", "warning")
def _(data: Data) -> None:
    Image.fromarray(head(3)).save(data.path("images/a03.png"), "JPEG", quality=95)


@bad("text named .png", "image_type")
def _(data: Data) -> None:
    data.image(3, head(3)).write_text("this is no picture")


@bad("PNG of 60,000 x 60,000 pixels in 200 bytes (decompression bomb)", "image_too_large")
def _(data: Data) -> None:
    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + checksum

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    pixels = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    data.image(3, head(3)).write_bytes(b"\x89PNG\r\n\x1a\n" + pixels + chunk(b"IEND", b""))


@bad("colour picture with an outline drawn into it", "image_colour")
def _(data: Data) -> None:
    pixels = cv2.cvtColor(head(3), cv2.COLOR_GRAY2BGR)
    data.image(3, cv2.circle(pixels, (50, 50), 12, (0, 255, 0)))


@bad("partly transparent picture", "image_transparent")
def _(data: Data) -> None:
    pixels = cv2.cvtColor(head(3), cv2.COLOR_GRAY2BGRA)
    pixels[:30, :, 3] = 0
    data.image(3, pixels)


@bad("TIFF of two pages of different sizes", "image_pages")
def _(data: Data) -> None:
    pages = [Image.fromarray(head(number)[:number]) for number in (96, 48)]
    pages[0].save(data.path("images/a03.tif"), save_all=True, append_images=pages[1:])
    data.set(3, image="images/a03.tif")


@bad("TIFF stack that does not say what its pages are", "pages_assumed", "warning")
def _(data: Data) -> None:
    heads = [Image.fromarray(head(number)) for number in (3, 33)]
    masks = [Image.fromarray(tumour(3) * factor) for factor in (255, 0)]
    for name, (first, second) in (("images", heads), ("masks", masks)):
        first.save(data.path(f"{name}/a03.tif"), save_all=True, append_images=[second])
    data.set(3, image="images/a03.tif", annotation="masks/a03.tif")


def stack(path: Path, pages: list[np.ndarray], text: str) -> None:
    """Writes a TIFF of several pages with a description, as ImageJ does."""
    first, *others = map(Image.fromarray, pages)
    first.save(path, save_all=True, append_images=others, description=f"ImageJ=1.53t\n{text}")


@good("TIFF stack of ImageJ with a stack of masks")
def _(data: Data) -> None:
    text = "images=3\nslices=3\n"
    stack(data.path("images/a03.tif"), [head(number) for number in (3, 33, 34)], text)
    stack(data.path("masks/a03.tif"), [tumour(3) * factor for factor in (255, 0, 0)], text)
    data.set(3, image="images/a03.tif", annotation="masks/a03.tif")


@bad("TIFF stack of ImageJ with two channels", "image_pages")
def _(data: Data) -> None:
    text = "images=2\nchannels=2\n"
    stack(data.path("images/a03.tif"), [head(number) for number in (3, 33)], text)
    data.set(3, image="images/a03.tif")


@good("grey picture saved as RGB")
def _(data: Data) -> None:
    data.image(3, cv2.cvtColor(head(3), cv2.COLOR_GRAY2BGR))


@bad("one 16-bit picture among 8-bit pictures", "depth_mixed", "warning")
def _(data: Data) -> None:
    data.image(3, head(3).astype(np.uint16) * 100)


@bad("16-bit picture with a dead corner", "values_apart", "warning", also=("depth_mixed",))
def _(data: Data) -> None:
    pixels = head(3).astype(np.uint16) * 20
    pixels[-6:, -6:] = 65535
    data.image(3, pixels)


@bad("DICOM file cut off in its pixels", "image_truncated")
def _(data: Data) -> None:
    data.dicom(3)
    path = data.path("images/s3/0.dcm")
    path.write_bytes(path.read_bytes()[:-9000])


@bad("DICOM file of a report, without pixels", "image_type")
def _(data: Data) -> None:
    content = Path(get_testdata_file("reportsi.dcm", download=False)).read_bytes()
    data.path("images/a03.dcm").write_bytes(content)
    data.set(3, image="images/a03.dcm")


@bad(
    "DICOM slice marked as having text in its pixels", "burned_in_text", "warning", also=DICOM_SLICE
)
def _(data: Data) -> None:
    data.dicom(3, {"BurnedInAnnotation": "YES"})


@bad("picture with a name written into its corner", "burned_in_text", "warning")
def _(data: Data) -> None:
    pixels = head(3)
    cv2.putText(pixels, "A. NN", (1, 9), cv2.FONT_HERSHEY_SIMPLEX, 0.3, 255)
    data.image(3, pixels)


@bad("DICOM folder of two series", "series_several")
def _(data: Data) -> None:
    data.dicom(3, {}, {}, {"SeriesInstanceUID": "1.2.99"})


@bad(
    "DICOM series with a slice missing in the middle", "slice_missing", "warning", also=DICOM_SLICES
)
def _(data: Data) -> None:
    data.dicom(3, *({"at": at} for at in (0, 5, 10, 20, 25)))


@bad("DICOM series with two slices at the same position", "slice_repeated")
def _(data: Data) -> None:
    data.dicom(3, *({"at": at} for at in (0, 5, 5, 10)))


@bad("DICOM series in a folder with other files", "series_other_files", "warning", also=DICOM_SLICE)
def _(data: Data) -> None:
    data.dicom(3, {}, {}, {})
    data.path("images/s3/readme.txt").write_text("exported on a Monday")


@bad("sagittal slices requested of a single axial slice", "plane_absent")
def _(data: Data) -> None:
    data.dicom(3)
    data.set(3, plane="sagittal")


@good("NIfTI volumes with their label volumes")
def _(data: Data) -> None:
    for number in range(1, PATIENTS + 1):
        data.volume(number)


@bad("volume with NaN and infinite values", "volume_not_finite")
def _(data: Data) -> None:
    values = np.random.default_rng(1).normal(size=(SIDE, SIDE, 3)).astype(np.float32)
    values[3, 4, 1], values[5, 6, 2] = np.nan, np.inf
    data.volume(3, values)


@bad("volume whose voxels have no size (affine of zeros)", "affine_wrong")
def _(data: Data) -> None:
    path = data.volume(3)
    content = bytearray(path.read_bytes())
    content[280:328] = bytes(48)  # the rows of the sform
    path.write_bytes(content)


@bad("volume without orientation in its header", "affine_missing", "warning", also=("depth_mixed",))
def _(data: Data) -> None:
    for row in data.rows:
        row["spacing_mm"] = "1"
    path = data.volume(3)
    data.set(3, spacing_mm="1", plane="axial")
    for name in (path, data.path("masks/v3.nii")):
        content = bytearray(name.read_bytes())
        content[252:256] = bytes(4)  # qform and sform code
        content[76:80] = struct.pack("<f", 1)
        name.write_bytes(content)


@bad("compressed volume cut off in the middle", "image_truncated")
def _(data: Data) -> None:
    content = gzip.compress(data.volume(3).read_bytes())
    data.path("images/v3.nii.gz").write_bytes(content[: len(content) // 2])
    data.set(3, image="images/v3.nii.gz")


@bad("volume header that claims 30,000 x 30,000 x 30,000 voxels", "image_too_large")
def _(data: Data) -> None:
    path = data.volume(3)
    content = bytearray(path.read_bytes())
    content[42:48] = struct.pack("<3h", 30000, 30000, 30000)
    path.write_bytes(content)


@bad("volume of several time points", "volume_many")
def _(data: Data) -> None:
    data.volume(3, np.zeros((SIDE, SIDE, 3, 4), np.int16))


@bad("label volume shifted by 20 mm against its image", "grid_mismatch")
def _(data: Data) -> None:
    data.volume(3)
    path = data.path("masks/v3.nii")
    shifted = GRID + np.array([[0, 0, 0, 20]] + [[0] * 4] * 3)
    labels = np.asarray(nib.load(path, mmap=False).dataobj)
    nib.save(nib.Nifti1Image(labels, shifted), path)


@bad(
    "volume tilted by 30 degrees", "plane_oblique", "warning", also=("depth_mixed", "spacing_mixed")
)
def _(data: Data) -> None:
    turn = np.radians(30)
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    data.volume(3)
    for name in ("images/v3.nii", "masks/v3.nii"):
        values = np.asarray(nib.load(data.path(name), mmap=False).dataobj)
        nib.save(nib.Nifti1Image(values, affine @ GRID), data.path(name))


@bad("label volume of fractions", "label_fraction")
def _(data: Data) -> None:
    data.volume(3)
    labels = np.full((SIDE, SIDE, 3), 0.3, np.float32)
    nib.save(nib.Nifti1Image(labels, GRID), data.path("masks/v3.nii"))


@bad(
    "volume without tumour, where slices with tumour are requested",
    "volume_without_tumour",
    "warning",
)
def _(data: Data) -> None:
    data.volume(3)
    data.set(3, annotation="negative")


@bad(
    "volume whose sform and qform disagree by 20 mm",
    "affine_differs",
    "warning",
    also=("depth_mixed", "spacing_mixed"),
)
def _(data: Data) -> None:
    other = GRID + np.array([[0, 0, 0, 20]] + [[0] * 4] * 3)
    _two_orientations(data.volume(3), GRID, other)


@bad("labels that fit their image by the sform and, mirrored, by the qform", "affine_ambiguous")
def _(data: Data) -> None:
    for number in range(1, PATIENTS + 1):
        data.volume(number)
    mirrored = GRID @ np.diag([-1, 1, 1, 1])
    mirrored[0, 3] = SIDE - 1
    _two_orientations(data.path("images/v3.nii"), GRID, GRID)
    _two_orientations(data.path("masks/v3.nii"), GRID, mirrored)


def _two_orientations(path: Path, sform: np.ndarray, qform: np.ndarray) -> None:
    image = nib.load(path, mmap=False)
    header = image.header.copy()
    header.set_sform(sform, 1)
    header.set_qform(qform, 1)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), None, header), path)


@bad(
    "volume with vox_offset 0 in its header",
    "header_repaired",
    "warning",
    also=("depth_mixed", "spacing_mixed"),
)
def _(data: Data) -> None:
    path = data.volume(3)
    content = bytearray(path.read_bytes())
    content[108:112] = bytes(4)
    path.write_bytes(content)


@bad(
    "volume with pixdim[0] 0 beside a qform",
    "header_repaired",
    "warning",
    also=("depth_mixed", "spacing_mixed"),
)
def _(data: Data) -> None:
    path = data.volume(3)
    _two_orientations(path, GRID, GRID)
    content = bytearray(path.read_bytes())
    content[76:80] = bytes(4)
    path.write_bytes(content)


@bad("DICOM series with a rescale slope of 0", "header_repaired", "warning", also=DICOM_SLICE)
def _(data: Data) -> None:
    data.dicom(3, *({"RescaleSlope": 0} for _ in range(3)))


@bad(
    "DICOM series that states another distance of slices than its positions",
    "spacing_differs",
    "warning",
    also=DICOM_SLICE,
)
def _(data: Data) -> None:
    data.dicom(3, *({"SpacingBetweenSlices": 2.5} for _ in range(3)))


@good("CT volume with -1024, which is air, outside its circle")
def _(data: Data) -> None:
    _ct(data, -1024)


@bad(
    "CT volume with -3024, which measures nothing, outside its circle",
    "padding_replaced",
    "warning",
)
def _(data: Data) -> None:
    _ct(data, -3024)


@bad("CT volume with 32767 outside its circle", "padding_replaced", "warning")
def _(data: Data) -> None:
    _ct(data, 32767)


def _ct(data: Data, outside: int) -> None:
    """Turns all cases into CT volumes with a constant outside the scanner's circle."""
    for number in range(1, PATIENTS + 1):
        path = data.volume(number)
        units = np.asarray(nib.load(path, mmap=False).dataobj).astype(np.int16) * 8 - 1024
        rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
        units[np.hypot(rows, columns) > 0.49] = outside if number == 3 else -1024
        nib.save(nib.Nifti1Image(units, GRID), path)


@bad(
    "DICOM slice that declares a padding value amid its measured ones",
    "padding_inside",
    "warning",
    also=DICOM_SLICE,
)
def _(data: Data) -> None:
    image = pydicom.dcmread(get_testdata_file("CT_small.dcm", download=False))
    data.dicom(3, {"PixelPaddingValue": int(np.median(image.pixel_array))})


@bad("label volume cropped to its tumour (3D Slicer)", "labels_cropped", "warning")
def _(data: Data) -> None:
    for number in range(1, PATIENTS + 1):
        data.volume(number)
    path = data.path("masks/v3.nii")
    labels = np.asarray(nib.load(path, mmap=False).dataobj)
    cropped = GRID + np.array([[0, 0, 0, 10], [0, 0, 0, 8], [0] * 4, [0] * 4])
    nib.save(nib.Nifti1Image(labels[10:90, 8:90], cropped), path)


@bad("label volume of an image that was cropped afterwards", "labels_larger", "warning")
def _(data: Data) -> None:
    for number in range(1, PATIENTS + 1):
        data.volume(number)
    path = data.path("masks/v3.nii")
    labels = np.pad(np.asarray(nib.load(path, mmap=False).dataobj), ((10, 10), (8, 8), (1, 0)))
    larger = GRID + np.array([[0, 0, 0, -10], [0, 0, 0, -8], [0, 0, 0, -5], [0] * 4])
    nib.save(nib.Nifti1Image(labels, larger), path)


@good("segmentation of two layers (3D Slicer), the second one empty")
def _(data: Data) -> None:
    for number in range(1, PATIENTS + 1):
        data.volume(number)
    labels = np.asarray(nib.load(data.path("masks/v3.nii"), mmap=False).dataobj)
    lines = ["NRRD0004", "type: uchar", "dimension: 4", f"sizes: 2 {SIDE} {SIDE} 3"]
    lines += ["space: right-anterior-superior", "kinds: list domain domain domain"]
    lines += ["space directions: none (1,0,0) (0,1,0) (0,0,5)", "encoding: raw"]
    lines += ["Segment0_Name:=tumour", "Segment0_LabelValue:=1", "Segment0_Layer:=0", "", ""]
    pixels = np.stack([labels, 0 * labels]).astype(np.uint8).tobytes(order="F")
    data.annotate(3, "\n".join(lines).encode() + pixels, "masks/v3.seg.nrrd")


@bad("label volume of .9999 instead of 1", "label_rounded", "warning")
def _(data: Data) -> None:
    for number in range(1, PATIENTS + 1):
        data.volume(number)
    path = data.path("masks/v3.nii")
    labels = np.asarray(nib.load(path, mmap=False).dataobj)
    nib.save(nib.Nifti1Image(labels * np.float32(0.9999), GRID), path)


@bad("label volume that lost its header (identity affine)", "grid_mismatch")
def _(data: Data) -> None:
    data.volume(3)
    path = data.path("masks/v3.nii")
    labels = np.asarray(nib.load(path, mmap=False).dataobj)
    nib.save(nib.Nifti1Image(labels, np.eye(4)), path)


@bad("header of a NIfTI pair without its pixels", "image_missing")
def _(data: Data) -> None:
    pair = nib.Nifti1Pair(np.zeros((4, 5, 6), np.int16), GRID)
    nib.save(pair, data.path("images/a03.img"))
    data.path("images/a03.img").unlink()
    data.set(3, image="images/a03.hdr")


@bad("pixels of a NIfTI pair without their header", "image_type")
def _(data: Data) -> None:
    data.path("images/a03.img").write_bytes(bytes(9999))
    data.set(3, image="images/a03.img")


@bad("picture turned by EXIF, with a mask that is not", "exif_turned", "warning")
def _(data: Data) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(head(3)[::-1, ::-1]).save(data.path("images/a03.png"), exif=exif)


@bad("MATLAB file of an old version", "mat_version")
def _(data: Data) -> None:
    data.path("images/a03.mat").write_bytes(b"MATLAB 5.0 MAT-file".ljust(128) + bytes(400))
    data.set(3, image="images/a03.mat")


# --- several channels ---


def two_channels(data: Data) -> None:
    """Gives every case a second picture, in the column flair."""
    data.source["channels"] = ["image", "flair"]
    for number in range(1, PATIENTS + 1):
        cv2.imwrite(str(data.path(f"images/f{number:02d}.png")), 255 - head(number))
        data.set(number, flair=f"images/f{number:02d}.png")


@good("two channels of every case")
def _(data: Data) -> None:
    two_channels(data)


@bad("channel of another size than the first", "channel_size")
def _(data: Data) -> None:
    two_channels(data)
    cv2.imwrite(str(data.path("images/f03.png")), head(3)[:-4])


@bad(
    "channel of a volume on another grid",
    "channel_resampled",
    "warning",
    also=("depth_mixed", "spacing_mixed"),
)
def _(data: Data) -> None:
    two_channels(data)
    data.volume(3)
    pixels = np.stack([head(60 + k) for k in range(5)], -1).astype(np.int16)
    nib.save(nib.Nifti1Image(pixels, np.diag([1, 1, 2.5, 1])), data.path("images/w3.nii"))
    data.set(3, flair="images/w3.nii")


@bad("channel of a volume that shows another place", "channel_apart")
def _(data: Data) -> None:
    two_channels(data)
    path = data.volume(3)
    far = GRID + np.array([[0, 0, 0, 400]] + 3 * [[0, 0, 0, 0]])
    nib.save(nib.Nifti1Image(np.asarray(nib.load(path).dataobj), far), data.path("images/w3.nii"))
    data.set(3, flair="images/w3.nii")


@bad("table that lacks the column of a channel", "table_columns")
def _(data: Data) -> None:
    data.source["channels"] = ["image", "flair"]


@bad("folder with images that are no channel", "channel_unknown", "warning")
def _(data: Data) -> None:
    two_channels(data)
    data.as_folder()
    data.source["channels"] = ["t1", "flair"]
    for number in range(1, PATIENTS + 1):
        path = data.path(f"images/a{number:02d}.png")
        path.rename(path.with_name(f"a{number:02d}_t1.png"))
        other = data.path(f"images/f{number:02d}.png")
        other.rename(other.with_name(f"a{number:02d}_flair.png"))
    cv2.imwrite(str(data.path("images/a01_dwi.png")), head(77))


# --- annotations ---


@good("mask of 0 and 1 instead of 0 and 255")
def _(data: Data) -> None:
    data.mask(3, tumour(3))


@good("16-bit mask")
def _(data: Data) -> None:
    data.mask(3, tumour(3).astype(np.uint16) * 65535)


@bad("mask of another size than its image", "annotation_size")
def _(data: Data) -> None:
    data.mask(3, tumour(3, SIDE + 1) * 255)


@bad("mask with grey edges (saved as JPEG or resized)", "mask_grey_edges", "warning")
def _(data: Data) -> None:
    data.mask(3, cv2.GaussianBlur(tumour(3) * 255, (0, 0), 0.8))


@bad("mask of several labels without `labels` in the config", "label_unknown")
def _(data: Data) -> None:
    pixels = tumour(3) * 2
    pixels[pixels.shape[0] // 2 :] *= 2
    pixels[0, 0] = 1
    data.mask(3, pixels)


@bad("mask of 0, 50 and 255 without `labels` in the config", "label_unknown")
def _(data: Data) -> None:
    pixels = tumour(3) * 255
    pixels[pixels.shape[0] // 2 :] //= 5
    data.mask(3, pixels)


@bad("probabilities saved as a mask", "label_unknown")
def _(data: Data) -> None:
    data.mask(3, cv2.GaussianBlur(tumour(3) * 255, (0, 0), 4))


@bad("mask painted in red on black", "mask_colour", "warning")
def _(data: Data) -> None:
    data.mask(3, tumour(3)[..., None] * np.array([0, 0, 255], np.uint8))


@bad("mask painted in half-transparent red on nothing", "mask_colour", "warning")
def _(data: Data) -> None:
    data.mask(3, tumour(3)[..., None] * np.array([0, 0, 255, 128], np.uint8))


@bad("mask painted in red on black, saved as JPEG", "mask_colour", "warning")
def _(data: Data) -> None:
    pixels = Image.fromarray(tumour(3)[..., None] * np.array([255, 0, 0], np.uint8))
    pixels.save(data.path("masks/a03.jpg"), quality=90)
    data.set(3, annotation="masks/a03.jpg")


@bad("mask painted in red and blue, saved as JPEG", "image_colour")
def _(data: Data) -> None:
    pixels = tumour(3)[..., None] * np.array([255, 0, 0], np.uint8)
    pixels[20:30, 40:50] = (0, 0, 255)
    Image.fromarray(pixels).save(data.path("masks/a03.jpg"), quality=90)
    data.set(3, annotation="masks/a03.jpg")


@bad("mask with a channel for each of four classes", "mask_channels")
def _(data: Data) -> None:
    classes = tumour(3)
    classes[:30, 40:50], classes[20:30, 40:50] = 3, 2
    data.mask(3, (np.arange(4) == classes[..., None]) * np.uint8(255))


@bad("mask of two colours without `labels` in the config", "label_unknown")
def _(data: Data) -> None:
    pixels = tumour(3)[..., None] * np.array([0, 0, 255], np.uint8)
    pixels[20:26, 40:46] = (0, 255, 0)
    data.mask(3, pixels)


@bad("colour photograph in place of a mask", "image_colour")
def _(data: Data) -> None:
    data.mask(3, np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3)))


@bad("mask with a label that is not in `labels`", "label_unknown")
def _(data: Data) -> None:
    data.source["labels"] = {"0": "background", "255": "tumour"}
    data.mask(3, tumour(3) * 7)


@bad("empty mask of a case that is not declared negative", "annotation_empty")
def _(data: Data) -> None:
    data.mask(3, tumour(3) * 0)


@good("case declared negative")
def _(data: Data) -> None:
    data.set(3, annotation="negative")


@bad("mask that covers the whole image", "annotation_all")
def _(data: Data) -> None:
    data.mask(3, np.full((SIDE, SIDE), 255, np.uint8))


@bad(
    "mask with tumour and background swapped", "mask_inverted", "warning", also=("tumour_stripped",)
)
def _(data: Data) -> None:
    data.mask(3, (1 - tumour(3)) * 255)


@bad("annotation file of no bytes", "image_empty")
def _(data: Data) -> None:
    data.mask(3, tumour(3)).write_bytes(b"")


@bad("JSON cut off in the middle", "annotation_not_json")
def _(data: Data) -> None:
    data.annotate(3, b'{"shapes": [{"label": "tumour", "points": [[1, 2')


@bad("JSON that has a key twice", "key_repeated")
def _(data: Data) -> None:
    data.annotate(3, b'{"shapes": [{"label": "tumour", "points": []}], "shapes": []}')


@bad("JSON of no annotation tool", "annotation_form")
def _(data: Data) -> None:
    data.annotate(3, {"version": 3, "content": "none"})


@bad("LabelMe file for an image of another size", "annotation_size")
def _(data: Data) -> None:
    data.labelme(3, square(30, 50), imageHeight=512, imageWidth=512)


@good("polygon whose end point repeats the first")
def _(data: Data) -> None:
    data.labelme(3, [*square(40, 50), [40, 40]])


@good("tumour of two polygons")
def _(data: Data) -> None:
    data.labelme(3, square(35, 42), square(50, 58))


@bad("polygon that crosses itself", "polygon_self_crossing", "warning")
def _(data: Data) -> None:
    data.labelme(3, [[40, 40], [55, 55], [55, 40], [40, 52]])


@bad(
    "polygon that leaves the image",
    "polygon_clipped",
    "warning",
    also=("tumour_at_border", "tumour_stripped"),
)
def _(data: Data) -> None:
    data.labelme(3, [[40, 40], [55, 40], [55, 130], [40, 130]])


@bad("polygon completely outside the image", "polygon_outside")
def _(data: Data) -> None:
    data.labelme(3, square(200, 220))


@bad("polygon of two points", "polygon_few_points")
def _(data: Data) -> None:
    data.labelme(3, [[40, 40], [50, 50]])


@bad("polygon with a coordinate that is not a number", "polygon_not_finite")
def _(data: Data) -> None:
    data.labelme(3, [[40, 40], [50, float("nan")], [50, 50]])


@bad("polygon whose points lie on one line", "polygon_no_area")
def _(data: Data) -> None:
    data.labelme(3, [[40, 40], [45, 45], [50, 50]])


@bad("LabelMe file with a line instead of a polygon", "shape_type")
def _(data: Data) -> None:
    shape = {"label": "tumour", "points": [[40, 40], [50, 50]], "shape_type": "line"}
    data.annotate(3, {"shapes": [shape], "imageHeight": SIDE, "imageWidth": SIDE})


@bad("LabelMe file with a point and a line beside the polygon", "polygon_stray", "warning")
def _(data: Data) -> None:
    strays = {"point": [[10, 10]], "linestrip": [[10, 10], [20, 20], [30, 10]]}
    shapes = [{"label": "t", "points": p, "shape_type": kind} for kind, p in strays.items()]
    data.annotate(3, {"shapes": [{"label": "t", "points": square(40, 50)}, *shapes]})


@bad("LabelMe file that names another image", "annotation_other_image", "warning")
def _(data: Data) -> None:
    data.labelme(3, square(40, 50), imagePath="..\\images\\a04.png")


@good("LabelMe file that names its image with a Windows path and another ending")
def _(data: Data) -> None:
    data.labelme(3, square(40, 50), imagePath="..\\images\\A03.jpg")


@good("rectangle of four corners, as X-AnyLabeling writes it")
def _(data: Data) -> None:
    shape = {"label": "tumour", "points": square(40, 50), "shape_type": "rectangle"}
    data.annotate(3, {"shapes": [shape]})


@bad("LabelMe file without a shape", "annotation_empty")
def _(data: Data) -> None:
    data.labelme(3)


@bad("LabelMe file with a label that is not in `labels`", "label_unknown")
def _(data: Data) -> None:
    data.source["labels"] = {"255": "tumour", "0": "background", "glioma": "tumour"}
    data.labelme(3, square(40, 50))


@bad("COCO file without the image", "key_missing")
def _(data: Data) -> None:
    image = {"id": 1, "file_name": "other.png", "height": SIDE, "width": SIDE}
    coco = {"images": [image], "categories": [{"id": 1, "name": "tumour"}], "annotations": []}
    data.annotate(3, coco)


@bad("COCO run lengths of another size than the image", "annotation_size")
def _(data: Data) -> None:
    image = {"id": 1, "file_name": "a03.png", "height": SIDE, "width": SIDE}
    lengths = {"counts": [100, 20, 3976], "size": [64, 64]}
    one = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 1, "segmentation": lengths}
    coco = {"images": [image], "categories": [{"id": 1, "name": "tumour"}], "annotations": [one]}
    data.annotate(3, coco)


@bad("COCO file with the image's name in two folders", "key_ambiguous")
def _(data: Data) -> None:
    images = [
        {"id": number, "file_name": f"{folder}/a03.png", "height": SIDE, "width": SIDE}
        for number, folder in enumerate("xy")
    ]
    data.annotate(3, {"images": images, "categories": [], "annotations": []})


@bad("VIA file without the image", "key_missing")
def _(data: Data) -> None:
    region = {"shape_attributes": {"name": "polygon", "all_points_x": [1], "all_points_y": [1]}}
    data.annotate(3, {"b.png12": {"filename": "b.png", "regions": [region]}})


def coco_of(data: Data, *names: str) -> dict:
    """A COCO file for all cases that lists these images, each with its square."""
    data.source["annotation_file"] = "drawn/all.json"

    def drawn(number: int) -> dict:
        outline = np.ravel(square(40, 50 + number)).tolist()
        return {"id": number, "image_id": number, "category_id": 1, "segmentation": [outline]}

    return {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(names, 1)],
        "categories": [{"id": 1, "name": "tumour"}],
        "annotations": [drawn(number) for number in range(1, len(names) + 1)],
    }


NAMES = [f"a{number:02d}.png" for number in range(1, PATIENTS + 1)]


def in_folders(data: Data) -> list[str]:
    """Gives all images the same file name, each in its patient's folder."""
    names = [f"p{number}/slice.png" for number in range(1, PATIENTS + 1)]
    for number, name in enumerate(names, 1):
        data.image(number, head(number)).rename(data.path(f"images/{name}"))
        data.set(number, image=f"images/{name}")
    return names


@bad("COCO file without one patient's image, which is called like all others", "key_missing")
def _(data: Data) -> None:
    names = in_folders(data)
    data.annotate(1, coco_of(data, *names[:2], *names[3:]), "drawn/all.json")


@bad("COCO file without folders, where all images have the same name", "key_ambiguous")
def _(data: Data) -> None:
    in_folders(data)
    data.annotate(1, coco_of(data, "slice.png"), "drawn/all.json")


@good("COCO file whose images have the same name in different folders")
def _(data: Data) -> None:
    data.annotate(1, coco_of(data, *in_folders(data)), "drawn/all.json")


@good("COCO file with image ids as text in its annotations only")
def _(data: Data) -> None:
    coco = coco_of(data, *NAMES)
    for annotation in coco["annotations"]:
        annotation["image_id"] = f"{annotation['image_id']}"
    data.annotate(1, coco, "drawn/all.json")


@bad(
    "COCO file with annotations of an image that it does not list",
    "annotations_unlisted",
    "warning",
)
def _(data: Data) -> None:
    coco = coco_of(data, *NAMES)
    coco["annotations"].append(coco["annotations"][0] | {"id": 99, "image_id": 99})
    data.annotate(1, coco, "drawn/all.json")


@bad("COCO file whose annotations mostly belong to no image of it", "annotations_unlisted_most")
def _(data: Data) -> None:
    coco = coco_of(data, *NAMES)
    for annotation in coco["annotations"][3:]:
        annotation["image_id"] += 100
    data.annotate(1, coco, "drawn/all.json")


@bad("COCO file with two images of one id", "id_repeated")
def _(data: Data) -> None:
    coco = coco_of(data, *NAMES)
    coco["images"][1]["id"] = 1
    data.annotate(1, coco, "drawn/all.json")


@bad("COCO file with two annotations of one id", "annotation_id_repeated", "warning")
def _(data: Data) -> None:
    coco = coco_of(data, *NAMES)
    coco["annotations"][1]["id"] = 1
    data.annotate(1, coco, "drawn/all.json")


@bad("COCO file with annotations of an image that is no case", "annotated_image_unused", "warning")
def _(data: Data) -> None:
    data.annotate(1, coco_of(data, *NAMES, "a09.png"), "drawn/all.json")


@bad("COCO polygon with a stray one of two points beside it", "polygon_stray", "warning")
def _(data: Data) -> None:
    coco = coco_of(data, *NAMES)
    coco["annotations"][2]["segmentation"].append([40, 40, 50, 50])
    data.annotate(1, coco, "drawn/all.json")


@good("COCO polygon as one flat list of numbers")
def _(data: Data) -> None:
    coco = coco_of(data, *NAMES)
    coco["annotations"][2]["segmentation"] = np.ravel(square(40, 53)).tolist()
    data.annotate(1, coco, "drawn/all.json")


@bad("COCO polygon as lists of points", "annotation_form")
def _(data: Data) -> None:
    coco = coco_of(data, *NAMES)
    coco["annotations"][2]["segmentation"] = [square(40, 55)]
    data.annotate(1, coco, "drawn/all.json")


@bad("COCO polygon of an odd count of numbers", "border_odd")
def _(data: Data) -> None:
    coco = coco_of(data, *NAMES)
    coco["annotations"][2]["segmentation"][0].pop()
    data.annotate(1, coco, "drawn/all.json")


@good("VIA project of version 3")
def _(data: Data) -> None:
    shape = [7, *np.ravel(square(40, 55)).tolist()]
    project = {"project": {}, "attribute": {}, "file": {"1": {"fname": "a03.png"}}}
    drawn = {"metadata": {"1_a": {"vid": "1", "xy": shape, "av": {}}}}
    data.annotate(3, project | {"view": {"1": {"fid_list": ["1"]}}} | drawn)


def label_studio(*annotators: list, **other: object) -> list[dict]:
    """An export of one task; each annotator has a list of items."""
    annotations = [{"result": items} for items in annotators]
    address = "/data/upload/1/0a1b2c3d-a03.png"
    return [{"id": 1, "data": {"image": address}, "annotations": annotations} | other]


def of_label_studio(kind: str, **value: object) -> dict:
    size = {"original_width": SIDE, "original_height": SIDE}
    return {"type": kind, "value": value | {kind: ["tumour"]}} | size


POLYGON = of_label_studio("polygonlabels", points=square(42, 57))


@good("Label Studio export of a polygon")
def _(data: Data) -> None:
    data.annotate(3, label_studio([POLYGON]))


@bad("Label Studio task that two people annotated", "annotation_several")
def _(data: Data) -> None:
    data.annotate(3, label_studio([POLYGON], [POLYGON]))


@bad("Label Studio task that nobody annotated", "annotation_unfinished")
def _(data: Data) -> None:
    data.annotate(3, label_studio())


@bad("Label Studio brush stroke cut off", "rle_length")
def _(data: Data) -> None:
    data.annotate(3, label_studio([of_label_studio("brushlabels", format="rle", rle=[0, 0, 1])]))


@bad("Label Studio's short export (JSON-MIN)", "annotation_form")
def _(data: Data) -> None:
    data.annotate(3, [{"image": "a03.png", "label": [POLYGON["value"]]}])


def cvat(inside: str, head: str = "") -> bytes:
    """An XML file of CVAT with one image."""
    image = f'<image id="0" name="a03.png" width="{SIDE}" height="{SIDE}">{inside}</image>'
    return f'<?xml version="1.0"?>{head}<annotations>{image}</annotations>'.encode()


@good("CVAT file of a polygon")
def _(data: Data) -> None:
    polygon = '<polygon label="tumour" points="40,40;55,40;55,55;40,55"/>'
    data.annotate(3, cvat(polygon), "drawn/a03.xml")


@bad("CVAT file of a video", "annotation_form")
def _(data: Data) -> None:
    content = b'<annotations><track id="0" label="tumour"/></annotations>'
    data.annotate(3, content, "drawn/a03.xml")


@bad("CVAT file cut off in the middle", "annotation_not_xml")
def _(data: Data) -> None:
    data.annotate(3, cvat("")[:-9], "drawn/a03.xml")


@bad("CVAT file with entities, which could fill the memory", "annotation_form")
def _(data: Data) -> None:
    data.annotate(3, cvat("&b;", '<!DOCTYPE a [<!ENTITY b "bb">]>'), "drawn/a03.xml")


@bad("XML of boxes (Pascal VOC)", "annotation_form")
def _(data: Data) -> None:
    data.annotate(3, b"<annotation><object><bndbox/></object></annotation>", "drawn/a03.xml")


@bad("ImageJ ROI cut off in the middle", "annotation_form")
def _(data: Data) -> None:
    data.annotate(3, b"Iout\x00\xe3\x07\x00", "drawn/a03.roi")


@bad("polygons on a volume of several slices", "outline_on_volume")
def _(data: Data) -> None:
    data.volume(3)
    data.labelme(3, square(40, 50))


@bad("tumour of five pixels", "tumour_tiny", "warning")
def _(data: Data) -> None:
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[50, 40:45] = 255
    data.mask(3, pixels)


@bad("tumour at the picture's border", "tumour_at_border", "warning", also=("tumour_stripped",))
def _(data: Data) -> None:
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[40:60, :45] = 255
    data.mask(3, pixels)


@bad("annotation shifted into the air", "tumour_in_air", "warning", also=("tumour_stripped",))
def _(data: Data) -> None:
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[2:12, 2:12] = 255
    data.mask(3, pixels)


# --- the table ---


@good("table with a byte order mark and Windows line ends")
def _(data: Data) -> None:
    data.text = data.table().replace("\n", "\r\n").encode("utf-8-sig")


@good("table with commas between the columns")
def _(data: Data) -> None:
    data.text = data.table(",").encode()


@good("CSV of a spreadsheet: semicolons, byte order mark, decimal commas, an empty last row")
def _(data: Data) -> None:
    text = data.table(";").replace("0.5", "0,5").replace("\n", "\r\n") + ";;;;;\r\n"
    data.text = text.encode("utf-8-sig")


@good("table in UTF-16, as Excel's Unicode text")
def _(data: Data) -> None:
    data.text = data.table().encode("utf-16")


@good("table with blank lines and rows of tabs")
def _(data: Data) -> None:
    lines = data.table().splitlines()
    data.text = "\n".join([*lines[:3], "", *lines[3:], "\t" * 5, "\t" * 5, "", ""]).encode()


@good("column names in capitals")
def _(data: Data) -> None:
    data.rows = [{name.upper(): cell for name, cell in row.items()} for row in data.rows]


@bad("table in Windows-1252 with an umlaut", "table_encoding", "warning")
def _(data: Data) -> None:
    data.set(3, patient="M\xfcller")
    data.text = data.table().encode("cp1252")


@bad("table in an encoding that cannot be told", "table_encoding")
def _(data: Data) -> None:
    data.text = data.table().encode("utf-16-le")  # without the mark that says so


@bad("workbook of a spreadsheet program", "table_unreadable")
def _(data: Data) -> None:
    data.text = b"PK\x03\x04" + bytes(60)


@bad("quotation mark that is not closed", "table_unreadable")
def _(data: Data) -> None:
    data.set(3, patient='"anon-3')


@bad("two columns of the same name", "table_columns")
def _(data: Data) -> None:
    data.text = data.table().replace("plane", "patient", 1).encode()


@bad("table with only a header", "table_empty")
def _(data: Data) -> None:
    data.text = b"case\timage\tannotation\tpatient\tplane\n"


@bad("table file of no bytes", "table_unreadable")
def _(data: Data) -> None:
    data.text = b""


@bad("no table", "table_missing")
def _(data: Data) -> None:
    data.source["table"] = "samples.tsv"


@bad("table of 300 MB", "table_too_large")
def _(data: Data) -> None:
    with data.path("cases.tsv").open("wb") as file:
        file.truncate(300 * 2**20)  # no block of it is written


@bad("table without the column patient", "table_columns")
def _(data: Data) -> None:
    for row in data.rows:
        del row["patient"]


@bad("row with an extra tab", "table_row")
def _(data: Data) -> None:
    data.set(3, plane="axial\t")


@bad("control character in a cell", "table_character")
def _(data: Data) -> None:
    data.set(3, patient="anon\x07-3")


@bad("image file that is missing", "image_missing")
def _(data: Data) -> None:
    data.set(3, image="images/none.png")


@bad("annotation file that is missing", "annotation_missing")
def _(data: Data) -> None:
    data.set(3, annotation="masks/none.png")


@bad("no annotation given, and not declared negative", "annotation_missing")
def _(data: Data) -> None:
    data.set(3, annotation="")


@bad("no patient", "patient_missing")
def _(data: Data) -> None:
    data.set(3, patient="")


@bad("patient #N/A (or unknown, none, -, ?, #REF!)", "patient_missing")
def _(data: Data) -> None:
    data.set(3, patient="#N/A")


@bad("two cases with the same name", "case_repeated")
def _(data: Data) -> None:
    data.set(3, case="a02")


@bad("two cases whose names differ only in capitals", "case_repeated")
def _(data: Data) -> None:
    data.set(3, case="A02")


@bad("case whose name is a path", "case_name")
def _(data: Data) -> None:
    data.set(3, case="../a03")


@good("case and patient with letters of other languages")
def _(data: Data) -> None:
    data.set(3, case="größe 3", patient="患者-3")


@bad("unknown plane", "plane_unknown")
def _(data: Data) -> None:
    data.set(3, plane="transversal")


@bad("picture without a plane", "plane_missing")
def _(data: Data) -> None:
    data.set(3, plane="")


@bad("spacing of 0", "spacing")
def _(data: Data) -> None:
    data.set(3, spacing_mm="0")


@bad(
    "spacing in the table that differs from the volume's own",
    "spacing_differs",
    "warning",
    also=("depth_mixed",),
)
def _(data: Data) -> None:
    data.volume(3)
    data.set(3, spacing_mm="0.5")


@bad("path that leaves the data folder", "path_outside")
def _(data: Data) -> None:
    data.set(3, image="../a03.png")


@bad("absolute path", "path_absolute")
def _(data: Data) -> None:
    data.set(3, image="/data/a03.png")


@bad("Windows path with a drive", "path_absolute")
def _(data: Data) -> None:
    data.set(3, image="C:\\data\\a03.png")


@bad("link to a place outside the data folder", "path_link")
def _(data: Data) -> None:
    data.path("images/link.png").symlink_to(ROOT / "docs/images/phantom_fig2.svg")
    data.set(3, image="images/link.png")


# --- the source folder, without a table ---


@good("folder of images and folder of masks with the same names")
def _(data: Data) -> None:
    data.as_folder()


@bad("image without a mask of the same name", "annotation_missing")
def _(data: Data) -> None:
    data.as_folder()
    data.path("masks/a03.png").unlink()


@bad("mask without an image of the same name", "mask_without_image", "warning")
def _(data: Data) -> None:
    data.as_folder()
    data.path("images/a08.png").unlink()


@good("masks named after their images with an ending: a03_mask.png")
def _(data: Data) -> None:
    data.as_folder()
    for path in sorted(data.path("masks/a01.png").parent.iterdir()):
        path.rename(path.with_name(f"{path.stem}_mask.png"))


@good("drawings beside their images in one folder")
def _(data: Data) -> None:
    data.as_folder()
    data.source["masks"] = "images"
    for number in range(1, PATIENTS + 1):
        data.labelme(number, square(40, 50 + number))
        name = f"a{number:02d}.json"
        data.path(f"drawn/{name}").rename(data.path(f"images/{name}"))


@good("image and mask whose umlauts are stored in different ways")
def _(data: Data) -> None:
    data.as_folder()
    data.path("images/a03.png").rename(data.path("images/k\u00f6pf.png"))
    data.path("masks/a03.png").rename(data.path("masks/ko\u0308pf.png"))


@bad("two annotations of one image", "annotation_ambiguous")
def _(data: Data) -> None:
    data.as_folder()
    data.path("masks/a03.json").write_text("{}")


@bad("other file among the images", "file_passed_over", "warning")
def _(data: Data) -> None:
    data.as_folder()
    data.path("images/notes.docx").write_bytes(b"PK")


@bad("no pattern for patients", "patient_pattern")
def _(data: Data) -> None:
    data.as_folder()
    del data.source["patient_pattern"]


@bad("pattern that matches no name", "patient_missing")
def _(data: Data) -> None:
    data.as_folder()
    data.source["patient_pattern"] = "^(patient[0-9]+)"


@bad("no folder of images", "folder_missing")
def _(data: Data) -> None:
    data.as_folder()
    data.source["images"] = "scans"


# --- the cohort ---


@bad("same pixels in two patients", "patient_shared_image")
def _(data: Data) -> None:
    data.image(3, head(5))
    data.mask(3, tumour(5) * 255)


def one_study(data: Data) -> None:
    """Two patients with slices of one study, which the file of pydicom names."""
    image = pydicom.dcmread(get_testdata_file("CT_small.dcm", download=False))
    data.dicom(3)
    data.dicom(4, {"PixelData": np.roll(image.pixel_array, (40, 50), (0, 1)).tobytes()})


@bad(
    "slices of one DICOM study in two patients",
    "patient_shared_study",
    "warning",
    also=DICOM_SLICE,
)
def _(data: Data) -> None:
    one_study(data)


@bad(
    "slices of one DICOM study in two patients, with source.patients_similar: accept",
    "",
    "",
    also=DICOM_SLICE,
)
def _(data: Data) -> None:
    one_study(data)
    data.source["patients_similar"] = "accept"


@bad("same pixels twice in one patient", "image_repeated", "warning")
def _(data: Data) -> None:
    data.image(3, head(5))
    data.set(3, patient="anon-5")


@bad("mirrored, smaller and brighter copy in another patient", "near_duplicate", "warning")
def _(data: Data) -> None:
    copy = cv2.resize(head(5)[:, ::-1], None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    larger = cv2.resize(copy, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    data.image(3, np.minimum(255, larger * 1.1 + 8).astype(np.uint8))


@bad("patients 001 and 1 (a spreadsheet ate the zeros)", "patient_similar")
def _(data: Data) -> None:
    data.set(3, patient="001")
    data.set(4, patient="1")


@bad("patients anon-3 and Anon_3", "patient_similar")
def _(data: Data) -> None:
    data.set(4, patient="Anon_3")


@bad(
    "patients 7 and 7.0, with source.patients_similar: accept",
    "patient_similar",
    "warning",
)
def _(data: Data) -> None:
    data.set(3, patient="7")
    data.set(4, patient="7.0")
    data.source["patients_similar"] = "accept"


@good("patients 1, 11, 101, p1 and p10")
def _(data: Data) -> None:
    for number, name in enumerate(("1", "11", "101", "p1", "p10"), start=1):
        data.set(number, patient=name)


@bad("tumour types Glioma and glioma", "tumour_type_similar", "warning")
def _(data: Data) -> None:
    for number in range(1, PATIENTS + 1):
        data.set(number, tumour_type="glioma" if number % 2 else "Glioma")


@bad("sites North and north", "site_similar", "warning")
def _(data: Data) -> None:
    for number in range(1, PATIENTS + 1):
        data.set(number, site="north" if number % 2 else "North")


@bad("patient MR12 and patient MR12b", "patient_similar", "warning")
def _(data: Data) -> None:
    data.set(3, patient="MR12")
    data.set(4, patient="MR12b")


@bad("name in source.exclude that is no case", "exclude_unknown")
def _(data: Data) -> None:
    data.source["exclude"] = ["a1"]


@good("bad image and bad row, taken out with source.exclude")
def _(data: Data) -> None:
    data.image(3, head(3)).write_bytes(b"")
    data.set(2, patient="?", image="none.png")
    data.source |= {"exclude": ["a02", "a03"]}
    data.rows += [data.rows[0] | {"case": name, "patient": name} for name in ("b1", "b2")]
    for number, row in enumerate(data.rows[-2:], start=20):
        data.image(number, head(number))
        data.mask(number, tumour(number) * 255)
        row |= {"image": f"images/a{number}.png", "annotation": f"masks/a{number}.png"}


@bad("six patients for five folds", "patients_too_few")
def _(data: Data) -> None:
    data.set(3, patient="anon-1")
    data.set(4, patient="anon-2")


@bad("only two coronal slices", "plane_rare", "warning")
def _(data: Data) -> None:
    data.set(3, plane="coronal")
    data.set(4, plane="coronal")


@bad("patient with nearly half of all slices", "patient_large", "warning")
def _(data: Data) -> None:
    for number in range(PATIENTS + 1, PATIENTS + 5):
        data.image(number, head(number))
        data.mask(number, tumour(number) * 255)
        name = f"a{number:02d}"
        files = {"image": f"images/{name}.png", "annotation": f"masks/{name}.png"}
        data.rows.append(data.rows[3] | {"case": name} | files)


@bad("pixels of 0.5 and 1 mm", "spacing_mixed", "warning")
def _(data: Data) -> None:
    data.set(3, spacing_mm="1")


@bad("one slice without spacing among others", "spacing_mixed", "warning")
def _(data: Data) -> None:
    data.set(3, spacing_mm="NA")


@bad("pictures of two sizes", "size_mixed", "warning")
def _(data: Data) -> None:
    data.image(3, head(3, 128))
    data.mask(3, tumour(3, 128) * 255)


@bad("black picture", "image_flat", "warning", also=("tumour_stripped",))
def _(data: Data) -> None:
    data.image(3, np.zeros((SIDE, SIDE), np.uint8))


@bad("brains stripped already", "brain_stripped", "warning")
def _(data: Data) -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    inside = np.clip(1.3 - 4 * np.hypot(rows, columns), 0, 1)  # the cortex is darker, as in life
    inside[inside < 0.2] = 0
    for number in range(1, PATIENTS + 1):
        brain = np.where(inside > 0, np.maximum(head(number), 60), 0)
        data.image(number, (brain * inside).astype(np.uint8))


@bad("the mask is given as the image", "mask_in_image", "warning")
def _(data: Data) -> None:
    data.set(3, image="masks/a03.png")


@bad("tumour painted into the image", "mask_in_image", "warning")
def _(data: Data) -> None:
    data.image(3, np.where(tumour(3) > 0, 255, head(3)).astype(np.uint8))


@bad("one mask for the images of two patients", "mask_repeated", "warning")
def _(data: Data) -> None:
    data.set(4, annotation="masks/a03.png")


def without_tumour(data: Data, patients: range) -> None:
    """Declares patients negative."""
    for number in patients:
        data.set(number, annotation="negative")


@bad("no patient with a tumour", "tumour_absent")
def _(data: Data) -> None:
    without_tumour(data, range(1, PATIENTS + 1))


@bad("one patient of eight with a tumour", "tumours_too_few")
def _(data: Data) -> None:
    without_tumour(data, range(2, PATIENTS + 1))


@bad("three patients with a tumour for five folds", "tumours_rare", "warning")
def _(data: Data) -> None:
    without_tumour(data, range(4, PATIENTS + 1))


def with_a_rim(data: Data, patients: int) -> None:
    """Two classes, the second of which only the first patients have."""
    data.source["classes"] = {"core": ["1"], "rim": ["2"]}
    for number in range(1, PATIENTS + 1):
        core = tumour(number)
        around = cv2.dilate(core, np.ones((5, 5), np.uint8))
        data.mask(number, np.where(core, 1, 2 * around * (number <= patients)).astype(np.uint8))


@bad("a class of which no patient has a label", "class_absent")
def _(data: Data) -> None:
    with_a_rim(data, 0)


@bad("a class that fewer patients have than there are folds", "class_rare", "warning")
def _(data: Data) -> None:
    with_a_rim(data, 3)


@good("two classes that all patients have")
def _(data: Data) -> None:
    with_a_rim(data, PATIENTS)


def at_the_edge(data: Data, patients: int) -> None:
    """Gives patients a dark tumour at the brain's edge, which the method otsu takes for skull."""
    data.method = "otsu"
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    for number in range(1, patients + 1):
        mask = np.hypot(rows - 0.28, columns - 0.002 * number) < 0.06
        data.image(number, np.where(mask, 30, head(number)).astype(np.uint8))
        data.mask(number, mask * np.uint8(255))


@bad("otsu, and tumours at the brain's edge", "strip_harm", also=("tumour_stripped",))
def _(data: Data) -> None:
    at_the_edge(data, PATIENTS)


def codes() -> dict[str, str]:
    """Every code in the library -> its severities, from the calls in its source."""
    kinds = {"error": "error", "warning": "warning", "Problem": "error"}
    severities: dict[str, set[str]] = {}
    for path in (ROOT / "scripts/tumorseg").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and len(node.args) >= 4:
                kind = kinds.get(getattr(node.func, "id", ""))
                if kind and isinstance(node.args[0], ast.Constant):
                    severities.setdefault(node.args[0].value, set()).add(kind)
    return {code: ", ".join(sorted(severities[code])) for code in sorted(severities)}


def page() -> str:
    """docs/data-checks.md."""
    lines = []
    for fault in CATALOGUE:
        with tempfile.TemporaryDirectory() as folder:
            problems = problems_of(fault.make, Path(folder))
            of_code = [problem for problem in problems if problem.code == fault.code]
            text = of_code[0].line().replace(f"{Path(folder).resolve()}/", "") if of_code else ""
            text = text.replace(f"{folder}/", "").replace(folder, "<data_dir>").replace("|", "\\|")
        lines.append(f"| {fault.data} | {fault.severity or 'none'} | {text} |")
    listed = [f"| `{code}` | {severity} |" for code, severity in codes().items()]
    return "\n".join(
        [
            "# What a data check reports",
            "",
            "The check reads all data once and writes `local/<experiment>/check.html` and",
            "`check.tsv`:",
            "",
            "```sh",
            ". .venv/bin/activate      # once in each terminal, after `make venv`",
            "snakemake --cores all check --configfile experiments/mine.yaml",
            "```",
            "",
            "An error also stops `import_cases`, the first step of a run; `strip_harm`,",
            "`fold_without_tumour`, what is wrong with the sites of folds, and `outside_inside`",
            "stop a later step, before training. A warning stops nothing.",
            "",
            "Each message below was printed for a data set with that fault; *none* marks unusual",
            "data that are accepted. The word in square brackets at the end is the message's code.",
            "`tests/unit/bad_data.py` makes the data sets and writes this page (`make docs`).",
            "",
            "| data | severity | message |",
            "|---|---|---|",
            *lines,
            "",
            "## All codes",
            "",
            "| code | severity |",
            "|---|---|",
            *listed,
            "",
        ]
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
