"""Label volumes as other programs write them: cropped, of floats, in layers with names."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import scan_files as files
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tumorseg.core.cases import Entry
from tumorseg.core.problems import DataError
from tumorseg.data.reading import cases_of
from tumorseg.imaging import scans
from tumorseg.imaging.label_grids import placed
from tumorseg.imaging.scans import Labels, Scan
from tumorseg.outlines import any_form

ODD = Path(__file__).parents[2].parent / "shared" / "data" / "odd_files"
AFFINE = np.array([[1.0, 0, 0, -20], [0, 1, 0, -24], [0, 0, 3, -18], [0, 0, 0, 1]])
SHAPE = (14, 12, 8)
VOXELS = np.random.default_rng(1).integers(0, 900, SHAPE).astype(np.int16)
MASK = np.zeros(SHAPE, np.uint8)
MASK[3:6, 5:9, 2:4] = 1
MASK[5, 8, 4] = 1


def image(tmp_path):
    return scans.read(files.nifti(tmp_path / "image.nii", VOXELS, AFFINE))


def moved(offset, affine=AFFINE):
    """The affine of a grid that begins `offset` voxels inside."""
    new = affine.copy()
    new[:3, 3] += affine[:3, :3] @ offset
    return new


def codes(annotation):
    return [note.code for note in annotation.notes]


def rejected(path, scan, labels=None):
    with pytest.raises(DataError) as caught:
        any_form.read(path, "auto", scan, labels=labels)
    return caught.value.problem


def test_a_cropped_label_volume_is_placed_by_its_origin(tmp_path):
    path = files.nifti(tmp_path / "a.nii", MASK[2:10, 4:11, 1:6], moved((2, 4, 1)))
    annotation = any_form.read(path, "auto", image(tmp_path))
    np.testing.assert_array_equal(annotation.mask, MASK)
    assert codes(annotation) == ["labels_cropped"]
    assert "by whole voxels" in annotation.notes[0].hint


def test_a_cropped_label_volume_may_have_turned_axes(tmp_path):
    part = nib.Nifti1Image(MASK[2:10, 4:11, 1:6], moved((2, 4, 1)))
    there = part.as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
    nib.save(there, tmp_path / "a.nii")
    annotation = any_form.read(tmp_path / "a.nii", "auto", image(tmp_path))
    np.testing.assert_array_equal(annotation.mask, MASK)


def test_a_crop_between_voxels_goes_to_the_nearest_and_says_how_far(tmp_path):
    path = files.nifti(tmp_path / "a.nii", MASK[2:10, 4:11, 1:6], moved((2.3, 3.8, 1)))
    annotation = any_form.read(path, "auto", image(tmp_path))
    np.testing.assert_array_equal(annotation.mask, MASK)
    assert "to the nearest voxel, up to 0.3 voxels away" in annotation.notes[0].hint


@pytest.mark.parametrize(
    ("part", "affine"),
    [
        (MASK[2:10, 4:11, 1:6], moved((9, 4, 1))),  # reaches out of the image
        (MASK[2:10, 4:11, 1:6], moved((2, 4, 1)) @ np.diag([1.1, 1, 1, 1])),  # other voxels
        (np.pad(MASK[2:], ((0, 9), (0, 0), (0, 0))), moved((2, 0, 0))),  # beyond one side only
        (np.zeros((*SHAPE[:2], 3), np.uint8), np.diag([1, 1, 3, 1])),  # no place stated
        (MASK, moved((1, 0, 0))),  # the whole image, shifted: a wrong header
    ],
)
def test_labels_that_are_no_part_of_the_image_are_rejected(tmp_path, part, affine):
    path = files.nifti(tmp_path / "a.nii", part, affine)
    assert rejected(path, image(tmp_path)).code == "grid_mismatch"


@pytest.mark.parametrize("axes", [(2, 1, 0), (1, 0, 2), (2, 0, 1)])
def test_an_array_whose_axes_were_exchanged_is_no_part_of_the_image(tmp_path, axes):
    """As Python's libraries return z, y, x: saved with the image's header it was cut to it."""
    problem = rejected(
        files.nifti(tmp_path / "a.nii", MASK.transpose(axes), AFFINE), image(tmp_path)
    )
    assert problem.code == "grid_mismatch"
    assert "the array's axes may have another order than its header says" in problem.hint


@pytest.mark.parametrize("more", [(3, 0, 0), (2, 5, 1)])
def test_labels_larger_than_their_image_are_cut_to_it(tmp_path, more):
    """As where the image was cropped after it was annotated."""
    larger = np.pad(MASK, [(side, side + 1) for side in more])
    larger[0, 0, 0] = 1
    path = files.nifti(tmp_path / "a.nii", larger, moved([-side for side in more]))
    annotation = any_form.read(path, "auto", image(tmp_path))
    np.testing.assert_array_equal(annotation.mask, MASK)
    (note,) = annotation.notes
    assert note.code == "labels_larger" and "1 labelled voxels outside" in note.hint


def test_labels_larger_along_one_axis_and_cropped_along_another_are_placed(tmp_path):
    part = np.pad(MASK, ((4, 4), (0, 0), (0, 0)))[:, 4:11]
    there = nib.Nifti1Image(part, moved((-4, 4, 0))).as_reoriented(
        np.array([[1, -1], [2, 1], [0, -1]])
    )
    nib.save(there, tmp_path / "a.nii")
    annotation = any_form.read(tmp_path / "a.nii", "auto", image(tmp_path))
    np.testing.assert_array_equal(annotation.mask, MASK)
    assert codes(annotation) == ["labels_larger"]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_labels_of_any_size_keep_each_voxel_at_its_place_in_the_patient(data):
    start, size = [], []
    for side in SHAPE:
        first = data.draw(st.integers(-4, side - 1))
        last = data.draw(st.integers(max(first, 0), side + 4))
        if first < 0 or last >= side:  # around the image along this axis
            first, last = min(first, 0), max(last, side - 1)
        start.append(first)
        size.append(last - first + 1)
    values = np.arange(1, np.prod(size) + 1).reshape(size)
    signs = data.draw(st.tuples(*[st.sampled_from([-1, 1])] * 3))
    order = data.draw(st.permutations(range(3)))
    there = nib.Nifti1Image(values.astype(np.int32), moved(start)).as_reoriented(
        np.array([order, signs]).T
    )
    scan = Scan(Path("v.nii"), np.zeros(SHAPE, np.uint16), affine=AFFINE)
    found = placed(Labels(np.asarray(there.dataobj), there.affine), scan).values
    expected = np.zeros(SHAPE, int)
    for index in np.ndindex(SHAPE):
        at = np.array(index) - start
        if (at >= 0).all() and (at < size).all():
            expected[index] = values[tuple(at)]
    np.testing.assert_array_equal(found, expected)


def without_geometry(path, values):
    nib.save(nib.Nifti1Image(values, None), path)
    return path


def test_labels_of_another_size_are_not_placed_where_a_header_states_no_place(tmp_path):
    """nibabel puts such a volume's middle at 0: that says nothing about where a part lies."""
    without_geometry(tmp_path / "image.nii", VOXELS)
    part = without_geometry(tmp_path / "part.nii", MASK[1:-1])
    whole = without_geometry(tmp_path / "whole.nii", MASK)
    scan = scans.read(tmp_path / "image.nii")
    problem = rejected(part, scan)
    assert problem.code == "grid_mismatch" and "does not say where it lies" in problem.hint
    np.testing.assert_array_equal(any_form.read(whole, "auto", scan).mask, MASK)
    identity = files.nifti(tmp_path / "identity.nii", MASK[:8], np.eye(4))
    scan = scans.read(files.nifti(tmp_path / "other.nii", VOXELS, np.eye(4)))
    assert "does not say where it lies" in rejected(identity, scan).hint


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
def test_itk_labels_of_another_size_are_placed_only_where_they_state_an_origin(tmp_path, name):
    part = sitk.GetImageFromArray(MASK[:10].T)
    part.SetSpacing((1, 1, 3))
    part.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    part.SetOrigin((20, 24, -18))
    sitk.WriteImage(part, str(tmp_path / name))
    annotation = any_form.read(tmp_path / name, "auto", image(tmp_path))
    np.testing.assert_array_equal(annotation.mask, MASK)
    content = (tmp_path / name).read_bytes()
    for key in (b"space origin: ", b"Offset = "):
        before, found, after = content.partition(key)
        content = before + after.partition(b"\n")[2] if found else content
    (tmp_path / name).write_bytes(content)
    assert rejected(tmp_path / name, image(tmp_path)).code == "grid_mismatch"


def test_channels_behind_a_single_slice_are_no_larger_labels(tmp_path):
    """One-hot labels (height, width, class) of one slice: class 0, the background, would count."""
    scan = scans.read(files.nifti(tmp_path / "image.nii", VOXELS[..., :1], AFFINE))
    hot = np.stack([1 - MASK[..., 3], MASK[..., 3], 0 * MASK[..., 3]], axis=-1)
    path = files.nifti(tmp_path / "a.nii", hot, AFFINE)
    assert rejected(path, scan).code == "grid_mismatch"


@pytest.mark.parametrize("name", ["a.nii", "a.nrrd", "a.mha"])
@pytest.mark.parametrize("overlap", [False, True])
def test_a_channel_for_each_class_is_refused_with_what_to_save(tmp_path, name, overlap):
    """Whether the channels are one-hot, overlap or are probabilities: which class counts?"""
    scan = image(tmp_path)
    channels = np.stack([1 - MASK, MASK, MASK * overlap], axis=-1).astype(np.float32)
    if name == "a.nii":
        files.nifti(tmp_path / name, channels * 0.4, AFFINE)
    else:
        vectors = sitk.GetImageFromArray(channels.transpose(2, 1, 0, 3), isVector=True)
        sitk.WriteImage(vectors, str(tmp_path / name))
    problem = rejected(tmp_path / name, scan, {"1": "tumour", "2": "tumour"})
    assert problem.code in ("volume_many", "image_colour")
    assert "that of the channel with the largest value" in problem.hint


def test_a_single_slice_of_a_nifti_volume_is_no_mask_of_a_picture(tmp_path):
    """Its axes can be ordered and directed in many ways; it was taken as rows and columns."""
    mask = np.zeros((1, 12, 12), np.uint8)
    mask[0, 2:5, 7:11] = 1
    scan = scans.read(files.png(tmp_path / "image.png", np.zeros((12, 12), np.uint8)))
    problem = rejected(files.nifti(tmp_path / "a.nii", mask, AFFINE), scan)
    assert problem.code == "grid_mismatch" and "both as pictures" in problem.hint
    one = files.slice_of(mask[0], series="1.2")
    one.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    annotation = any_form.read(tmp_path / "a.dcm", "auto", scan)
    np.testing.assert_array_equal(annotation.mask, mask[0])


def test_labels_that_lost_their_header_are_told_to_copy_the_images(tmp_path):
    path = files.nifti(tmp_path / "a.nii", MASK, np.eye(4))
    problem = rejected(path, image(tmp_path))
    assert problem.code == "grid_mismatch"
    assert "copy the image's header" in problem.hint and "resample" not in problem.hint
    shifted = files.nifti(tmp_path / "b.nii", MASK, moved((3, 0, 0)))
    assert "copy its header" in rejected(shifted, image(tmp_path)).hint


def test_labels_within_a_thousandth_of_a_whole_number_are_rounded(tmp_path):
    path = files.nifti(tmp_path / "a.nii", MASK * np.float32(0.9999), AFFINE)
    annotation = any_form.read(path, "auto", image(tmp_path))
    np.testing.assert_array_equal(annotation.mask, MASK)
    assert codes(annotation) == ["label_rounded"]
    assert annotation.notes[0].value.startswith(f"{MASK.sum()} labels")
    path = files.nifti(tmp_path / "b.nii", MASK * np.float32(0.998), AFFINE)
    assert rejected(path, image(tmp_path)).code == "label_fraction"


def segmentation(path, layers, names, *, affine=AFFINE, flat=False):
    """A segmentation as 3D Slicer writes it: layers first, names in the header.

    names: (name, value, layer) of each segment; layer None as older versions, without the field.
    """
    directions = (np.diag([-1, -1, 1]) @ affine[:3, :3]).T
    origin = np.array([-1, -1, 1]) * affine[:3, 3]
    vectors = [f"({','.join(f'{x:g}' for x in side)})" for side in directions]
    sizes = " ".join(map(str, ([] if flat else [len(layers)]) + list(layers[0].shape)))
    lines = [
        "NRRD0004",
        "type: unsigned char",
        f"dimension: {3 if flat else 4}",
        "space: left-posterior-superior",
        f"sizes: {sizes}",
        f"space directions: {'' if flat else 'none '}{' '.join(vectors)}",
        f"kinds: {'' if flat else 'list '}domain domain domain",
        "encoding: raw",
        f"space origin: ({','.join(f'{x:g}' for x in origin)})",
    ]
    for number, (name, value, layer) in enumerate(names):
        lines += [f"Segment{number}_LabelValue:={value}", f"Segment{number}_Name:={name}"]
        lines += [] if layer is None else [f"Segment{number}_Layer:={layer}"]
    pixels = np.stack(layers).astype(np.uint8).tobytes(order="F")
    path.write_bytes("\n".join(lines).encode() + b"\n\n" + pixels)
    return path


RIM = np.zeros(SHAPE, np.uint8)
RIM[2:8, 4:10, 1:5] = 1  # overlaps the mask: that is what layers are for


@pytest.mark.parametrize("with_layers", [True, False])
def test_the_layers_of_a_segmentation_are_read_by_name_or_number(tmp_path, with_layers):
    names = [("core", 1, 0 if with_layers else None), ("rim", 1, 1 if with_layers else None)]
    path = segmentation(tmp_path / "a.seg.nrrd", [MASK, RIM], names)
    scan = image(tmp_path)
    problem = rejected(path, scan)
    assert problem.code == "label_unknown" and "'core', 'rim'" in problem.value
    for labels, expected in (
        ({"core": "tumour", "rim": "background"}, MASK),
        ({"core": "background", "rim": "tumour"}, RIM),
        ({"core": "tumour", "rim": "tumour"}, MASK | RIM),
        ({"1": "tumour"}, MASK | RIM),
    ):
        annotation = any_form.read(path, "auto", scan, labels=labels)
        np.testing.assert_array_equal(annotation.mask, expected)
        assert annotation.notes == ()
    assert rejected(path, scan, {"core": "tumour"}).code == "label_unknown"


def test_several_segments_of_one_layer_and_an_empty_layer_are_read(tmp_path):
    both = MASK.copy()
    both[10:12, 2:4, 6] = 3
    path = segmentation(tmp_path / "a.seg.nrrd", [both, MASK * 0], [("t", 1, 0), ("cyst", 3, 0)])
    labels = {"t": "tumour", "cyst": "background"}
    annotation = any_form.read(path, "auto", image(tmp_path), labels=labels)
    np.testing.assert_array_equal(annotation.mask, MASK)


def test_a_segmentation_of_one_layer_has_names_too(tmp_path):
    path = segmentation(tmp_path / "a.seg.nrrd", [MASK * 2], [("tumour", 2, 0)], flat=True)
    for labels in (None, {"tumour": "tumour"}, {"2": "tumour"}):
        annotation = any_form.read(path, "auto", image(tmp_path), labels=labels)
        np.testing.assert_array_equal(annotation.mask, MASK)


def test_a_cropped_segmentation_of_layers_is_placed_by_its_origin(tmp_path):
    part = (slice(1, 10), slice(3, 11), slice(1, 6))
    path = segmentation(
        tmp_path / "a.seg.nrrd",
        [MASK[part], RIM[part]],
        [("core", 1, 0), ("rim", 1, 1)],
        affine=moved((1, 3, 1)),
    )
    labels = {"core": "background", "rim": "tumour"}
    annotation = any_form.read(path, "auto", image(tmp_path), labels=labels)
    np.testing.assert_array_equal(annotation.mask, RIM)
    assert codes(annotation) == ["labels_cropped"]


def test_each_layer_says_what_it_lost_outside_the_image(tmp_path):
    larger = [np.pad(layer, ((0, 2), (0, 0), (0, 0))) for layer in (MASK, RIM)]
    larger[1][-1, 0, :3] = 1
    path = segmentation(tmp_path / "a.seg.nrrd", larger, [("core", 1, 0), ("rim", 1, 1)])
    labels = {"core": "background", "rim": "tumour"}
    annotation = any_form.read(path, "auto", image(tmp_path), labels=labels)
    np.testing.assert_array_equal(annotation.mask, RIM)
    assert codes(annotation) == ["labels_larger"] * 2
    assert "3 labelled voxels" in annotation.notes[1].hint


def test_layers_beside_an_image_that_cannot_be_read_give_no_error_of_their_own(tmp_path):
    path = segmentation(tmp_path / "a.seg.nrrd", [MASK, RIM], [("core", 1, 0), ("rim", 1, 1)])
    (tmp_path / "image.nii").write_bytes(b"no image")
    entry = Entry("a", "p", tmp_path / "image.nii", path, "", plane="axial")
    labels = {"core": "tumour", "rim": "tumour"}
    assert [problem.code for problem in cases_of(entry, {"labels": labels})[1]] == ["image_type"]


def test_a_segmentation_is_no_image(tmp_path):
    path = segmentation(tmp_path / "a.seg.nrrd", [MASK, RIM], [("core", 1, 0), ("rim", 1, 1)])
    with pytest.raises(DataError) as caught:
        scans.read(path)
    assert caught.value.problem.code in ("image_colour", "volume_many")


# ---------------------------------------------------------------- pictures that EXIF turns

STORED = np.random.default_rng(4).integers(0, 256, (9, 12), dtype=np.uint8)
DRAWN = np.zeros((9, 12), np.uint8)
DRAWN[1:4, 2:9] = 255
TURNED = np.rot90(DRAWN, -1)  # what EXIF orientation 6 shows


def picture(path, array, turn=1):
    exif = Image.Exif()
    exif[0x0112] = turn
    return files.with_pillow(path, Image.fromarray(np.ascontiguousarray(array)), exif=exif)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize(
    ("mask", "turn", "hint"),
    [
        (DRAWN, 6, None),
        (DRAWN, 1, "turned like the image"),
        (TURNED, 1, "drawn on the upright picture"),
    ],
)
def test_a_mask_without_exif_fits_the_image_that_exif_turns(tmp_path, suffix, mask, turn, hint):
    scan = scans.read(picture(tmp_path / f"a.{suffix}", STORED, 6))
    annotation = any_form.read(picture(tmp_path / f"m.{suffix}", mask, turn), "auto", scan)
    np.testing.assert_array_equal(annotation.mask, TURNED > 0)
    assert codes(annotation) == ([] if hint is None else ["exif_turned"])
    assert hint is None or hint in annotation.notes[0].hint


def test_outlines_on_a_picture_that_exif_turns_give_a_warning(tmp_path):
    for turn, expected in ((6, ["exif_turned"]), (1, [])):
        path = picture(tmp_path / f"{turn}.png", STORED, turn)
        (tmp_path / "border.json").write_text("[[2, 3], [7, 3], [7, 8]]")
        entry = Entry(
            case="a",
            image=path,
            annotation=tmp_path / "border.json",
            patient="p",
            plane="axial",
            origin="",
        )
        assert [problem.code for problem in cases_of(entry, {})[1]] == expected


# ---------------------------------------------------------------- the files of ../shared


@pytest.mark.parametrize(("number", "note"), [("v2", "labels_cropped"), ("v3", "label_rounded")])
def test_the_odd_label_volumes_keep_their_544_voxels(number, note):
    if not ODD.exists():
        pytest.skip(f"ODD FILES NOT FOUND ({ODD}): this is not tested")
    mask = ODD / ("v2.seg.nrrd" if number == "v2" else "v3_l.nii.gz")
    annotation = any_form.read(mask, "auto", scans.read(ODD / f"{number}.nii.gz"))
    assert annotation.mask.sum() == 544 and codes(annotation) == [note]


def test_the_odd_segmentations_of_two_layers_are_read():
    folder = ODD / "35_segnrrd_layers" / "data"
    if not folder.exists():
        pytest.skip(f"ODD FILES NOT FOUND ({folder}): this is not tested")
    for number in range(1, 9):
        scan = scans.read(folder / f"images/v{number}.nii.gz")
        path = folder / f"masks/v{number}.seg.nrrd"
        annotation = any_form.read(path, "auto", scan, labels={"tumour": "tumour"})
        stored = np.frombuffer(path.read_bytes()[-2 * 64 * 64 * 3 :], np.uint8)
        stored = stored.reshape((2, 64, 64, 3), order="F")
        np.testing.assert_array_equal(annotation.mask, stored[0])
