"""DICOM-SEG and RTSTRUCT are placed on the image's voxels, whatever its orientation."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from annotation_files import (
    COLUMNS,
    ROWS,
    SLICES,
    SPACING,
    TURNS,
    UIDS,
    blob,
    circle,
    scan,
    sources,
    write_rtstruct,
    write_seg,
)
from pydicom.data import get_testdata_file
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tumorseg.core.errors import UserError
from tumorseg.imaging import dicom_pixels
from tumorseg.imaging.scans import Scan
from tumorseg.outlines import any_form, json_files
from tumorseg.outlines.drawings import Annotation


def read(path, given=None, labels=None) -> Annotation:
    return any_form.read(path, "auto", given or scan(), labels=labels)


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_a_seg_written_by_highdicom_is_restored(tmp_path, turn, kind):
    masks = {"tumour": blob()}
    if kind == "FRACTIONAL":
        masks = {"tumour": blob().astype(float)}
    annotation = read(write_seg(tmp_path / "seg.dcm", masks, kind, turn), scan(turn))
    np.testing.assert_array_equal(annotation.mask, blob())
    assert annotation.mask.dtype == np.uint8 and annotation.notes == ()


def test_seg_agrees_with_highdicoms_reader(tmp_path):
    path = write_seg(tmp_path / "seg.dcm", {"tumour": blob()})
    theirs = highdicom.seg.segread(path).get_pixels_by_source_instance(
        list(UIDS), combine_segments=True
    )
    np.testing.assert_array_equal(read(path).mask, theirs)


def test_seg_fractions_count_from_half_with_a_warning(tmp_path):
    fractions = np.zeros((SLICES, ROWS, COLUMNS))
    fractions[2, 3:6, 4] = (0.3, 0.5, 0.9)
    annotation = read(write_seg(tmp_path / "seg.dcm", {"t": fractions}, "FRACTIONAL"))
    # highdicom stores .5 of 255 as 128, which is at least half.
    assert np.argwhere(annotation.mask).tolist() == [[2, 4, 4], [2, 5, 4]]
    assert [note.code for note in annotation.notes] == ["mask_fractions"]


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_seg_segments_are_chosen_by_label_or_number(tmp_path, kind):
    core = blob()
    rim = np.where(core, 0, blob(4)).astype(np.uint8)
    path = write_seg(tmp_path / "seg.dcm", {"core": core, "rim": rim}, kind)
    with pytest.raises(UserError, match=r"label 'core', 'rim'; expected a single label"):
        read(path)
    for labels in ({"core": "tumour", "rim": "background"}, {"1": "tumour", "2": "background"}):
        np.testing.assert_array_equal(read(path, labels=labels).mask, core)
    both = {"core": "tumour", "2": "tumour"}
    np.testing.assert_array_equal(read(path, labels=both).mask, core | rim)
    with pytest.raises(UserError, match="label_unknown"):
        read(path, labels={"core": "tumour"})


def test_seg_fits_a_volume_with_exchanged_and_flipped_axes(tmp_path):
    path = write_seg(tmp_path / "seg.dcm", {"t": blob()}, turn="oblique")
    given = scan("oblique")
    # (slice, row, column) -> (column, row, slice), the columns reversed.
    swap = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [-1, 0, 0, COLUMNS - 1], [0, 0, 0, 1.0]])
    nifti = Scan(Path("v.nii"), given.voxels.T, affine=given.affine @ swap)
    np.testing.assert_array_equal(read(path, nifti).mask, blob().T[::-1])


def test_seg_of_part_of_the_series_is_placed_even_by_uid_alone(tmp_path):
    path = write_seg(tmp_path / "seg.dcm", {"t": blob()[1:3]}, images=sources()[1:3])
    expected = np.zeros_like(blob())
    expected[1:3] = blob()[1:3]
    np.testing.assert_array_equal(read(path).mask, expected)
    np.testing.assert_array_equal(read(path, replace(scan(), affine=None)).mask, expected)


def test_a_seg_of_a_slice_without_a_position_is_placed_by_its_uid(tmp_path):
    """Such a slice is a picture: (rows, columns)."""
    path = write_seg(tmp_path / "seg.dcm", {"t": blob()[1:2]}, images=sources()[1:2])
    picture = Scan(Path("1.dcm"), np.zeros((ROWS, COLUMNS), np.uint16), uids=UIDS[1:2])
    np.testing.assert_array_equal(read(path, picture).mask, blob()[1])
    with pytest.raises(UserError, match="grid_mismatch"):
        read(path, replace(picture, uids=UIDS[2:3]))


def test_a_deflated_seg_may_be_as_large_as_any_other(tmp_path, monkeypatch):
    """It was refused by the size that its bytes could unpack to."""
    path = write_seg(tmp_path / "seg.dcm", {"t": blob()})
    content = pydicom.dcmread(path)
    content.save_as(path, enforce_file_format=True)
    content.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    content.save_as(path, enforce_file_format=True)
    monkeypatch.setattr(json_files, "MAX_FILE_BYTES", 2**20)
    assert path.stat().st_size < 2**20 < 1032 * path.stat().st_size
    np.testing.assert_array_equal(read(path).mask, blob())
    monkeypatch.setattr(dicom_pixels, "MAX_BYTES", path.stat().st_size)
    with pytest.raises(UserError, match=r"image_too_large"):
        read(path)


def test_a_label_map_with_a_number_of_no_segment_is_rejected(tmp_path):
    path = write_seg(tmp_path / "seg.dcm", {"core": blob(), "rim": 0 * blob()}, "LABELMAP")
    content = pydicom.dcmread(path)
    pixels = content.pixel_array.copy()
    pixels[pixels == 1] = 7
    content.PixelData = pixels.tobytes()
    content.save_as(path)
    labels = {"core": "tumour", "rim": "tumour"}
    with pytest.raises(UserError, match=r"label 7; expected.*label_unknown"):
        read(path, labels=labels)


def test_seg_off_the_grid_is_rejected_and_another_series_gives_a_warning(tmp_path):
    path = write_seg(tmp_path / "seg.dcm", {"t": blob()})
    shifted = scan().affine.copy()
    shifted[0, 3] += 0.5
    for wrong in (
        replace(scan(), affine=shifted),
        replace(scan("oblique")),
        replace(scan(), voxels=scan().voxels[:, :20]),
        Scan(Path("picture.png"), np.zeros((ROWS, COLUMNS), np.uint8)),
    ):
        with pytest.raises(UserError, match="grid_mismatch"):
            read(path, wrong)
    annotation = read(path, replace(scan(), uids=tuple(f"{uid}.1" for uid in UIDS)))
    assert [note.code for note in annotation.notes] == ["annotation_other_series"]


def inside(middle, radius):
    """The pixels of a slice whose centres are inside the circle."""
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    return np.hypot(columns * SPACING[1] - middle[0], rows * SPACING[0] - middle[1]) < radius


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("uids", [UIDS, None])
def test_rtstruct_circles_become_discs_with_nested_holes(tmp_path, turn, uids):
    middle = (17.3, 9.1)
    contours = [(2, circle(middle, 7.7, 2, turn)), (2, circle(middle, 3.1, 2, turn))]
    contours += [(1, circle(middle, 5.2, 1, turn)), (1, circle((30.1, 9.1), 3, 1, turn))]
    path = write_rtstruct(tmp_path / "rt.dcm", {"GTV": contours}, uids)
    expected = np.zeros((SLICES, ROWS, COLUMNS), bool)
    expected[2] = inside(middle, 7.7) & ~inside(middle, 3.1)
    expected[1] = inside(middle, 5.2) | inside((30.1, 9.1), 3)
    annotation = read(path, scan(turn))
    np.testing.assert_array_equal(annotation.mask, expected)
    assert annotation.notes == ()


def test_an_rtstruct_keyhole_is_a_hole_without_a_warning(tmp_path):
    outer, hole = circle((17, 9), 7.7, 2, "axial"), circle((17, 9), 3.1, 2, "axial")[::-1]
    hole = np.roll(hole, 1, axis=0)
    keyhole = np.vstack([outer, outer[:1], hole, hole[:1]])
    annotation = read(write_rtstruct(tmp_path / "rt.dcm", {"GTV": [(2, keyhole)]}))
    np.testing.assert_array_equal(annotation.mask[2], inside((17, 9), 7.7) & ~inside((17, 9), 3.1))
    assert annotation.notes == ()


def test_rtstruct_fits_a_volume_with_exchanged_axes(tmp_path):
    path = write_rtstruct(tmp_path / "rt.dcm", {"GTV": [(2, circle((17, 9), 7, 2, "oblique"))]})
    given = scan("oblique")
    swap = np.eye(4)[[2, 1, 0, 3]]
    volume = Scan(Path("v.nii"), given.voxels.T, affine=given.affine @ swap)
    np.testing.assert_array_equal(read(path, volume).mask, read(path, given).mask.T)
    assert read(path, volume).mask.any()


def test_rtstruct_structures_are_chosen_by_label_and_united(tmp_path):
    one, two = circle((17, 9), 6, 2, "axial"), circle((20, 9), 6, 2, "axial")
    path = write_rtstruct(tmp_path / "rt.dcm", {"GTV": [(2, one)], "brain": [(2, two)]})
    with pytest.raises(UserError, match=r"label 'GTV', 'brain'; expected a single label"):
        read(path)
    annotation = read(path, labels={"GTV": "tumour", "2": "background"})
    np.testing.assert_array_equal(annotation.mask[2], inside((17, 9), 6))
    annotation = read(path, labels={"GTV": "tumour", "brain": "tumour"})
    np.testing.assert_array_equal(annotation.mask[2], inside((17, 9), 6) | inside((20, 9), 6))
    assert read(path, labels={"GTV": "background", "brain": "background"}).mask.sum() == 0


@pytest.mark.parametrize("count", [1, 2])
def test_points_and_lines_beside_an_rtstructs_contours_are_left_out_with_a_warning(tmp_path, count):
    contours = [(2, circle((17, 9), 6, 2, "axial")), (1, circle((17, 9), 6, 1, "axial", count))]
    annotation = read(write_rtstruct(tmp_path / "rt.dcm", {"GTV": contours}))
    np.testing.assert_array_equal(annotation.mask[2], inside((17, 9), 6))
    assert annotation.mask.sum() == annotation.mask[2].sum()
    assert [note.code for note in annotation.notes] == ["polygon_stray"]
    assert "1 of 2 contours of 'GTV' enclose nothing" in annotation.notes[0].line()
    with pytest.raises(UserError, match="polygon_few_points"):
        read(write_rtstruct(tmp_path / "rt.dcm", {"GTV": contours[1:]}))


def test_an_rtstruct_contour_that_was_exported_twice_counts_once_with_a_warning(tmp_path):
    disc, other = circle((17, 9), 6, 2, "axial"), circle((30, 9), 3, 2, "axial")
    path = write_rtstruct(tmp_path / "rt.dcm", {"GTV": [(2, disc), (2, other), (2, disc)]})
    annotation = read(path)
    np.testing.assert_array_equal(annotation.mask[2], inside((17, 9), 6) | inside((30, 9), 3))
    assert [note.code for note in annotation.notes] == ["polygon_self_crossing"]


def test_an_rtstruct_with_contours_on_every_second_slice_gives_a_warning(tmp_path):
    """Drawn on another series: half of the tumour would be background without a word."""
    for numbers, expected in (((0, 2, 4), ["contour_gaps"]), ((0, 4), []), ((0, 1, 3), [])):
        contours = [(n, circle((17, 9), 6, n, "axial")) for n in numbers]
        annotation = read(write_rtstruct(tmp_path / "rt.dcm", {"GTV": contours}))
        assert [note.code for note in annotation.notes] == expected
    contours = [(n, circle((17, 9), 6, n, "axial")) for n in (4, 0, 2)]
    (note,) = read(write_rtstruct(tmp_path / "rt.dcm", {"GTV": contours})).notes
    assert "structure 'GTV' has contours on 3 of the slices 0 to 4" in note.line()


def test_an_rtstructs_point_structure_is_no_second_label(tmp_path):
    """As planning systems mark the isocentre."""
    structures = {
        "GTV": [(2, circle((17, 9), 6, 2, "axial"))],
        "ISO": [(1, circle((17, 9), 6, 1, "axial", 1))],
    }
    path = write_rtstruct(tmp_path / "rt.dcm", structures)
    annotation = read(path)
    np.testing.assert_array_equal(annotation.mask[2], inside((17, 9), 6))
    assert [note.code for note in annotation.notes] == ["polygon_stray"]
    with pytest.raises(UserError, match=r"'ISO'.*label_unknown"):
        read(path, labels={"GTV": "tumour"})


def test_an_rtstruct_that_leaves_the_image_is_cut_with_a_warning(tmp_path):
    path = write_rtstruct(tmp_path / "rt.dcm", {"GTV": [(2, circle((0, 9), 5, 2, "axial"))]})
    annotation = read(path)
    np.testing.assert_array_equal(annotation.mask[2], inside((0, 9), 5))
    assert [note.code for note in annotation.notes] == ["polygon_clipped"]


@pytest.mark.parametrize(
    ("contour", "uids", "kind", "complaint"),
    [
        (circle((17, 9), 5, 2.4, "axial"), None, "CLOSED_PLANAR", "slice 2.40.*grid_mismatch"),
        (circle((17, 9), 5, 9, "axial"), None, "CLOSED_PLANAR", "slice 9.00.*grid_mismatch"),
        (circle((17, 9), 5, 1, "axial"), UIDS, "CLOSED_PLANAR", "slice 1.00.*grid_mismatch"),
        (circle((17, 9), 5, 2, "oblique"), None, "CLOSED_PLANAR", "grid_mismatch"),
        (circle((90, 9), 5, 2, "axial"), None, "CLOSED_PLANAR", "polygon_outside"),
        (circle((17, 9), 5, 2, "axial"), None, "OPEN_PLANAR", "'OPEN_PLANAR'.*shape_type"),
        (circle((17, 9), 5, 2, "axial")[:2], None, "CLOSED_PLANAR", "polygon_few_points"),
    ],
)
def test_rtstruct_errors_are_one_line(tmp_path, contour, uids, kind, complaint):
    path = write_rtstruct(tmp_path / "rt.dcm", {"GTV": [(2, contour)]}, uids, kind)
    with pytest.raises(UserError, match=complaint) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_picture_and_a_wrong_modality_are_rejected(tmp_path):
    picture = Scan(Path("picture.png"), np.zeros((ROWS, COLUMNS), np.uint8))
    path = write_rtstruct(tmp_path / "rt.dcm", {"GTV": [(2, circle((17, 9), 5, 2, "axial"))]})
    with pytest.raises(UserError, match="affine_missing"):
        read(path, picture)
    with pytest.raises(UserError, match=r"modality 'RTSTRUCT'; expected SEG.*dicom_modality"):
        any_form.read(path, "dicom_seg", scan())


def test_a_planning_systems_rtstruct_covers_its_box():
    """pydicom's test file, without a preamble: a box of 400 by 300 mm on three slices."""
    affine = np.diag([-5.0, -5.0, 10.0, 1.0])
    affine[:3, 3] = (250 - 2.5, 200 - 2.5, -210)
    given = Scan(Path("volume.nii"), np.zeros((100, 80, 5), np.uint16), affine=affine)
    labels = {"patient": "tumour", "Isocenter 1": "background", "3": "background"}
    annotation = read(Path(get_testdata_file("rtstruct.dcm")), given, labels)
    expected = np.zeros_like(annotation.mask)
    expected[10:90, 10:70, 1:4] = 1
    np.testing.assert_array_equal(annotation.mask, expected)
    with pytest.raises(UserError, match=r"'Isocenter 1'.*label_unknown"):
        read(Path(get_testdata_file("rtstruct.dcm")), given, {"patient": "tumour"})
    annotation = read(Path(get_testdata_file("rtstruct.dcm")), given)
    np.testing.assert_array_equal(annotation.mask, expected)
    assert [note.code for note in annotation.notes] == ["polygon_stray"]


def test_no_library_prints_a_value_of_the_file(tmp_path):
    """pydicom would print a warning with the invalid UID; a separate process shows all output."""
    contour = [(2, circle((17, 9), 5, 2, "axial"))]
    write_rtstruct(tmp_path / "rt.dcm", {"GTV": contour}, ["Doe^Jane"] * 3)
    (tmp_path / "read.py").write_text(
        "import sys; from annotation_files import scan; from pathlib import Path\n"
        "from tumorseg.outlines import any_form\n"
        "print(any_form.read(Path(sys.argv[1]), 'auto', scan()).mask.sum())\n"
    )
    tests = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, tmp_path / "read.py", tmp_path / "rt.dcm"],
        env=os.environ | {"PYTHONPATH": f"{tests}:{tests.parents[1] / 'scripts'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) > 0 and done.stderr == ""


def test_a_stray_point_beside_an_rtstruct_contour_is_left_out_with_a_warning(tmp_path):
    """Nobody can edit an RTSTRUCT by hand."""
    disc = circle((17, 9), 5, 2, "axial")
    alone = write_rtstruct(tmp_path / "good.dcm", {"GTV": [(2, disc)]})
    expected = read(alone).mask
    on_slice = {"GTV": [(2, disc), (2, disc[:1])]}
    on_another = {"GTV": [(2, disc), (1, circle((17, 9), 5, 1, "axial")[:2])]}
    in_another = {"GTV": [(2, disc)], "GTV 2": [(2, disc[:1])]}
    for number, structures in enumerate((on_slice, on_another, in_another)):
        path = write_rtstruct(tmp_path / f"{number}.dcm", structures)
        labels = dict.fromkeys(structures, "tumour")
        annotation = read(path, labels=labels)
        np.testing.assert_array_equal(annotation.mask, expected)
        assert [note.code for note in annotation.notes] == ["polygon_stray"]
    path = write_rtstruct(
        tmp_path / "stray.dcm", {"GTV": [(2, disc[:1]), (1, circle((17, 9), 5, 1, "axial")[:2])]}
    )
    with pytest.raises(UserError, match="polygon_few_points"):
        read(path)
