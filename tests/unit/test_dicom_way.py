"""A DICOM series from the scanner's files to cases, and from there to predictions of it.

Made series always; TUMORSEG_DICOM names a folder of real ones, each in its own folder below
PGBM-003/ (Brain-Tumor-Progression, TCIA). SimpleITK reads them independently, with GDCM.
"""

import os
import shutil
from pathlib import Path

import annotation_files
import highdicom
import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from model_files import run, write_model
from scan_files import compressed_series
from scipy.spatial.transform import Rotation

import check
import import_cases
from tumorseg.core.cases import Entry
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table
from tumorseg.core.images import read_image, read_mask
from tumorseg.data import reading
from tumorseg.data.cohort import Cohort
from tumorseg.imaging import planes, scans
from tumorseg.outlines.contours import polygons_of
from tumorseg.prediction.dicom_seg_file import MAY_BE_EMPTY

REAL = Path(os.environ.get("TUMORSEG_DICOM", Path(__file__).parents[3] / "shared/data/dicom"))
REAL_SERIES = sorted(filter(Path.is_dir, REAL.glob("PGBM-003/*")))
NO_REAL = f"REAL DICOM NOT RUN: no PGBM-003/ in {REAL} (set TUMORSEG_DICOM to its folder)"
SLICES, ROWS, COLUMNS = 11, 24, 30


def geometry(angles=(9, -6, 4)):
    """(slice, row, column) to LPS mm of an oblique axial series, 6.5 mm from slice to slice."""
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    affine = np.eye(4)
    affine[:3] = np.column_stack([turn @ np.diag([0.6875, 0.75, 6.5])[:, ::-1], [-90.5, -111, 34]])
    return affine


def head(seed):
    """A bright ellipsoid on noise, of 12 bits."""
    rng = np.random.default_rng(seed)
    z, y, x = np.ogrid[-1 : 1 : SLICES * 1j, -1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j]
    inside = z**2 / 2 + (y / 0.8) ** 2 + (x / 0.7) ** 2 < 1
    return (np.where(inside, 1200, 30) + rng.integers(0, 600, inside.shape)).astype(np.int16)


def made(folder, number=4, **options):
    compressed_series(folder, head(number), geometry(), number=number, **options)
    for file in folder.iterdir():
        slice_ = pydicom.dcmread(file)
        slice_.SpacingBetweenSlices = 6.5  # GDCM states 1 mm for slices written one by one
        slice_.save_as(file)
    return folder


def localizer(folder, place):
    """One sagittal slice of another size, in a series of its own, among a series' files."""
    compressed_series(place, head(99)[:1, :20], geometry((0, 90, 0)), number=99)
    shutil.copy(place / "000.dcm", folder / "scout.dcm")


@pytest.fixture(params=["made", "real"])
def four_series(request, tmp_path):
    """Folders of one series each, of one study."""
    if request.param == "made":
        return [made(tmp_path / f"series/s{number}", number) for number in (1, 2, 3, 4)]
    if len(REAL_SERIES) < 4:
        pytest.skip(NO_REAL)
    return REAL_SERIES[:4]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("exported") / "model")


def by_gdcm(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def headers(folder):
    """The slices' headers by SOP instance UID."""
    read = (pydicom.dcmread(file, stop_before_pixels=True) for file in folder.iterdir())
    return {header.SOPInstanceUID: header for header in read}


def lesion(shape):
    """A mask without symmetry in some neighbouring slices, its pixels in one piece in each."""
    mask = np.zeros(shape, np.uint8)
    rows, columns = (np.arange(2, 2 + side // 4) + side // 3 for side in shape[1:])
    for index in range(shape[0] // 3, shape[0] // 3 + 4):
        mask[index, rows[0] : rows[-1], columns[0] : columns[-1] - index % 2] = 1
        mask[index, rows[0] : rows[1], columns[0] : columns[1]] = 0
    return mask


def test_a_series_has_the_values_and_the_place_of_every_slice(four_series):
    for folder in four_series:
        scan, theirs, stated = scans.read(folder), by_gdcm(folder), headers(folder)
        assert scan.notes == ()
        measured = np.rint(scan.offset + scan.scale * scan.voxels.astype(float))
        np.testing.assert_array_equal(measured, sitk.GetArrayFromImage(theirs))
        assert len(set(scan.uids)) == len(scan.voxels) == len(stated)
        for index, uid in enumerate(scan.uids):
            header = stated[uid]
            place = (scan.affine @ [index, 0, 0, 1])[:3] * planes.LPS_TO_RAS
            np.testing.assert_allclose(place, header.ImagePositionPatient, atol=1e-5)
            spacing = planes.spacing_in(scan.affine, "axial")
            np.testing.assert_allclose(spacing, header.PixelSpacing, rtol=1e-9)
        for at in np.ndindex(2, 2, 2):
            index = np.array(at) * (np.array(scan.voxels.shape) - 1)
            point = theirs.TransformIndexToPhysicalPoint([int(i) for i in index[::-1]])
            ours = (scan.affine @ [*index, 1])[:3] * planes.LPS_TO_RAS
            np.testing.assert_allclose(ours, point, atol=1e-4)


def write_annotations(folder, series, target):
    """One lesion drawn on each series: as NIfTI, MHA, DICOM-SEG and RTSTRUCT; their names."""
    target.mkdir()
    names, masks = [], []
    for number, place in enumerate(series):
        image, scan = by_gdcm(place), scans.read(place)
        mask = lesion(scan.voxels.shape)
        masks.append(mask)
        name = ("nifti.nii.gz", "itk.mha", "seg.dcm", "contours.dcm")[number]
        if number < 2:
            drawn = sitk.GetImageFromArray(mask)
            drawn.CopyInformation(image)
            sitk.WriteImage(drawn, str(target / name))
        elif number == 2:
            slices = headers(place)
            given = [slices[uid] for uid in scan.uids]
            for one in given:
                for tag in MAY_BE_EMPTY:
                    setattr(one, tag, one.get(tag) or "")
            annotation_files.write_seg(target / name, {"tumour": mask}, images=given)
        else:
            contours = []
            for index in np.flatnonzero(mask.any(axis=(1, 2))):
                outline = polygons_of(mask[index])[0]
                voxels = np.column_stack([np.full(len(outline), index), outline[:, ::-1]])
                points = voxels @ scan.affine[:3, :3].T + scan.affine[:3, 3]
                contours.append((index, points * planes.LPS_TO_RAS))
            annotation_files.write_rtstruct(target / name, {"tumour": contours}, scan.uids)
        names.append(f"{target.name}/{name}")
    return names, masks


def test_series_become_cases_with_their_values_and_masks_of_every_format(four_series, tmp_path):
    data = tmp_path / "data"
    for number, place in enumerate(four_series):
        shutil.copytree(place, data / f"series/{number}")
    names, masks = write_annotations(data, four_series, data / "drawn")
    rows = pd.DataFrame(
        {
            "case": [f"c{number}" for number in range(4)],
            "image": [f"series/{number}" for number in range(4)],
            "annotation": names,
            "patient": ["ann", "bob", "eve", "joe"],
        }
    )
    rows.to_csv(data / "cases.tsv", sep="\t", index=False)
    source = {"kind": "table", "patients_similar": "accept"}  # four series of one person
    checks = {"fold_count": 2, "strip_method": "none", "accept_harm": False, "experiment": "x"}
    check.main(source=source, data_dir=str(data), seed=1, folder=str(tmp_path / "check"), **checks)
    results = tmp_path / "results"
    import_cases.main(
        source=source,
        data_dir=str(data),
        seed=1,
        identifiers={"names": "keep", "key_file": ""},
        local_dir=str(tmp_path / "local/x"),
        config={"folds": {"count": 2}},
        cases_table=str(results / "cases.tsv"),
        **{f"{name}_dir": str(results / name) for name in ("cases", "annotations", "true_brain")},
    )
    table = read_table(results / "cases.tsv").set_index("case")
    for number, place in enumerate(four_series):
        stack, mask = sitk.GetArrayFromImage(by_gdcm(place)), masks[number]
        found = [case for case in table.index if case.startswith(f"c{number}-")]
        drawn = np.flatnonzero(mask.any(axis=(1, 2)))
        assert found == [f"c{number}-axial-{index:03d}" for index in drawn]
        stated = next(iter(headers(place).values())).PixelSpacing
        for case, index in zip(found, drawn, strict=True):
            row = table.loc[case]
            pixels = read_image(results / row["image"]).astype(float)
            measured = np.rint(row["intensity_offset"] + row["intensity_scale"] * pixels)
            np.testing.assert_array_equal(measured, stack[index])
            np.testing.assert_array_equal(read_mask(results / row["annotation"]), mask[index])
            sides = [row["pixel_height_mm"], row["pixel_width_mm"]]
            np.testing.assert_allclose(sides, stated, rtol=1e-9)


def test_series_of_one_study_in_several_patients_are_told(four_series):
    """They lie in different folders, and their pictures are not alike: nothing else would tell."""
    cohort, told = Cohort(), []
    for number, place in enumerate(four_series):
        entry = Entry(f"c{number}", f"p{number // 2}", place, None, str(place))
        cases, problems = reading.cases_of(entry, {"slices": "all"})
        told += cohort.add(reading.ReadEntry(entry, cases, problems))
    (problem,) = told
    assert (problem.code, problem.severity) == ("patient_shared_study", "warning")
    assert (
        "case c2-axial-000 of patient p1 is of the same DICOM study as case c0-" in problem.line()
    )
    assert problem.case == "c2"


def same_place(image, other):
    np.testing.assert_allclose(image.GetOrigin(), other.GetOrigin(), atol=1e-4)
    np.testing.assert_allclose(image.GetSpacing(), other.GetSpacing(), rtol=1e-5)
    np.testing.assert_allclose(image.GetDirection(), other.GetDirection(), atol=1e-5)
    assert image.GetSize() == other.GetSize()


def test_predictions_of_series_lie_where_their_slices_lie(four_series, model, tmp_path):
    for number, place in enumerate(four_series):
        shutil.copytree(place, tmp_path / f"images/s{number}")
    folder = run(tmp_path / "images", model, tmp_path / "local")
    table = read_table(folder / "predictions.tsv").set_index("image")
    assert list(table.index) == ["s0", "s1", "s2", "s3"]
    assert set(table["status"]) == {"ok"} and set(table["plane"]) == {"axial"}
    for number, place in enumerate(four_series):
        image, scan, stated = by_gdcm(place), scans.read(place), headers(place)
        probability = sitk.ReadImage(str(folder / f"s{number}_probability.nii.gz"))
        # NIfTI's axes are those of the array: slice, row, column.
        same_place(sitk.PermuteAxes(probability, (2, 1, 0)), image)
        stored = nib.load(folder / f"s{number}_probability.nii.gz")
        np.testing.assert_allclose(stored.affine, scan.affine, atol=1e-4)
        mask = stored.get_fdata() > 0.3
        assert mask.any() and mask.sum() == table.loc[f"s{number}", "tumour_px"]
        seg = highdicom.seg.segread(folder / f"s{number}_mask.dcm")
        first = next(iter(stated.values()))
        for tag in ("StudyInstanceUID", "FrameOfReferenceUID", "Rows", "Columns"):
            assert seg[tag].value == first[tag].value
        shared = seg.SharedFunctionalGroupsSequence[0]
        assert shared.PixelMeasuresSequence[0].PixelSpacing == first.PixelSpacing
        turn = shared.PlaneOrientationSequence[0].ImageOrientationPatient
        np.testing.assert_array_equal(
            np.array(turn, float), np.array(first.ImageOrientationPatient, float)
        )
        frames = seg.pixel_array.reshape(-1, *mask.shape[1:])
        for frame, group in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
            source = group.DerivationImageSequence[0].SourceImageSequence[0]
            uid = source.ReferencedSOPInstanceUID
            position = group.PlanePositionSequence[0].ImagePositionPatient
            np.testing.assert_array_equal(
                np.array(position, float), np.array(stated[uid].ImagePositionPatient, float)
            )
            np.testing.assert_array_equal(frame, mask[scan.uids.index(uid)])
        # GDCM may count the slices from the other end: the places must be the same.
        itk = sitk.ReadImage(str(folder / f"s{number}_mask.dcm"))
        assert itk.GetSize() == image.GetSize()
        np.testing.assert_allclose(itk.GetSpacing(), image.GetSpacing(), rtol=1e-5)
        seen = np.zeros_like(mask)
        for index, plane in enumerate(sitk.GetArrayFromImage(itk)):
            point = itk.TransformIndexToPhysicalPoint([0, 0, index])
            place = image.TransformPhysicalPointToContinuousIndex(point)
            np.testing.assert_allclose(place, [0, 0, round(place[2])], atol=1e-3)
            seen[round(place[2])] = plane > 0
        np.testing.assert_array_equal(seen, mask)


def test_a_localizer_or_a_second_series_in_the_folder_is_one_line(model, tmp_path, capsys):
    localizer(made(tmp_path / "images/with_scout"), tmp_path / "scout")
    made(tmp_path / "images/two", 1)
    made(tmp_path / "images/two", 2, first=50)
    made(tmp_path / "images/whole", 3)
    with pytest.raises(UserError, match="2 of 3 images could not be predicted"):
        run(tmp_path / "images", model, tmp_path / "local")
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("ERROR")]
    assert [line.split("; expected")[0] for line in told] == [
        "ERROR two: several series in one folder: 11 slices of 24 x 30 MR; 11 slices of 24 x 30 MR",
        "ERROR with_scout: several series in one folder: 11 slices of 24 x 30 MR; "
        "1 slices of 20 x 30 MR",
    ]
    folder = tmp_path / "local/predictions/images"
    assert (folder / "whole_mask.dcm").is_file()


def test_dicom_without_an_image_beside_a_series_is_left_out(model, tmp_path):
    """A folder as an archive exports it: contours, a report, notes and an index in it."""
    place = made(tmp_path / "images/scan")
    expected = run(tmp_path / "images", model, tmp_path / "plain")
    contours = [(0, [[0, 0, 0], [5, 0, 0], [5, 5, 0]])]
    (tmp_path / "images/RT").mkdir()
    for target in (tmp_path / "images/RT/1.dcm", place / "contours.dcm"):
        annotation_files.write_rtstruct(target, {"tumour": contours})
    (place / "notes.txt").write_text("no image\n" * 50)
    shutil.copy(expected / "scan_mask.dcm", place / "earlier.dcm")
    folder = run(tmp_path / "images", model, tmp_path / "local")
    table = read_table(folder / "predictions.tsv")
    assert list(table["image"]) == ["scan"] and "dicom_seg" not in table["notes"][0]
    first, second = (pydicom.dcmread(place / "scan_mask.dcm") for place in (expected, folder))
    assert first.PixelData == second.PixelData


def test_a_series_without_the_dicom_mark_is_one_image(model, tmp_path):
    place = made(tmp_path / "marked/scan")
    expected = run(tmp_path / "marked", model, tmp_path / "local")
    bare = tmp_path / "bare/scan"
    bare.mkdir(parents=True)
    for file in place.iterdir():
        (bare / file.name).write_bytes(file.read_bytes()[132:])
    folder = run(tmp_path / "bare", model, tmp_path / "local")
    assert list(read_table(folder / "predictions.tsv")["image"]) == ["scan"]
    one, two = (nib.load(f / "scan_probability.nii.gz") for f in (expected, folder))
    np.testing.assert_array_equal(two.get_fdata(), one.get_fdata())
