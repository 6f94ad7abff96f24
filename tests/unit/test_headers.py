"""Headers that say a thing twice, or leave it out: which statement counts, and the warning."""

import gzip
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
import pydicom
import pytest
import scan_files as files
import SimpleITK as sitk  # noqa: N813
from annotation_files import blob, write_seg
from annotation_files import scan as dicom_scan
from scipy.spatial.transform import Rotation

from tumorseg.core.cases import Entry
from tumorseg.core.digests import files_digest
from tumorseg.core.errors import UserError
from tumorseg.core.problems import DataError
from tumorseg.data.reading import cases_of
from tumorseg.imaging import planes, scans
from tumorseg.imaging.grids import Stated
from tumorseg.imaging.label_grids import placed as on_grid
from tumorseg.imaging.scans import Scan
from tumorseg.outlines import any_form

ODD = Path(__file__).parents[2].parent / "shared" / "data" / "odd_files"
GRID = np.diag([1.0, 2.0, 3.0, 1.0])
# The same voxels, named from the other side: left is right.
MIRRORED = GRID.copy()
MIRRORED[0] = [-1, 0, 0, 11]
MOVED = GRID.copy()
MOVED[0, 3] = 30
VOXELS = np.random.default_rng(1).integers(0, 900, (12, 10, 4)).astype(np.int16)
MASK = np.zeros(VOXELS.shape, np.uint8)
MASK[2:5, 3:7, 1:3] = 1  # asymmetric: a mirrored one is another


def odd(name):
    if not ODD.exists():
        pytest.skip(f"ODD FILES NOT FOUND ({ODD}): {name} is not tested")
    return ODD / name


def volume(path, values, sform=None, qform=None):
    header = nib.Nifti1Header()
    header.set_data_dtype(values.dtype)
    header.set_data_shape(values.shape)
    header.set_sform(sform, 0 if sform is None else 1)
    if qform is None:  # pixdim states the voxel size even so
        header.set_zooms(np.linalg.norm(sform[:3, :3], axis=0))
    else:
        header.set_qform(qform, 1)
    image = nib.Nifti1Image(values, None, header)
    path.write_bytes(gzip.compress(image.to_bytes()))
    return path


def changed(path, at, content):
    """The volume with other bytes in its header, not compressed."""
    new = bytearray(gzip.decompress(path.read_bytes()))
    new[at : at + len(content)] = content
    path = path.with_suffix("")
    path.write_bytes(new)
    return path


def cases(image, mask, **settings):
    """The cases of an image and its mask, and the problems by code."""
    entry = Entry(
        case="v", image=image, annotation=mask, patient="p", plane="axial", origin=str(image)
    )
    read, problems = cases_of(entry, {"slices": "tumour", **settings})
    return read, [(problem.code, problem.severity) for problem in problems]


def masks_of(read):
    return np.stack([case.mask for case in read])


def differs(count):
    return [("affine_differs", "warning")] * count


@pytest.mark.parametrize(
    ("image", "mask", "counts"),
    [
        ({"sform": MIRRORED, "qform": GRID}, {"qform": GRID}, GRID),
        ({"sform": MIRRORED, "qform": GRID}, {"sform": MIRRORED}, MIRRORED),
        ({"sform": MIRRORED, "qform": GRID}, {"sform": MIRRORED, "qform": GRID}, MIRRORED),
        ({"sform": MOVED, "qform": GRID}, {"sform": MOVED}, MOVED),
        ({"sform": MOVED, "qform": GRID}, {"sform": GRID}, GRID),
        ({"sform": MOVED, "qform": GRID}, {"qform": MOVED}, MOVED),
        ({"sform": GRID}, {"sform": MIRRORED, "qform": GRID}, GRID),
        ({"qform": GRID}, {"sform": MOVED, "qform": GRID}, GRID),
    ],
)
def test_labels_and_image_meet_under_the_affine_that_both_state(tmp_path, image, mask, counts):
    scan = scans.read(volume(tmp_path / "a.nii.gz", VOXELS, **image))
    mask_file = volume(tmp_path / "m.nii.gz", MASK, **mask)
    twice = sum(len(one) == 2 for one in (image, mask))
    if image == {"sform": GRID}:  # its labels' sform is mirrored: the array was turned
        np.testing.assert_array_equal(
            on_grid(scans.read_labels(mask_file), scan).values, MASK[::-1]
        )
        return
    read, codes = cases(scan.path, mask_file)
    assert codes == differs(twice + 1)
    expected = planes.cut(MASK, counts, "axial")
    np.testing.assert_array_equal(masks_of(read), expected[expected.any(axis=(1, 2))])
    stored = planes.cut(scan.voxels, counts, "axial")[expected.any(axis=(1, 2))]
    np.testing.assert_array_equal(np.stack([case.image for case in read]), stored)


def test_both_orientations_are_printed_and_the_one_that_counts(tmp_path):
    (note,) = scans.read(volume(tmp_path / "a.nii.gz", VOXELS, MOVED, GRID)).notes
    assert note.value == (
        "sform and qform disagree by up to 30 mm: sform 1 x 2 x 3 mm to RAS from (30, 0, 0), "
        "qform 1 x 2 x 3 mm to RAS from (0, 0, 0)"
    )
    assert "the sform counts" in note.hint


def test_labels_that_fit_in_two_ways_are_rejected_instead_of_guessed(tmp_path):
    image = volume(tmp_path / "a.nii.gz", VOXELS, GRID, GRID)
    mask = volume(tmp_path / "m.nii.gz", MASK, MIRRORED, GRID)
    assert cases(image, mask) == ([], [("affine_ambiguous", "error")])


def test_orientations_that_differ_by_rounding_count_as_one(tmp_path):
    close = GRID + np.array([[0, 0, 0, 0.05]] + [[0] * 4] * 3)
    scan = scans.read(volume(tmp_path / "a.nii.gz", VOXELS, close, GRID))
    assert scan.notes == () and len(scan.affines) == 1
    np.testing.assert_allclose(scan.affine, close, atol=1e-6)


def test_a_qform_counts_where_the_sform_states_no_voxels(tmp_path):
    path = changed(volume(tmp_path / "a.nii.gz", VOXELS, GRID, GRID), 280, bytes(48))
    scan = scans.read(path)
    np.testing.assert_allclose(scan.affine, GRID)
    assert [note.code for note in scan.notes] == ["header_repaired"]


def test_voxel_sizes_that_pixdim_and_sform_state_differently_give_a_warning(tmp_path):
    one = np.ones(3, "<f4").tobytes()
    scan = scans.read(changed(volume(tmp_path / "a.nii.gz", VOXELS, GRID), 80, one))
    assert planes.spacing_in(scan.affine, "axial") == (2, 1)
    assert [note.value for note in scan.notes] == [
        "pixdim states voxels of 1 x 1 x 1, the sform of 1 x 2 x 3"
    ]


@pytest.mark.parametrize(("factor", "sign"), [(0, 1), (0.5, 1), (-3, -1)])
def test_qfac_that_is_no_sign_is_taken_as_the_format_says(tmp_path, factor, sign):
    written = np.array(factor, "<f4").tobytes()
    scan = scans.read(changed(volume(tmp_path / "a.nii.gz", VOXELS, qform=GRID), 76, written))
    np.testing.assert_allclose(scan.affine[2], [0, 0, 3 * sign, 0], atol=1e-6)
    assert [note.code for note in scan.notes] == ["header_repaired"]


@pytest.mark.parametrize(("kind", "at"), [(nib.Nifti1Image, 108), (nib.Nifti2Image, 168)])
def test_vox_offset_0_is_the_end_of_the_header(tmp_path, kind, at):
    path = tmp_path / "a.nii"
    nib.save(kind(VOXELS, GRID), path)
    content = bytearray(path.read_bytes())
    width = 4 if kind is nib.Nifti1Image else 8
    assert any(content[at : at + width])
    content[at : at + width] = bytes(width)
    path.write_bytes(content)
    scan = scans.read(path)
    restored = np.rint(scan.offset + scan.scale * scan.voxels.astype(float))
    np.testing.assert_array_equal(restored, VOXELS)
    assert [note.code for note in scan.notes] == ["header_repaired"]


@pytest.mark.parametrize(
    ("slope", "intercept", "notes"),
    [(0, 7, 0), (np.nan, np.nan, 0), (np.inf, 0, 0), (2, np.nan, 1), (1, 0, 0)],
)
def test_a_slope_of_0_or_nan_is_no_rescaling(tmp_path, slope, intercept, notes):
    both = np.array([slope, intercept], "<f4").tobytes()
    scan = scans.read(changed(volume(tmp_path / "a.nii.gz", VOXELS, GRID), 112, both))
    restored = np.rint(scan.offset + scan.scale * scan.voxels.astype(float))
    np.testing.assert_array_equal(restored, VOXELS * (2 if slope == 2 else 1))
    assert [note.code for note in scan.notes] == ["header_repaired"] * notes


def test_a_segmentation_in_mm_is_placed_by_the_orientation_that_it_fits(tmp_path):
    path = write_seg(tmp_path / "seg.dcm", {"t": blob()})
    own = dicom_scan()
    wrong = own.affine.copy()
    wrong[0, 3] += 40
    twice = (Stated(wrong, ("sform",)), Stated(own.affine, ("qform",)))
    image = Scan(Path("v.nii"), own.voxels, affine=wrong, affines=twice)
    annotation = any_form.read(path, "auto", image)
    np.testing.assert_array_equal(annotation.mask, blob())
    np.testing.assert_array_equal(annotation.affine, own.affine)
    assert [note.code for note in annotation.notes] == ["affine_differs"]
    mirrored = own.affine @ np.diag([1, 1, -1, 1])
    mirrored[:, 3] += own.affine[:, 2] * (own.voxels.shape[2] - 1)
    twice = (Stated(mirrored, ("sform",)), twice[1])
    with pytest.raises(UserError, match="affine_ambiguous"):
        any_form.read(path, "auto", Scan(image.path, own.voxels, affine=mirrored, affines=twice))


def test_the_odd_volumes_with_two_orientations_keep_their_tumours():
    folder = odd("08_sform_qform_flip") / "data"
    read, codes = cases(folder / "images/v1.nii.gz", folder / "masks/v1.nii.gz")
    assert codes == differs(2)
    stored = np.asarray(nib.load(folder / "masks/v1.nii.gz").dataobj)
    voxels = np.asarray(nib.load(folder / "images/v1.nii.gz").dataobj)
    (case,) = read
    assert case.mask.sum() == 112
    # The arrays go together: the same turn of both gives image and mask.
    number = int(stored.any(axis=(0, 1)).argmax())
    affine = nib.load(folder / "masks/v1.nii.gz").affine
    np.testing.assert_array_equal(case.mask, planes.cut(stored, affine, "axial")[number])
    image = planes.cut(voxels, affine, "axial")[number]
    measured = np.rint(case.offset + case.scale * case.image.astype(float))
    np.testing.assert_array_equal(measured, image)
    read, codes = cases(odd("v5.nii.gz"), odd("v5_l.nii.gz"))
    assert codes == differs(2) and masks_of(read).sum() == 544


# ---------------------------------------------------------------- DICOM


def notes_of(folder):
    return [(note.code, note.value) for note in scans.read(folder).notes]


@pytest.mark.parametrize("slope", [0, "nan"])
def test_a_rescale_slope_of_0_is_taken_as_1(tmp_path, slope):
    folder = files.series(tmp_path / "s", RescaleSlope=slope, RescaleIntercept=-7)
    scan = scans.read(folder)
    restored = np.rint(scan.offset + scan.scale * scan.voxels.astype(float))
    np.testing.assert_array_equal(restored, files.VOLUME - 7)
    assert [note.code for note in scan.notes] == ["header_repaired"]


def test_pixelspacing_counts_where_the_detectors_size_differs(tmp_path):
    folder = files.series(tmp_path / "s", ImagerPixelSpacing=[1, 1.5])
    assert notes_of(folder) == [
        ("spacing_differs", "PixelSpacing 0.5 x 0.75 mm, ImagerPixelSpacing 1 x 1.5 mm")
    ]
    assert planes.spacing_in(scans.read(folder).affine, "axial") == (0.5, 0.75)
    assert notes_of(files.series(tmp_path / "t", ImagerPixelSpacing=[0.5, 0.75])) == []


def test_positions_count_where_the_stated_distance_of_slices_differs(tmp_path):
    folder = files.series(tmp_path / "s", SpacingBetweenSlices=1.5)
    assert notes_of(folder) == [
        ("spacing_differs", "SpacingBetweenSlices 1.5 mm, but positions 3 mm apart")
    ]
    assert np.linalg.norm(scans.read(folder).affine[:3, 0]) == pytest.approx(3)
    for number, stated in enumerate((3, -3)):
        folder = files.series(tmp_path / str(number), SpacingBetweenSlices=stated)
        assert notes_of(folder) == []
    gap = files.series(tmp_path / "gap", SpacingBetweenSlices=0.5, SliceThickness=2.5)
    assert notes_of(gap) == []


def test_an_oblique_compressed_series_is_read_as_by_simpleitk(tmp_path):
    turn = Rotation.from_euler("xyz", (9, -6, 4), True).as_matrix()
    affine = np.eye(4)
    affine[:3] = np.column_stack([turn @ np.diag([0.7, 0.9, 6.5])[:, ::-1], [-90.5, -111, 34]])
    values = np.random.default_rng(8).integers(0, 2000, (11, 16, 20)).astype(np.int16)
    folder = files.compressed_series(tmp_path / "s", values, affine)
    syntax = pydicom.dcmread(folder / "000.dcm").file_meta.TransferSyntaxUID
    assert syntax in (pydicom.uid.JPEGLossless, pydicom.uid.JPEGLosslessSV1)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    theirs, ours = reader.Execute(), scans.read(folder)
    stack = sitk.GetArrayFromImage(theirs)
    np.testing.assert_array_equal(stack, values)
    restored = np.rint(ours.offset + ours.scale * ours.voxels.astype(float))
    np.testing.assert_array_equal(restored, stack)
    for index in np.ndindex(2, 2, 2):
        at = np.array(index) * (np.array(stack.shape) - 1)
        point = theirs.TransformIndexToPhysicalPoint([int(x) for x in at[::-1]])
        np.testing.assert_allclose(
            ours.affine @ [*at, 1], [-point[0], -point[1], point[2], 1], atol=1e-4
        )
    # GDCM states a distance of 1 mm for slices that are written one by one.
    assert [note.code for note in ours.notes] == ["spacing_differs"]


# ---------------------------------------------------------------- MetaImage and NRRD

STATED = {  # what is stated twice -> the affine's diagonal, or its last column, in LPS
    ("TransformMatrix = -1 0 0 0 1 0 0 0 1", "Orientation = 1 0 0 0 1 0 0 0 1"): (-1, 1, 1),
    ("Orientation = 1 0 0 0 1 0 0 0 1", "Rotation = -1 0 0 0 1 0 0 0 1"): (-1, 1, 1),
    ("ElementSize = 4 5 6", "ElementSpacing = 1 2 3"): (1, 2, 3),
    ("Position = 4 5 6", "Offset = 1 2 3"): (1, 2, 3),
    ("Offset = 1 2 3", "Origin = 7 8 9"): (7, 8, 9),
}


@pytest.mark.parametrize("lines", STATED)
def test_fields_of_metaimage_that_mean_the_same_are_both_printed(tmp_path, lines):
    head = ["ObjectType = Image", "NDims = 3", "DimSize = 2 3 4", *lines]
    if not any(word in " ".join(lines) for word in ("Matrix", "Rotation", "Orientation")):
        head.append("TransformMatrix = 1 0 0 0 1 0 0 0 1")
    head += ["BinaryData = True", "ElementType = MET_UCHAR", "ElementDataFile = LOCAL", ""]
    path = tmp_path / "a.mha"
    path.write_bytes("\n".join(head).encode() + bytes(range(24)))
    scan = scans.read(path)
    affine = np.diag([-1, -1, 1, 1]) @ scan.affine
    found = affine[:3, 3] if affine[:3, 3].any() else np.diag(affine)[:3]
    np.testing.assert_array_equal(found, STATED[lines])
    (note,) = scan.notes
    assert note.code == "affine_differs"
    assert all(line.split(" = ")[0] in note.value for line in lines)


def nrrd(path, *lines):
    head = ["NRRD0004", "type: uchar", "dimension: 3", "sizes: 2 3 4", "encoding: raw", *lines]
    path.write_bytes("\n".join(head).encode() + b"\n\n" + bytes(range(24)))
    return path


DIRECTIONS = "space directions: (1,0,0) (0,2,0) (0,0,3)"


@pytest.mark.parametrize(
    ("space", "signs", "notes"),
    [
        ("space: left-posterior-superior", (-1, -1, 1), []),
        ("space: right-anterior-superior", (1, 1, 1), []),
        ("space: RAS", (1, 1, 1), []),
        ("space: left-anterior-superior", (-1, 1, 1), []),
        ("space: scanner-xyz", (-1, -1, 1), ["affine_missing"]),
        ("space dimension: 3", (-1, -1, 1), ["affine_missing"]),
    ],
)
def test_the_space_of_an_nrrd_says_where_its_axes_point(tmp_path, space, signs, notes):
    scan = scans.read(nrrd(tmp_path / "a.nrrd", space, DIRECTIONS))
    np.testing.assert_array_equal(np.diag(scan.affine)[:3], np.array(signs) * (1, 2, 3))
    assert [note.code for note in scan.notes] == notes
    assert all("Left-Posterior-Superior" in note.hint for note in scan.notes)


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("m", 1000), ("um", 0.001)])
def test_units_of_an_nrrd_become_millimetres(tmp_path, unit, factor):
    units = "space units: " + " ".join([f'"{unit}"'] * 3)
    space = "space: right-anterior-superior"
    scan = scans.read(nrrd(tmp_path / "a.nrrd", space, DIRECTIONS, units))
    assert planes.spacing_in(scan.affine, "axial") == pytest.approx((2 * factor, factor))


# ---------------------------------------------------------------- two files, 64 bit


@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Nifti2Pair])
@pytest.mark.parametrize("name", ["a.hdr", "a.img"])
def test_a_nifti_pair_is_read_by_either_of_its_files(tmp_path, kind, name):
    nib.save(kind(VOXELS, GRID), tmp_path / "a.img")
    scan = scans.read(tmp_path / name)
    restored = np.rint(scan.offset + scan.scale * scan.voxels.astype(float))
    np.testing.assert_array_equal(restored, VOXELS)
    np.testing.assert_allclose(scan.affine, GRID)
    assert scan.notes == ()


def test_a_pair_without_one_of_its_files_is_rejected_and_a_cut_one_too(tmp_path):
    nib.save(nib.Nifti1Pair(VOXELS, GRID), tmp_path / "a.img")
    content = (tmp_path / "a.img").read_bytes()
    for wrong, code in ((content[:-1], "image_truncated"), (None, "image_missing")):
        (tmp_path / "a.img").unlink()
        if wrong:
            (tmp_path / "a.img").write_bytes(wrong)
        with pytest.raises(DataError) as caught:
            scans.read(tmp_path / "a.hdr")
        assert caught.value.problem.code == code
    (tmp_path / "b.img").write_bytes(content)
    with pytest.raises(DataError) as caught:
        scans.read(tmp_path / "b.img")
    assert caught.value.problem.code == "image_type"


@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.AnalyzeImage])
@pytest.mark.parametrize("packed", [[".img"], [".hdr", ".img"]])
def test_a_compressed_pair_is_refused_with_how_to_unpack_it(tmp_path, kind, packed):
    nib.save(kind(VOXELS, None), tmp_path / "a.img")
    for ending in packed:
        path = tmp_path / f"a{ending}"
        (tmp_path / f"a{ending}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    for path in tmp_path.iterdir():
        for read in (scans.read, scans.read_labels):
            with pytest.raises(DataError, match=r"compressed pair of header and pixels; .*gunzip"):
                read(path)


@pytest.mark.parametrize("name", ["a.hdr", "a.img"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4", "f8"])
def test_an_analyze_pair_is_read_with_an_assumed_orientation(tmp_path, name, order, dtype):
    values = (VOXELS % 200).astype(order + dtype)
    header = nib.AnalyzeHeader(endianness=order)
    header.set_data_dtype(values.dtype)
    nib.save(nib.AnalyzeImage(values, None, header), tmp_path / "a.img")
    header = bytearray((tmp_path / "a.hdr").read_bytes())
    header[76:92] = np.array([0, 1, 2, 3], order + "f4").tobytes()  # pixdim
    header[253:263] = np.array([7, 5, 2, 0, 0], order + "i2").tobytes()  # SPM's origin
    (tmp_path / "a.hdr").write_bytes(header)
    scan = scans.read(tmp_path / name)
    restored = np.rint(scan.offset + scan.scale * scan.voxels.astype(float))
    np.testing.assert_array_equal(restored, values)
    np.testing.assert_array_equal(scan.affine[:3, :3], np.diag([-1, 2, 3]))
    (note,) = scan.notes
    assert note.code == "affine_missing" and "Left-Anterior-Superior" in note.hint


def test_spm_scales_analyze_and_another_orientation_is_refused(tmp_path):
    nib.save(nib.AnalyzeImage(VOXELS, None), tmp_path / "a.img")
    header = bytearray((tmp_path / "a.hdr").read_bytes())
    header[112:116] = np.array(0.5, "<f4").tobytes()
    (tmp_path / "a.hdr").write_bytes(header)
    scan = scans.read(tmp_path / "a.hdr")
    restored = scan.offset + scan.scale * scan.voxels.astype(float)
    np.testing.assert_allclose(restored, VOXELS / 2, atol=0.01)
    for order, refused in ((0, False), (1, True), (2, True), (5, True), (32, False)):
        header[252] = order
        (tmp_path / "a.hdr").write_bytes(header)
        if refused:
            with pytest.raises(DataError, match=f"orientation {order}.*affine_missing"):
                scans.read(tmp_path / "a.img")
        else:
            assert scans.read(tmp_path / "a.img").voxels.shape == VOXELS.shape


def test_a_volume_without_orientation_lies_as_the_warning_says(tmp_path):
    """nibabel takes it so; the warning said Right-Anterior-Superior."""
    nib.save(nib.Nifti1Image(VOXELS, None), tmp_path / "a.nii")
    scan = scans.read(tmp_path / "a.nii")
    assert nib.aff2axcodes(scan.affine) == ("L", "A", "S")
    assert "assumed to run Left-Anterior-Superior" in scan.notes[0].hint


def test_other_headers_of_that_name_are_no_images(tmp_path):
    for content in (b"ENVI\nsamples = 3\n", bytes(348), bytes(400)):
        (tmp_path / "a.hdr").write_bytes(content)
        (tmp_path / "a.img").write_bytes(bytes(999))
        for name in ("a.hdr", "a.img"):
            with pytest.raises(DataError) as caught:
                scans.read(tmp_path / name)
            assert caught.value.problem.code == "image_type"


@pytest.mark.parametrize("name", ["a.img", "a.mhd"])
def test_a_change_of_the_second_file_imports_the_data_again(tmp_path, name):
    if name == "a.img":
        nib.save(nib.Nifti1Pair(VOXELS, GRID), tmp_path / name)
        named, second = tmp_path / "a.hdr", tmp_path / name
    else:
        named, second = files.itk(tmp_path / name), tmp_path / "a.raw"
    before = files_digest([named], tmp_path)
    second.write_bytes(second.read_bytes() + b"\0")
    assert files_digest([named], tmp_path) != before


def test_a_tiff_of_64_bit_floats_is_read(tmp_path):
    values = np.linspace(-100, 120, 600).reshape(20, 30)
    path = tmp_path / "a.tif"
    path.write_bytes(cv2.imencode(".tif", values)[1].tobytes())
    scan = scans.read(path)
    restored = scan.offset + scan.scale * scan.voxels.astype(float)
    np.testing.assert_allclose(restored, values, atol=220 / 65535 / 2 * 1.01)
    path.write_bytes(cv2.imencode(".tif", np.round(values))[1].tobytes())
    np.testing.assert_array_equal(scans.read_labels(path).values, np.round(values))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError) as caught:
        scans.read(path)
    assert caught.value.problem.code in ("image_truncated", "image_unreadable")
