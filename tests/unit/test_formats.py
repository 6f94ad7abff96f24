"""Every image format: which values are read, and the one-line error for a bad file."""

import gzip
import struct
import zlib
from pathlib import Path

import cv2
import h5py
import nibabel as nib
import numpy as np
import pydicom
import pytest
import scan_files as files
import SimpleITK as sitk  # noqa: N813
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from pydicom.pixels import get_decoder
from scan_files import AFFINE, PICTURE, PICTURE16, VOLUME

from tumorseg.core.errors import UserError
from tumorseg.core.problems import DataError
from tumorseg.formats import mat
from tumorseg.imaging import planes, scans
from tumorseg.imaging.label_grids import placed as on_grid

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
PYDICOM = Path(pydicom.__file__).parent / "data" / "test_files"


def measured(scan):
    return scan.offset + scan.scale * scan.voxels.astype(float)


def rejected_line(code, path, read=scans.read):
    """The one-line error that reading a file gives; it must have this code."""
    with pytest.raises(DataError) as caught:
        read(path)
    line = str(caught.value)
    assert caught.value.problem.code == code, line
    assert "\n" not in line
    return line


def codes(scan):
    return [note.code for note in scan.notes]


# ---------------------------------------------------------------- pictures


def grey_pictures():
    """name -> (function that writes the file, its values)."""
    eight, sixteen = PICTURE, PICTURE16
    few = np.arange(12, dtype=np.uint8).reshape(3, 4) % 4

    def pillow(array, mode=None, **options):
        image = Image.fromarray(array)
        return lambda path: files.with_pillow(
            path, image.convert(mode) if mode else image, **options
        )

    def opencv(array):
        return lambda path: path.write_bytes(cv2.imencode(path.suffix, array)[1].tobytes())

    def palette(path):
        image = Image.fromarray(few, "P")
        image.putpalette(bytes(value for grey in (7, 3, 250, 100) for value in (grey,) * 3))
        image.save(path, bits=2)

    def packed(path):
        """A greyscale PNG of 2 bits per pixel, built by hand: no library here writes one."""
        path.write_bytes(_png_of_bits(few, 2))

    alpha8, alpha16 = np.full_like(eight, 255), np.full_like(sixteen, 65535)
    white_is_zero = {"tiffinfo": {262: 0}}
    return {
        "eight.png": (opencv(eight), eight),
        "sixteen.png": (opencv(sixteen), sixteen),
        "eight.tif": (pillow(eight), eight),
        "sixteen.tif": (opencv(sixteen), sixteen),
        "deflated.tiff": (pillow(sixteen, compression="tiff_adobe_deflate"), sixteen),
        "colour8.png": (opencv(np.dstack([eight] * 3)), eight),
        "colour16.png": (opencv(np.dstack([sixteen] * 3)), sixteen),
        "colour16.tif": (opencv(np.dstack([sixteen] * 3)), sixteen),
        "opaque8.png": (opencv(np.dstack([eight] * 3 + [alpha8])), eight),
        "opaque16.png": (opencv(np.dstack([sixteen] * 3 + [alpha16])), sixteen),
        "greyalpha.png": (pillow(np.dstack([eight, alpha8])), eight),
        "invisible.png": (pillow(np.dstack([eight, 0 * alpha8])), eight),
        "one_bit.png": (pillow(few > 1), (few > 1).astype(np.uint8)),
        "one_bit.tif": (pillow(few > 1), (few > 1).astype(np.uint8)),
        "two_bits.png": (packed, few),
        "palette.png": (palette, np.array([7, 3, 250, 100], np.uint8)[few]),
        "white_is_zero.tif": (pillow(sixteen, **white_is_zero), 65535 - sixteen),
    }


def _png_of_bits(values, bits):
    def chunk(name, content):
        checksum = zlib.crc32(name + content)
        return len(content).to_bytes(4) + name + content + checksum.to_bytes(4)

    height, width = values.shape
    rows = b""
    for row in values:
        text = "".join(f"{value:0{bits}b}" for value in row).ljust(-(-width * bits // 8) * 8, "0")
        rows += b"\0" + int(text, 2).to_bytes(len(text) // 8)
    header = width.to_bytes(4) + height.to_bytes(4) + bytes([bits, 0, 0, 0, 0])
    ends = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(ends)


@pytest.mark.parametrize("name", grey_pictures())
def test_a_picture_of_8_or_16_bit_keeps_its_numbers(tmp_path, name):
    write, expected = grey_pictures()[name]
    write(tmp_path / name)
    scan = scans.read(tmp_path / name)
    assert (scan.voxels.dtype, scan.offset, scan.scale) == (expected.dtype, 0, 1)
    np.testing.assert_array_equal(scan.voxels, expected)
    assert scan.notes == () and scan.affine is None
    np.testing.assert_array_equal(scans.read_labels(tmp_path / name).values, expected)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_is_read_within_its_compression_loss(tmp_path, mode):
    smooth = np.add.outer(np.arange(40), np.arange(50)).astype(np.uint8) * 2
    image = Image.fromarray(smooth).convert(mode)
    scan = scans.read(files.with_pillow(tmp_path / "a.jpg", image, quality=90))
    assert np.abs(scan.voxels.astype(int) - smooth).max() <= 4


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int8, np.float32])
def test_signed_and_float_tiffs_are_scaled_reversibly(tmp_path, dtype):
    values = np.linspace(-100, 120, 20).reshape(4, 5).astype(dtype)
    (tmp_path / "a.tif").write_bytes(cv2.imencode(".tif", values)[1].tobytes())
    scan = scans.read(tmp_path / "a.tif")
    assert scan.voxels.dtype == np.uint16 and scan.voxels.max() == 65535
    np.testing.assert_allclose(measured(scan), values, atol=220 / 65535 / 2 * 1.01)
    if dtype != np.float32:
        np.testing.assert_array_equal(scans.read_labels(tmp_path / "a.tif").values, values)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("a.png", PICTURE),
        ("a.png", PICTURE16),
        ("a.png", np.dstack([PICTURE16] * 3)),
        ("a.tif", PICTURE),
        ("a.tif", PICTURE16),
        ("a.tif", np.dstack([PICTURE16] * 3)),
        ("a.jpg", np.kron(PICTURE // 64 * 64, np.ones((8, 8), np.uint8))),
    ],
)
def test_pictures_and_masks_are_turned_upright_by_exif(tmp_path, name, array, turn):
    path = tmp_path / name
    exif = Image.Exif()
    exif[0x0112] = turn
    if array.ndim == 3 and name == "a.tif":  # OpenCV writes no orientation tag
        path.write_bytes(_with_tag(cv2.imencode(".tif", array)[1].tobytes(), 0x0112, turn))
        array = array[..., 0]
    elif array.ndim == 3:  # put Pillow's EXIF chunk into OpenCV's file
        files.with_pillow(path, Image.new("L", (1, 1)), exif=exif)
        content = path.read_bytes()
        start = content.index(b"eXIf") - 4
        chunk = content[start : start + 12 + int.from_bytes(content[start : start + 4])]
        content = cv2.imencode(".png", array)[1].tobytes()
        path.write_bytes(content[:33] + chunk + content[33:])
        array = array[..., 0]
    else:
        files.with_pillow(path, Image.fromarray(array), exif=exif)
    turns = {  # the EXIF standard's table: where the stored first row and first column are shown
        1: array, 2: array[:, ::-1], 3: array[::-1, ::-1], 4: array[::-1],
        5: array.T, 6: array.T[:, ::-1], 7: array.T[::-1, ::-1], 8: array.T[::-1],
    }  # fmt: skip
    upright = scans.read(path).voxels
    assert upright.shape == turns[turn].shape
    assert np.abs(upright.astype(int) - turns[turn]).max() <= (6 if name == "a.jpg" else 0)
    np.testing.assert_array_equal(scans.read_labels(path).values, upright)


def _with_tag(tiff, tag, value):
    """A little-endian TIFF with one more tag (a short), in a new directory at its end."""
    start = int.from_bytes(tiff[4:8], "little")
    count = int.from_bytes(tiff[start : start + 2], "little")
    entries = [tiff[start + 2 + 12 * i :][:12] for i in range(count)]
    entries.append(struct.pack("<HHIHH", tag, 3, 1, value, 0))
    entries.sort(key=lambda entry: int.from_bytes(entry[:2], "little"))
    tiff += bytes(len(tiff) % 2)
    directory = (count + 1).to_bytes(2, "little") + b"".join(entries) + bytes(4)
    return tiff[:4] + len(tiff).to_bytes(4, "little") + tiff[8:] + directory


def test_the_table_of_turns_above_agrees_with_pillow(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = files.with_pillow(tmp_path / "a.png", Image.fromarray(PICTURE), exif=exif)
    with Image.open(path) as image:
        np.testing.assert_array_equal(
            np.asarray(ImageOps.exif_transpose(image)), PICTURE.T[:, ::-1]
        )


def test_a_print_resolution_is_not_a_pixel_spacing(tmp_path):
    path = files.with_pillow(tmp_path / "a.png", Image.fromarray(PICTURE), dpi=(300, 300))
    assert np.isnan(scans.read(path).spacing_mm).all()


def test_a_colour_palette_is_rejected_as_image_but_gives_labels(tmp_path):
    indices = np.arange(12, dtype=np.uint8).reshape(3, 4) % 3
    image = Image.fromarray(indices, "P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    path = files.with_pillow(tmp_path / "a.png", image)
    rejected_line("image_colour", path)
    np.testing.assert_array_equal(scans.read_labels(path).values, indices)


def test_an_image_with_a_drawn_outline_is_rejected(tmp_path):
    colours = np.dstack([PICTURE] * 3)
    colours[2, 3] = [0, 0, 255]
    assert "drawings" in rejected_line("image_colour", files.png(tmp_path / "a.png", colours))


def test_cmyk_is_rejected(tmp_path):
    rejected_line("image_colour", files.with_pillow(tmp_path / "a.jpg", Image.new("CMYK", (5, 6))))


@pytest.mark.parametrize("kind", ["rgba", "rgba16", "palette", "grey key", "16-bit key"])
def test_partial_transparency_is_rejected(tmp_path, kind):
    path = tmp_path / "a.png"
    if kind.startswith("rgba"):
        grey = PICTURE if kind == "rgba" else PICTURE16
        files.png(path, np.dstack([grey, grey, grey, grey]))
    elif kind == "palette":
        image = Image.fromarray(PICTURE % 2, "P")
        image.putpalette([0, 0, 0, 9, 9, 9])
        files.with_pillow(path, image, transparency=bytes([255, 0]))
    else:
        array = PICTURE if kind == "grey key" else PICTURE16
        files.with_pillow(path, Image.fromarray(array), transparency=int(array[0, 0]))
    assert "flatten" in rejected_line("image_transparent", path)


def test_pages_of_different_sizes_are_rejected_with_a_hint(tmp_path):
    page, other = Image.fromarray(PICTURE), Image.fromarray(PICTURE[:-3])
    path = files.with_pillow(tmp_path / "a.tif", page, save_all=True, append_images=[other])
    assert "NIfTI" in rejected_line("image_pages", path)


@pytest.mark.parametrize("name", [n for n in files.MAKERS if n != "b.tif"])
def test_a_truncated_file_is_rejected_wherever_it_ends(tmp_path, name):
    path = files.made(name, tmp_path)
    content = path.read_bytes()
    for left in (0.3, 0.6, 0.9):
        path.write_bytes(content[: int(left * len(content))])
        with pytest.raises(DataError) as caught:
            scans.read(path)
        assert caught.value.problem.code in ("image_truncated", "image_unreadable", "image_type")


@pytest.mark.parametrize("name", ["a.png", "a.nii.gz", "a.dcm", "a", "a.mat"])
def test_an_empty_file_is_rejected(tmp_path, name):
    (tmp_path / name).touch()
    assert "0 bytes" in rejected_line("image_empty", tmp_path / name)


def test_missing_files_devices_and_empty_folders_are_rejected(tmp_path):
    rejected_line("image_missing", tmp_path / "none.png")
    rejected_line("image_missing", Path("/dev/zero"))
    rejected_line("image_missing", tmp_path)


@pytest.mark.parametrize("name", ["a.png", "a.nii.gz", "a.mha", "a.dcm", "a.txt"])
def test_text_is_rejected_whatever_its_name(tmp_path, name):
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\n" * 9)
    rejected_line("image_type", tmp_path / name)


@pytest.mark.parametrize(
    "wrong", ["x.png", "x.jpg", "x.tif", "x.dcm", "x.nii", "x.nii.gz", "x.mha"]
)
@pytest.mark.parametrize("name", files.MAKERS)
def test_the_content_decides_and_a_wrong_suffix_is_a_warning(tmp_path, name, wrong):
    right = files.made(name, tmp_path)
    expected = scans.read(right)
    (tmp_path / wrong).write_bytes(right.read_bytes())
    scan = scans.read(tmp_path / wrong)
    np.testing.assert_array_equal(scan.voxels, expected.voxels)
    misnamed = "".join(right.suffixes) != "".join(Path(wrong).suffixes)
    assert codes(scan) == (["image_type"] if misnamed else [])


def test_an_unknown_suffix_gives_no_warning(tmp_path):
    path = files.png(tmp_path / "a.slice7", PICTURE)
    assert scans.read(path).notes == ()


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg"])
def test_a_picture_that_claims_a_huge_size_is_rejected(tmp_path, name):
    path = files.made(name, tmp_path)
    content = bytearray(path.read_bytes())
    if name == "a.png":
        content[16:24] = (60000).to_bytes(4) * 2
        content[29:33] = zlib.crc32(content[12:29]).to_bytes(4)
    elif name == "a.jpg":
        start = content.index(b"\xff\xc0")
        content[start + 5 : start + 9] = (65000).to_bytes(2) * 2
    else:
        for tag in (256, 257):  # width and height: type 4, one value
            entry = content.index(tag.to_bytes(2, "little") + b"\4\0\1\0\0\0")
            content[entry + 8 : entry + 12] = (60000).to_bytes(4, "little")
    path.write_bytes(content)
    assert "crop" in rejected_line("image_too_large", path)


# ---------------------------------------------------------------- volumes


def test_a_nifti_volume_keeps_values_order_and_affine(tmp_path):
    scan = scans.read(files.nifti(tmp_path / "a.nii.gz"))
    np.testing.assert_array_equal(np.rint(measured(scan)), VOLUME)
    np.testing.assert_allclose(scan.affine, AFFINE)
    assert scans.planes_of(scan) == ("coronal", "axial", "sagittal")
    assert planes.spacing_in(scan.affine, "axial") == (3.0, 0.5)


@pytest.mark.parametrize("name", ["a.mha", "b.mha", "a.mhd", "a.nrrd", "b.nrrd", "a.nhdr"])
def test_simpleitk_and_nibabel_agree(tmp_path, name):
    expected = scans.read(files.nifti(tmp_path / "expected.nii"))
    scan = scans.read(files.itk(tmp_path / name, compressed=name.startswith("b")))
    np.testing.assert_array_equal(scan.voxels, expected.voxels)
    np.testing.assert_allclose(scan.affine, expected.affine, atol=1e-5)
    assert scan.notes == ()


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_every_number_type_and_byte_order_of_nifti(tmp_path, kind, dtype, order):
    values = np.arange(24).reshape(2, 3, 4).astype(order + dtype)
    header = kind.header_class(endianness=order)
    header.set_data_dtype(values.dtype)
    nib.save(kind(values, AFFINE, header), tmp_path / "a.nii")
    scan = scans.read(tmp_path / "a.nii")
    np.testing.assert_allclose(measured(scan), values, atol=1e-3)
    np.testing.assert_array_equal(scans.read_labels(tmp_path / "a.nii").values, values)


def test_slope_and_intercept_of_nifti_are_applied(tmp_path):
    image = nib.Nifti1Image(VOLUME.astype(np.float64) * 0.25 - 3, AFFINE)
    image.header.set_data_dtype(np.int16)
    nib.save(image, tmp_path / "a.nii")
    slope = np.frombuffer((tmp_path / "a.nii").read_bytes()[112:116], "<f4")
    assert slope not in (0, 1)
    scan = scans.read(tmp_path / "a.nii")
    np.testing.assert_allclose(measured(scan), VOLUME * 0.25 - 3, atol=0.02)


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("meter", 1000), ("micron", 1e-3)])
def test_units_of_nifti_become_millimetres(tmp_path, unit, factor):
    image = nib.Nifti1Image(VOLUME, np.diag([2, 2, 2, 1]))
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "a.nii")
    assert planes.spacing_in(scans.read(tmp_path / "a.nii").affine, "axial") == (2 * factor,) * 2


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (5, 6, 7), (5, 6, 7, 1), (5, 6, 7, 1, 1)])
def test_extra_axes_of_length_one_are_dropped(tmp_path, shape):
    values = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    scan = scans.read(files.nifti(tmp_path / "a.nii", values))
    np.testing.assert_array_equal(np.rint(measured(scan)), values.reshape((*shape, 1)[:3]))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_several_volumes_in_one_file_are_rejected(tmp_path, name):
    path = files.nifti(tmp_path / name, np.zeros((3, 4, 5, 2), np.int16))
    assert "3 x 4 x 5 x 2" in rejected_line("volume_many", path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["a.nii.gz", "a.tif"])
def test_values_that_are_not_finite_are_counted_and_rejected(tmp_path, name, bad):
    values = np.ones((3, 4, 5), np.float32)
    values[1, 1, :2] = bad
    if name == "a.tif":
        (tmp_path / name).write_bytes(cv2.imencode(".tif", values[1])[1].tobytes())
    else:
        files.nifti(tmp_path / name, values)
    assert "2 values" in rejected_line("volume_not_finite", tmp_path / name)
    rejected_line("volume_not_finite", tmp_path / name, scans.read_labels)


@pytest.mark.parametrize("name", ["a.nii", "a.mha", "a.nrrd"])
def test_a_volume_without_orientation_is_a_warning(tmp_path, name):
    path = tmp_path / name
    if name == "a.nii":
        nib.save(nib.Nifti1Image(VOLUME, None), path)
    elif name == "a.mha":
        content = files.itk(path).read_bytes().splitlines(keepends=True)
        lost = (b"TransformMatrix", b"Offset", b"CenterOfRotation", b"AnatomicalOrientation")
        path.write_bytes(b"".join(line for line in content if not line.startswith(lost)))
    else:
        header = b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 3 4\nencoding: raw\n\n"
        path.write_bytes(header + bytes(range(24)))
    assert codes(scans.read(path)) == ["affine_missing"]


def test_voxels_without_a_size_are_rejected(tmp_path):
    path = files.nifti(tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    content[280:328] = np.zeros(12, "<f4").tobytes()  # the sform
    path.write_bytes(content)
    assert "orientation" in rejected_line("affine_wrong", path)


def test_colours_in_a_volume_are_rejected(tmp_path):
    rgb = np.zeros((3, 4, 5), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    rejected_line("image_colour", files.nifti(tmp_path / "a.nii", rgb))
    image = sitk.GetImageFromArray(np.zeros((3, 4, 5, 3), np.uint8), isVector=True)
    for name in ("a.mha", "a.nrrd"):
        sitk.WriteImage(image, str(tmp_path / name))
        with pytest.raises(DataError) as caught:
            scans.read(tmp_path / name)
        assert caught.value.problem.code in ("image_colour", "volume_many")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mha", "a.nrrd"])
def test_a_volume_that_claims_a_huge_size_is_rejected(tmp_path, name):
    path = files.made(name, tmp_path)
    content = path.read_bytes()
    if name.startswith("a.nii"):
        content = gzip.decompress(content) if name.endswith("gz") else content
        content = content[:42] + np.array([30000] * 3, "<i2").tobytes() + content[48:]
        content = gzip.compress(content) if name.endswith("gz") else content
    else:
        content = content.replace(b"5 6 7", b"30000 30000 30000")
    path.write_bytes(content)
    rejected_line("image_too_large", path)


def test_a_volume_that_unpacks_to_more_than_its_header_states_is_rejected(tmp_path):
    content = files.itk(tmp_path / "a.mha").read_bytes()
    header, pixels = content.split(b"LOCAL\n")
    packed = zlib.compress(pixels + bytes(2**24))
    header = header.replace(b"CompressedData = False", b"CompressedData = True")
    (tmp_path / "a.mha").write_bytes(header + b"LOCAL\n" + packed)
    rejected_line("image_truncated", tmp_path / "a.mha")


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret.raw", "LIST", "part%d.raw 1 3 1"])
def test_a_header_cannot_point_to_pixels_in_another_folder(tmp_path, target):
    (tmp_path / "secret.raw").write_bytes(bytes(9999))
    folder = tmp_path / "data"
    folder.mkdir()
    lines = files.itk(folder / "a.mhd").read_text().replace("a.raw", target)
    (folder / "a.mhd").write_text(lines)
    rejected_line("path_outside", folder / "a.mhd")
    lines = files.itk(folder / "a.nhdr").read_text().replace("a.raw", target)
    (folder / "a.nhdr").write_text(lines)
    rejected_line("path_outside", folder / "a.nhdr")


def test_a_header_without_its_pixel_file_is_rejected_with_a_hint(tmp_path):
    files.itk(tmp_path / "a.mhd")
    (tmp_path / "a.raw").unlink()
    assert "copy the other file" in rejected_line("image_missing", tmp_path / "a.mhd")


def test_a_flipped_bit_in_a_compressed_volume_is_found_by_its_checksum(tmp_path):
    path = files.nifti(tmp_path / "a.nii.gz")
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # of the stored CRC
    path.write_bytes(content)
    rejected_line("image_truncated", path)


# ---------------------------------------------------------------- DICOM


def test_a_series_is_sorted_by_position_not_by_file_name(tmp_path):
    scan = scans.read(files.series(tmp_path / "s", order=[3, 1, 0, 4, 2]))
    np.testing.assert_array_equal(np.rint(measured(scan)), VOLUME)
    # LPS to RAS: slices 3 mm to Superior, rows 0.5 mm to Posterior, columns 0.75 mm to Left.
    np.testing.assert_allclose(
        scan.affine, [[0, 0, -0.75, -10], [0, -0.5, 0, -10], [3, 0, 0, 10], [0, 0, 0, 1]]
    )
    assert len(set(scan.uids)) == 5 and scan.notes == ()
    assert scans.planes_of(scan)[0] == "axial"
    np.testing.assert_array_equal(planes.cut(scan.voxels, scan.affine, "axial"), scan.voxels)


@pytest.mark.parametrize(
    ("orientation", "step"),
    [
        ((1, 0, 0, 0, 1, 0), (0, 0, 3.0)),
        ((1, 0, 0, 0, 0, -1), (0, 3.0, 0)),
        ((0, 1, 0, 0, 0, -1), (-3.0, 0, 0)),
        ((0.8, 0.6, 0, -0.6, 0.8, 0), (0, 0, 3.0)),
    ],
)
def test_a_series_and_its_nifti_copy_give_equal_slices(tmp_path, orientation, step):
    folder = files.series(tmp_path / "s", step=step, orientation=orientation)
    reader = sitk.ImageSeriesReader()  # a third library as reference
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    sitk.WriteImage(reader.Execute(), str(tmp_path / "a.nii.gz"))
    ours, theirs = scans.read(folder), scans.read(tmp_path / "a.nii.gz")
    for plane in scans.PLANES:
        np.testing.assert_array_equal(
            planes.cut(ours.voxels, ours.affine, plane),
            planes.cut(theirs.voxels, theirs.affine, plane),
        )
        assert planes.spacing_in(ours.affine, plane) == pytest.approx(
            planes.spacing_in(theirs.affine, plane)
        )
    labels = scans.read_labels(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(on_grid(labels, ours).values, VOLUME)


def test_each_frame_of_a_file_has_its_own_position_and_slope(tmp_path):
    scan = scans.read(files.frames(tmp_path / "a.dcm"))
    place = np.arange(len(VOLUME))[:, None, None]
    np.testing.assert_array_equal(np.rint(measured(scan)), VOLUME * (place + 1.0) - place)
    assert scan.affine[2, 0] == 3 and len(scan.uids) == len(VOLUME)


def test_rescaling_is_applied_and_monochrome1_is_inverted(tmp_path):
    tags = {"RescaleSlope": 0.5, "RescaleIntercept": -7}
    dark = scans.read(files.series(tmp_path / "a", **tags))
    white = scans.read(
        files.series(tmp_path / "b", PhotometricInterpretation="MONOCHROME1", **tags)
    )
    for scan in (dark, white):
        np.testing.assert_allclose(measured(scan), VOLUME * 0.5 - 7, atol=0.01)
    np.testing.assert_array_equal(white.voxels, 65535 - dark.voxels)
    labels = scans.read_labels(files.series(tmp_path / "c", RescaleSlope=2, RescaleIntercept=1))
    np.testing.assert_array_equal(labels.values, VOLUME * 2 + 1)


def test_no_header_text_reaches_the_scan_its_notes_or_errors(tmp_path):
    folder = files.series(tmp_path / "s", BurnedInAnnotation="YES", Modality="DOE")
    scan = scans.read(folder)
    assert "DOE" not in repr(scan) and codes(scan) == ["burned_in_text"]
    other = files.slice_of(VOLUME[0], series="1.2.3", SOPInstanceUID="DOE^JANE")
    other.save_as(folder / "x.dcm")
    assert "DOE" not in rejected_line("series_several", folder)
    assert "DOE" not in repr(scans.read(folder / "x.dcm"))


def changed_series(folder, number, **tags):
    """A series with other tags in one slice (None removes a tag)."""
    path = files.series(folder) / f"IM{number:04d}.dcm"
    data = pydicom.dcmread(path)
    for name, value in tags.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    data.save_as(path)
    return folder


@pytest.mark.parametrize(
    ("code", "tags"),
    [
        ("series_several", {"SeriesInstanceUID": "1.2.3"}),
        ("series_mixed", {"Rows": 3, "Columns": 14}),
        ("series_mixed", {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}),
        ("series_mixed", {"PixelSpacing": [1, 1]}),
        ("slice_repeated", {"ImagePositionPatient": [10, 10, 13]}),
        ("affine_missing", {"ImagePositionPatient": None}),
        ("affine_missing", {"PixelSpacing": None}),
        ("affine_wrong", {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}),
        ("image_colour", {"PhotometricInterpretation": "PALETTE COLOR"}),
        ("image_truncated", {"PixelData": bytes(10)}),
        ("image_compression", None),
    ],
)
def test_a_series_that_is_not_one_volume_is_rejected(tmp_path, code, tags):
    if tags is None:
        folder = changed_series(tmp_path / "s", 0)
        data = pydicom.dcmread(folder / "IM0000.dcm")
        data.PixelData = pydicom.encaps.encapsulate([b"\0" * 20])
        data.file_meta.TransferSyntaxUID = pydicom.uid.MPEG2MPML
        data.save_as(folder / "IM0000.dcm")
    else:
        folder = changed_series(tmp_path / "s", 0, **tags)
        if code == "affine_wrong":
            for path in folder.iterdir():
                data = pydicom.dcmread(path)
                data.ImageOrientationPatient = tags["ImageOrientationPatient"]
                data.save_as(path)
    line = rejected_line(code, folder)
    if code in ("image_colour", "image_truncated", "image_compression"):
        assert line.startswith("IM0000.dcm")


@pytest.mark.parametrize(
    ("code", "positions"),
    [
        (None, [0, 3, 6, 9, 12.01]),
        ("slice_missing", [0, 3, 6, 12, 15]),
        ("slice_uneven", [0, 3, 6.5, 9, 12]),
    ],
)
def test_gaps_between_slices_give_a_warning(tmp_path, code, positions):
    folder = files.series(tmp_path / "s")
    for path, place in zip(sorted(folder.iterdir()), positions, strict=True):
        data = pydicom.dcmread(path)
        data.ImagePositionPatient = [0, 0, place]
        data.save_as(path)
    assert codes(scans.read(folder)) == ([code] if code else [])


def test_a_gantry_tilt_gives_a_warning_and_stays_in_the_affine(tmp_path):
    scan = scans.read(files.series(tmp_path / "s", step=(0, 0.3, 3.0)))
    assert codes(scan) == ["gantry_tilt"]
    np.testing.assert_allclose(scan.affine[:3, 0], [0, -0.3, 3])


def test_a_file_name_with_a_line_break_stays_on_one_line(tmp_path):
    folder = files.series(tmp_path / "s")
    data = pydicom.dcmread(folder / "IM0001.dcm")
    data.PixelData = b""
    data.save_as(folder / "IM\n\x1b[31m.dcm")
    (folder / "IM0001.dcm").unlink()
    assert rejected_line("image_truncated", folder).startswith("IM??[31m.dcm")


def test_other_files_of_a_folder_are_skipped_with_a_note(tmp_path):
    folder = files.series(tmp_path / "s")
    (folder / "README.txt").write_text("scanned on a Monday")
    assert codes(scans.read(folder)) == ["series_other_files"]


def test_files_that_macs_hide_in_a_folder_are_passed_over_without_a_word(tmp_path):
    folder = files.series(tmp_path / "s")
    (folder / ".DS_Store").write_bytes(b"x" * 200)
    (folder / "._IM0000.dcm").write_bytes((folder / "IM0000.dcm").read_bytes())
    scan = scans.read(folder)
    assert codes(scan) == [] and len(scan.voxels) == len(VOLUME)


def test_a_folder_of_slices_has_no_channels(tmp_path):
    rejected_line("channel_missing", files.series(tmp_path / "s"), lambda path: scans.read(path, 1))


def test_a_detectors_pixel_size_of_one_number_does_not_stop_the_reading(tmp_path):
    scan = scans.read(files.series(tmp_path / "s", ImagerPixelSpacing="0.2"))
    np.testing.assert_array_equal(np.rint(measured(scan)), VOLUME)


def test_a_slice_without_a_position_is_a_picture_with_a_warning(tmp_path):
    one = files.slice_of(VOLUME[0], series="1.2", ImagePositionPatient=None)
    one.save_as(tmp_path / "a.dcm")
    scan = scans.read(tmp_path / "a.dcm")
    assert scan.voxels.shape == VOLUME[0].shape and scan.affine is None
    assert scan.spacing_mm == (0.5, 0.75) and codes(scan) == ["affine_missing"]


def test_the_detectors_pixel_size_is_not_used_as_spacing(tmp_path):
    one = files.slice_of(VOLUME[0], series="1.2", PixelSpacing=None, ImagerPixelSpacing=[1, 1])
    one.save_as(tmp_path / "a.dcm")
    assert np.isnan(scans.read(tmp_path / "a.dcm").spacing_mm).all()


def test_a_deflated_file_that_would_fill_the_memory_is_rejected(tmp_path, monkeypatch):
    monkeypatch.setattr("tumorseg.imaging.dicom_pixels.MAX_BYTES", 2**20)
    one = files.slice_of(np.zeros((2048, 2048), np.int16), series="1.2")
    one.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    one.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert (tmp_path / "a.dcm").stat().st_size < 2**16
    rejected_line("image_too_large", tmp_path / "a.dcm")


@pytest.mark.parametrize(
    ("name", "marker", "at"),
    [("jp2klossless", b"\xff\x4f\xff\x51", 8), ("jpeg_ls_lossless", b"\xff\xf7", 5)],
)
def test_a_compressed_slice_cannot_claim_more_pixels_than_its_header(tmp_path, name, marker, at):
    content = bytearray((PYDICOM / f"MR_small_{name}.dcm").read_bytes())
    width = 4 if name == "jp2klossless" else 2
    start = content.index(marker) + at
    assert content[start : start + width] == (64).to_bytes(width)
    content[start : start + 2 * width] = (65000).to_bytes(width) * 2
    (tmp_path / "a.dcm").write_bytes(content)
    rejected_line("image_unreadable", tmp_path / "a.dcm")


# Real files that ship inside pydicom: name -> (shape, smallest, largest, notes)
REAL = {
    "CT_small.dcm": ((1, 128, 128), -896, 1167, []),
    "MR_small.dcm": ((1, 64, 64), 127, 2145, []),
    "examples_overlay.dcm": ((1, 300, 484), 0, 1123, []),
    "image_dfl.dcm": ((512, 512), 0, 255, ["burned_in_text", "affine_missing"]),
    "dicomdirtests/98892001/CT5N": ((5, 16, 16), -888, 85, []),
    "dicomdirtests/77654033/CR1": ((16, 16), 1564, 2117, ["affine_missing"]),
}


@pytest.mark.parametrize("name", REAL)
def test_real_dicom_files_are_read(name):
    shape, low, high, notes = REAL[name]
    scan = scans.read(PYDICOM / name)
    assert (scan.voxels.shape, codes(scan)) == (shape, notes)
    assert abs(measured(scan).min() - low) < 1 and abs(measured(scan).max() - high) < 1


@pytest.mark.parametrize(
    "name", ["implicit", "bigendian", "RLE", "jp2klossless", "jpeg_ls_lossless", "padded"]
)
def test_every_compression_of_a_slice_gives_the_same_values(name):
    plain = scans.read(PYDICOM / "MR_small.dcm")
    other = scans.read(PYDICOM / f"MR_small_{name}.dcm")
    np.testing.assert_array_equal(other.voxels, plain.voxels)
    np.testing.assert_allclose(other.affine, plain.affine)


@pytest.mark.parametrize(
    "syntax",
    [
        "JPEGBaseline8Bit",
        "JPEGLossless",
        "JPEGLosslessSV1",
        "JPEGLSLossless",
        "JPEG2000",
        "RLELossless",
    ],
)
def test_common_compressions_have_a_decoder(syntax):
    assert get_decoder(getattr(pydicom.uid, syntax)).is_available


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("dicomdirtests/DICOMDIR", "image_type"),
        ("rtplan.dcm", "image_type"),
        ("reportsi.dcm", "image_type"),
        ("liver_1frame.dcm", "image_type"),
        ("MR_truncated.dcm", "image_truncated"),
        ("SC_rgb_rle.dcm", "image_colour"),
        ("examples_palette.dcm", "image_colour"),
        ("rtdose.dcm", "affine_missing"),
        ("dicomdirtests/98892003/MR1", "series_several"),
        ("dicomdirtests/98892003/MR700", "series_mixed"),
    ],
)
def test_real_dicom_files_that_are_not_grey_slices_are_rejected(name, code):
    rejected_line(code, PYDICOM / name)


# ---------------------------------------------------------------- MATLAB


def test_a_mat_file_of_the_set_is_read_completely(tmp_path):
    path = files.mat(tmp_path / "1.mat")
    image = PICTURE.astype(np.int16) * 9
    np.testing.assert_array_equal(np.rint(measured(scans.read(path))), image)
    np.testing.assert_array_equal(scans.read_labels(path).values, image > image.mean())
    assert mat.read_metadata(path) == ("100360", "glioma", image.shape)


@pytest.mark.parametrize("members", [{"image": None}, {"PID": None}, {"label": np.array([[7.0]])}])
def test_a_mat_file_of_another_kind_is_rejected(tmp_path, members):
    path = files.mat(tmp_path / "1.mat", **members)
    assert "cjdata" in rejected_line("mat_fields", path, mat.read_metadata)


def test_an_old_mat_file_is_rejected_with_a_hint(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(200))
    assert "-v7.3" in rejected_line("mat_version", tmp_path / "a.mat")


@pytest.mark.parametrize("link", ["external", "soft", "storage"])
def test_a_mat_file_cannot_link_to_other_files(tmp_path, link):
    secret = files.mat(tmp_path / "secret.mat")
    path = files.mat(tmp_path / "a.mat", image=None)
    with h5py.File(path, "a") as file:
        if link == "external":
            file["cjdata/image"] = h5py.ExternalLink(str(secret), "/cjdata/image")
        elif link == "soft":
            file["cjdata/image"] = h5py.SoftLink("/cjdata/tumorMask")
        else:
            file.create_dataset("cjdata/image", (9, 9), "u1", external=[(str(secret), 0, 81)])
    rejected_line("mat_fields", path)


# ---------------------------------------------------------------- real data and fuzzing


def shared(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"REAL DATA NOT FOUND ({name}): this is not tested")
    return path


def test_the_real_volumes_and_their_masks_have_the_same_grid():
    for image in sorted(shared("volumes_t1ce").glob("*_t1ce.nii.gz")):
        scan = scans.read(image)
        labels = scans.read_labels(Path(str(image).replace("t1ce.nii", "tumor_mask.nii")))
        mask = on_grid(labels, scan).values
        assert scans.acquisition_plane(scan) == "axial" and scan.voxels.shape == (256, 256, 24)
        assert set(np.unique(mask)) == {0, 1} and measured(scan)[mask > 0].min() > 0


def test_a_real_head_faces_sideways_in_a_sagittal_slice():
    scan = scans.read(shared("head_with_brain_mask/ch2.nii.gz"))
    labels = scans.read_labels(shared("head_with_brain_mask/ch2bet.nii.gz"))
    brain = on_grid(labels, scan).values > 0
    middle = planes.cut(brain, scan.affine, "sagittal")[90]
    rows, columns = np.nonzero(middle)
    assert middle.shape == (181, 217)
    # Brain stem and cerebellum lie below and behind the middle: narrow, and to the right.
    below = rows > rows.max() - 30
    assert columns[below].mean() > columns.mean() + 10
    assert below.sum() < (rows < rows.min() + 30).sum() / 2


def check_image_or_error(path):
    for read in (scans.read, scans.read_labels):
        try:
            result = read(path)
            assert isinstance(result, scans.Scan | scans.Labels)
        except UserError as problem:
            assert "\n" not in str(problem)


@pytest.mark.parametrize("name", files.MAKERS)
def test_damaged_files_give_an_image_or_a_one_line_error(tmp_path, name, capfd):
    path = files.made(name, tmp_path)
    good = path.read_bytes()
    places = st.integers(0, len(good) - 1)

    @settings(max_examples=60, derandomize=True, database=None)
    @given(places, st.lists(st.tuples(places, st.integers(0, 255)), max_size=6), st.booleans())
    @example(0, [], True)
    def feed(end, changes, cut):
        content = bytearray(good)
        for place, value in changes:
            content[place] = value
        path.write_bytes(content[:end] if cut else content)
        check_image_or_error(path)

    feed()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["x.png", "x.dcm", "x.nii.gz", "x.mha", "x.nrrd", "x.mat"])
def test_random_bytes_give_a_one_line_error(tmp_path, name, capfd):
    starts = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"NRRD0004\n"]
    starts += [
        bytes(128) + b"DICM",
        b"\x1f\x8b\x08\0",
        b"ObjectType = Image\n",
        b"\x89HDF\r\n\x1a\n",
    ]
    starts += [
        bytes(344) + b"n+1\0",
        bytes(4) + b"n+2\0",
        b"\x08\0\x05\0CS",
        b"MATLAB 5.0 MAT-file",
    ]

    @settings(max_examples=60, derandomize=True, database=None)
    @given(st.sampled_from(starts), st.binary(max_size=700))
    def feed(start, content):
        (tmp_path / name).write_bytes(start + content)
        with pytest.raises(UserError) as caught:
            scans.read(tmp_path / name)
        assert "\n" not in str(caught.value)

    feed()
    assert capfd.readouterr() == ("", "")
