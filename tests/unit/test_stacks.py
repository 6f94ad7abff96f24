"""TIFF files of several pages: slices where the file says so, otherwise a line what to do."""

from pathlib import Path

import numpy as np
import pytest
import scan_files as files
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tumorseg.core.cases import Entry
from tumorseg.core.problems import DataError
from tumorseg.data.reading import cases_of
from tumorseg.imaging import pages, scans
from tumorseg.prediction import native_files

STACK = np.random.default_rng(1).integers(0, 60000, (4, 9, 12)).astype(np.uint16)
MASK = np.zeros(STACK.shape, np.uint8)
MASK[1:3, 2:5, 4:9] = 255
IMAGEJ = "ImageJ=1.53t\nimages=4\nslices=4\nunit=micron\nspacing=3.0\nloop=false\n"
OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="12" '
    'SizeY="9" SizeZ="4" SizeC="1" SizeT="1"><TiffData/></Pixels></Image></OME>'
)


def stored(path: Path, stack=STACK, text: str | None = IMAGEJ, **options) -> Path:
    first, *others = (Image.fromarray(page) for page in stack)
    if text is not None:
        options |= {"description": text}
    first.save(path, save_all=True, append_images=others, **options)
    return path


def cases(image, annotation=None, plane="coronal", **settings):
    entry = Entry("a", "p", image, annotation, str(image), plane=plane)
    found, problems = cases_of(entry, {"slices": "tumour", **settings})
    return found, [problem.line() for problem in problems]


def refused(path, read=scans.read) -> str:
    with pytest.raises(DataError) as caught:
        read(path)
    assert caught.value.problem.code == "image_pages"
    line = str(caught.value)
    assert "NIfTI" in line and "Image > Properties" in line and "\n" not in line
    return line


@pytest.mark.parametrize("text", [IMAGEJ, OME])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}])
def test_the_pages_of_a_stack_are_read_in_their_order(tmp_path, text, dtype, options):
    stack = (STACK % 250).astype(dtype)
    scan = scans.read(stored(tmp_path / "a.tif", stack, text, **options))
    restored = scan.offset + scan.scale * scan.voxels.astype(float)
    np.testing.assert_allclose(restored, stack, atol=0.003)
    assert scan.affine is None and scan.notes == ()
    labels = scans.read_labels(tmp_path / "a.tif").values
    np.testing.assert_array_equal(labels, stack)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_a_stack_and_its_stack_of_masks_are_slices_of_the_stated_plane(tmp_path, plane):
    image, mask = stored(tmp_path / "a.tif"), stored(tmp_path / "m.tif", MASK)
    found, problems = cases(image, mask, plane)
    assert problems == []
    assert [case.case for case in found] == [f"a-{plane}-001", f"a-{plane}-002"]
    for number, case in enumerate(found, start=1):
        np.testing.assert_array_equal(case.image, STACK[number])
        np.testing.assert_array_equal(case.mask, MASK[number] > 0)
        assert case.plane == plane and np.isnan(case.spacing_mm).all()
    found, problems = cases(image, mask, plane, slices="all", planes=["axial", "sagittal"])
    assert len(found) == 4 and {case.plane for case in found} == {plane}


def test_a_stack_needs_a_plane_like_a_picture(tmp_path):
    found, (problem,) = cases(stored(tmp_path / "a.tif"), stored(tmp_path / "m.tif", MASK), "")
    assert found == [] and "plane_missing" in problem


@pytest.mark.parametrize("number", [3, 5])
def test_a_stack_of_other_slices_is_no_mask(tmp_path, number):
    more = np.concatenate([MASK, MASK])[:number]
    mask = stored(tmp_path / "m.tif", more, IMAGEJ.replace("4", str(number)))
    found, (problem,) = cases(stored(tmp_path / "a.tif"), mask)
    assert found == [] and f"labels of {number} x 9 x 12 on an image of 4 x 9 x 12" in problem


def test_masks_of_other_kinds_are_refused_with_one_line(tmp_path):
    image = stored(tmp_path / "a.tif")
    volume = files.nifti(tmp_path / "m.nii", MASK, np.eye(4))
    one = files.png(tmp_path / "m.png", MASK[1])
    (tmp_path / "m.json").write_text("[[2, 3], [7, 3], [7, 8]]")
    for mask, code in ((volume, "grid"), (one, "grid"), (tmp_path / "m.json", "outline_on_volume")):
        found, (problem,) = cases(image, mask)
        assert found == [] and code in problem


def test_a_stack_of_masks_is_none_of_a_volume_whose_axes_it_does_not_know(tmp_path):
    mask = stored(tmp_path / "m.tif", MASK)
    volume = files.nifti(tmp_path / "a.nii", STACK.astype(np.int32), np.eye(4))
    found, (problem,) = cases(volume, mask, "")
    assert found == [] and "both as pictures, as TIFF stacks or as volumes" in problem


def test_a_stack_of_masks_is_none_of_a_single_picture(tmp_path):
    """One-hot classes, say, of which the first would be the background."""
    image = files.png(tmp_path / "a.png", STACK[0])
    found, (problem,) = cases(image, stored(tmp_path / "m.tif", MASK), "axial")
    assert found == [] and "grid_mismatch" in problem


@pytest.mark.parametrize("text", [None, "a figure", '{"shape": [4, 9, 12]}'])
def test_pages_of_which_nothing_is_said_are_slices_with_a_warning(tmp_path, text):
    """As Python's tifffile and microscopes write them."""
    image, mask = stored(tmp_path / "a.tif", text=text), stored(tmp_path / "m.tif", MASK, text)
    found, problems = cases(image, mask)
    for case, number in zip(found, (1, 2), strict=True):
        np.testing.assert_array_equal(case.image, STACK[number])
        np.testing.assert_array_equal(case.mask, MASK[number] > 0)
    of_image, of_mask = problems
    for line, path in ((of_image, image), (of_mask, mask)):
        assert line.startswith(f"{path}: TIFF of 4 pages that does not say what they are; ")
        assert "4 pages were taken as slices in their order" in line and "pages_assumed" in line


def test_thumbnails_and_transparency_are_no_slices(tmp_path):
    for kind in (1, 4):
        pages = [Image.fromarray(STACK[0]), Image.fromarray(STACK[1][:5])]
        pages[1].encoderinfo = {"tiffinfo": {254: kind}}
        pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
        scan = scans.read(tmp_path / "a.tif")
        np.testing.assert_array_equal(scan.voxels, STACK[0])
        (note,) = scan.notes
        assert "all but the first are thumbnails or transparency" in note.line()


def test_pages_of_which_nothing_is_said_have_one_size(tmp_path):
    path = stored(tmp_path / "a.tif", [STACK[0], STACK[1][:5]], None)
    assert "differ in size or kind" in refused(path)


OTHER_TEXTS = {
    '{"shape": [2, 2, 9, 12]}': "TIFF with several pages",
    IMAGEJ.replace("slices=4", "frames=4"): "TIFF of 4 frames",
    IMAGEJ.replace("slices=4", "slices=2\nchannels=2"): "TIFF of 2 slices and 2 channels",
    IMAGEJ.replace("4", "5"): "states 5 slices, but has another number of pages",
    IMAGEJ.replace("4", "3"): "states 3 slices, but has another number of pages",
    OME.replace('SizeC="1"', 'SizeC="2"'): "TIFF of 4 slices and 2 channels",
    OME.replace("</OME>", "<Pixels SizeZ='4'/></OME>"): "TIFF with several pages",
}


@pytest.mark.parametrize("text", OTHER_TEXTS)
def test_pages_that_may_be_anything_else_are_refused_with_what_to_do(tmp_path, text):
    path = stored(tmp_path / "a.tif", text=text)
    assert OTHER_TEXTS[text] in refused(path)
    assert OTHER_TEXTS[text] in refused(path, scans.read_labels)


def test_a_file_that_hides_images_behind_its_only_page_is_refused(tmp_path):
    """As ImageJ writes large stacks: other programs show the first slice only."""
    assert "states 4 images, but lists one page" in refused(stored(tmp_path / "a.tif", STACK[:1]))
    deep = {"tiffinfo": {32997: 4}}
    assert "states 4 images" in refused(stored(tmp_path / "b.tif", STACK[:1], None, **deep))


def test_one_plane_of_an_ome_set_in_several_files_is_a_picture(tmp_path):
    scan = scans.read(stored(tmp_path / "a.tif", STACK[:1], OME))
    np.testing.assert_array_equal(scan.voxels, STACK[0])


def test_pages_of_several_sizes_or_kinds_are_refused(tmp_path):
    for page in (STACK[1][:5], STACK[1].astype(np.uint8)):
        path = stored(tmp_path / "a.tif", [STACK[0], page, STACK[2], STACK[3]])
        assert "differ in size or kind" in refused(path)


def test_colour_pages_are_refused(tmp_path):
    colours = np.random.default_rng(2).integers(0, 255, (4, 9, 12, 3)).astype(np.uint8)
    with pytest.raises(DataError, match="image_colour"):
        scans.read(stored(tmp_path / "a.tif", colours))


def test_frames_of_an_animation_are_refused(tmp_path):
    first, *others = (Image.fromarray(page) for page in (STACK % 255).astype(np.uint8))
    first.save(tmp_path / "a.png", save_all=True, append_images=others)
    assert "PNG with several pages" in refused(tmp_path / "a.png")


def test_a_stack_larger_than_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tumorseg.imaging.raw.MAX_BYTES", 4 * STACK.size - 1)
    with pytest.raises(DataError, match="image_too_large"):
        scans.read(stored(tmp_path / "a.tif"))


def test_a_prediction_of_a_stack_is_a_stack_that_is_read_as_its_mask(tmp_path):
    scan = scans.read(stored(tmp_path / "a.tif"))
    mask = (MASK > 0).astype(np.uint8)
    written, notes = native_files.write(tmp_path / "out", scan, mask, STACK)
    assert [path.name for path in written] == ["out_mask.tif", "out_probability.tif"]
    np.testing.assert_array_equal(scans.read_labels(written[0]).values, MASK)
    np.testing.assert_array_equal(scans.read(written[1]).voxels, STACK)
    assert notes == []


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(max_size=60), st.sampled_from(["", "ImageJ=", "<OME><Pixels "]))
def test_any_description_is_understood_or_states_nothing(text, start):
    stated = pages._stated(start + text)
    assert all(isinstance(number, int) and number >= 0 for number in stated)
