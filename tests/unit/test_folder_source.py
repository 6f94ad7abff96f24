"""The source `folder`: a folder of images, one of masks, and no table."""

import json
import os
import shutil
import sys
import unicodedata
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from pydicom.data import get_testdata_file

import check
from tumorseg.checking import each_slice
from tumorseg.core.digests import files_digest
from tumorseg.core.errors import UserError
from tumorseg.data import reading
from tumorseg.sources import folder

BY_NAME = "^([^_]+)_"


def draw(path: Path, seed: int, mask: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 255, (30, 40), np.uint8)
    if mask:
        image = np.zeros((30, 40), np.uint8)
        image[10:20, 15:25] = 255
    assert cv2.imwrite(str(path), image)


@pytest.fixture
def data(tmp_path):
    """Slices ann_1, ann_2, bob_1 with masks of the same names."""
    for seed, name in enumerate(("ann_1", "ann_2", "bob_1")):
        draw(tmp_path / "images" / f"{name}.png", seed)
        draw(tmp_path / "masks" / f"{name}.png", seed, mask=True)
    return tmp_path


def read(data: Path, **source):
    given = {"kind": "folder", "patient_pattern": BY_NAME, "plane": "axial"} | source
    items = list(reading.read(given, str(data), 1))
    cases = [case for item in items for case in item.cases]
    return cases, [problem for item in items for problem in item.problems]


def codes(problems) -> list[str]:
    return [problem.code for problem in problems]


def test_images_and_masks_of_the_same_name_are_cases_of_the_patient_in_their_name(data):
    cases, problems = read(data)
    assert problems == []
    assert [(c.case, c.patient) for c in cases] == [
        ("ann_1", "ann"),
        ("ann_2", "ann"),
        ("bob_1", "bob"),
    ]
    assert all(case.mask.sum() == 100 and case.plane == "axial" for case in cases)


def test_a_sub_folder_can_name_the_patient_and_masks_can_have_another_format(data):
    for name in ("x/1", "y/1"):
        draw(data / "scans" / f"{name}.png", len(name) + ord(name[0]))
        draw(data / "labels" / f"{name}.tif", 0, mask=True)
    cases, problems = read(data, images="scans", masks="labels", patient_pattern="^([^/]+)/")
    assert problems == []
    assert [(c.case, c.patient) for c in cases] == [("x_1", "x"), ("y_1", "y")]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (None, "no source.patient_pattern"),
        ("^[^_]+", "in round brackets"),
        ("^([^_]+", "unterminated subpattern"),
    ],
)
def test_an_unusable_pattern_is_one_error_with_an_example(data, pattern, message):
    _, (problem,) = read(data, patient_pattern=pattern)
    assert problem.code == "patient_pattern"
    assert message in problem.line()
    assert "for example '^([^_]+)'" in problem.line()


def test_a_name_that_the_pattern_does_not_match_is_reported_and_the_others_are_read(data):
    draw(data / "images/odd.png", 9)
    draw(data / "masks/odd.png", 9, mask=True)
    cases, (problem,) = read(data)
    assert len(cases) == 3
    assert problem.code == "patient_missing"
    assert problem.line().startswith(f"{data}/images/odd.png: ")


def test_patients_of_a_pattern_that_are_spelled_alike_or_unknown_are_errors(data):
    for number, name in enumerate(("Bob_2", "unknown_1"), start=9):
        draw(data / f"images/{name}.png", number)
        draw(data / f"masks/{name}.png", number, mask=True)
    assert sorted(codes(read(data)[1])) == ["patient_missing", "patient_similar"]


def test_missing_unused_and_ambiguous_masks_are_reported(data):
    (data / "masks/ann_1.png").unlink()
    draw(data / "masks/bob_1.tif", 0, mask=True)
    draw(data / "masks/carl_1.png", 0, mask=True)
    cases, problems = read(data)
    assert [case.case for case in cases] == ["ann_2"]
    assert codes(problems) == ["annotation_missing", "annotation_ambiguous", "mask_without_image"]
    assert [problem.severity for problem in problems] == ["error", "error", "warning"]
    assert "carl_1" in problems[2].line()


def test_an_empty_mask_is_an_error_unless_negatives_are_declared(data):
    assert cv2.imwrite(str(data / "masks/ann_1.png"), np.zeros((30, 40), np.uint8))
    cases, problems = read(data)
    assert (len(cases), codes(problems)) == (2, ["annotation_empty"])
    cases, problems = read(data, negatives=True)
    assert (len(cases), codes(problems)) == (3, [])


def test_hidden_files_are_ignored_and_other_files_are_reported(data):
    for name in (".DS_Store", "._ann_1.png", "Thumbs.db", "notes.txt"):
        (data / "images" / name).write_bytes(b"junk")
        (data / "masks" / f".{name}").write_bytes(b"junk")
    cases, (note,) = read(data)
    assert len(cases) == 3
    assert (note.code, note.severity) == ("file_passed_over", "warning")
    assert "2 ignored, the first is Thumbs.db" in note.line()


@pytest.mark.parametrize("missing", ["images", "."])
def test_a_missing_folder_is_one_error(data, missing):
    shutil.rmtree(data / missing)
    cases, (problem,) = read(data)
    assert cases == []
    assert problem.code == "folder_missing"


def test_a_missing_folder_of_masks_is_an_error_for_each_image(data):
    shutil.rmtree(data / "masks")
    assert codes(read(data)[1]) == ["annotation_missing"] * 3


def test_a_link_out_of_the_data_folder_is_rejected(data, tmp_path_factory):
    outside = tmp_path_factory.mktemp("elsewhere") / "ann_1.png"
    (data / "images/ann_1.png").rename(outside)
    (data / "images/ann_1.png").symlink_to(outside)
    cases, problems = read(data)
    assert (len(cases), codes(problems)) == (2, ["path_link"])


def test_two_images_with_the_same_case_name_are_rejected(data):
    draw(data / "images/ann/1.png", 9)
    draw(data / "masks/ann/1.png", 9, mask=True)
    _, problems = read(data, patient_pattern="^(...)")
    assert codes(problems) == ["case_repeated"]


def test_a_sub_folder_of_dicom_slices_is_one_series_and_single_slices_are_single(data):
    slice_file = get_testdata_file("CT_small.dcm", download=False)
    for name in ("images/eve_1/1", "images/eve_1/2.dcm", "images/fay/1.dcm", "images/gil_1.dcm"):
        (data / name).parent.mkdir(exist_ok=True)
        shutil.copy(slice_file, data / name)
    draw(data / "masks/eve_1.png", 0, mask=True)
    draw(data / "masks/fay/1.png", 0, mask=True)
    draw(data / "masks/gil_1.png", 0, mask=True)
    options = {"data_dir": str(data), "patient_pattern": "^(...)"}
    entries = [e for e in folder.entries(**options) if e.patient in ("eve", "fay", "gil")]
    assert [(entry.case, entry.image.name) for entry in entries] == [
        ("eve_1", "eve_1"),
        ("fay_1", "1.dcm"),
        ("gil_1", "gil_1.dcm"),
    ]
    assert [entry.annotation.parent.name for entry in entries] == ["masks", "fay", "masks"]


def test_a_series_may_lie_beside_its_mask(tmp_path):
    slice_file = get_testdata_file("CT_small.dcm", download=False)
    for name in ("eve/1.dcm", "eve/2.dcm", "fay/scan/1"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(slice_file, tmp_path / "images" / name)
    for name in ("eve_mask", "fay/scan_seg"):
        draw(tmp_path / f"images/{name}.png", 0, mask=True)
    listed = list(folder.entries(data_dir=str(tmp_path), masks="images", patient_pattern="^(...)"))
    assert [(entry.case, entry.image.name, entry.annotation.name) for entry in listed] == [
        ("eve", "eve", "eve_mask.png"),
        ("fay_scan", "scan", "scan_seg.png"),
    ]


def test_one_file_can_annotate_all_images_by_their_names(data):
    shutil.rmtree(data / "masks")
    border = [[16, 11], [25, 11], [25, 20], [16, 20]]
    names = ("ann_1.png", "ann_2.png", "bob_1.png")
    text = ", ".join(f'"{name}": {border}' for name in names)
    (data / "borders.json").write_text(f"{{{text}}}")
    cases, problems = read(data, annotation_file="borders.json")
    assert problems == []
    assert [case.case for case in cases] == ["ann_1", "ann_2", "bob_1"]


def test_the_import_depends_on_everything_in_both_folders(data):
    assert folder.files(data_dir=str(data)) == [data / "images", data / "masks"]


@pytest.mark.parametrize("other_form", ["NFD", "NFKC", "capitals", "space"])
def test_one_name_in_two_spellings_is_one_name(tmp_path, other_form):
    """Macs decompose umlauts; Macs and Windows ignore capitals; a space at the end is not seen."""
    for number in (1, 2):
        name = f"jörg{number}_ä"
        other = {"capitals": name.upper(), "space": f"{name} "}.get(other_form)
        other = other or unicodedata.normalize(other_form, name)
        draw(tmp_path / "images" / f"{unicodedata.normalize('NFC', name)}.png", number)
        draw(tmp_path / "masks" / f"{other}.png", number, mask=True)
    cases, problems = read(tmp_path)
    assert (len(cases), problems) == (2, [])


def test_names_that_differ_only_in_capitals_find_their_own_masks_first(data):
    draw(data / "masks/ANN_1.png", 0, mask=True)
    cases, (note,) = read(data)
    assert (len(cases), note.code) == (3, "mask_without_image")
    assert "1 ignored, the first is ANN_1.png" in note.line()
    draw(data / "images/ANN_1.png", 5)
    entries = folder.entries(data_dir=str(data), patient_pattern=BY_NAME)
    assert all(entry.annotation.name == entry.image.name for entry in entries)
    assert "case_repeated" in codes(read(data)[1])


def test_of_two_masks_in_other_spellings_none_is_chosen(data):
    (data / "masks/ann_1.png").rename(data / "masks/Ann_1.png")
    assert len(read(data)[0]) == 3
    draw(data / "masks/ANN_1.png", 0, mask=True)
    cases, (problem,) = read(data)
    assert (len(cases), problem.code) == (2, "annotation_ambiguous")


def test_folders_and_the_annotation_file_are_found_in_any_spelling(data):
    (data / "images").rename(data / "Images")
    (data / "masks").rename(data / "Masks")
    cases, problems = read(data, images="images", masks="MASKS")
    assert (len(cases), problems) == (3, [])
    assert folder.files(data_dir=str(data)) == [data / "Images", data / "Masks"]


ENDINGS = ["_mask", "_seg", "-label", "_segmentation", "_label", ".seg", "_Masks", " mask"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("masks", ["masks", "images"])
def test_a_masks_name_may_end_in_a_word_for_masks(tmp_path, ending, masks):
    for seed, name in enumerate(("ann_1", "bob_1")):
        draw(tmp_path / "images" / f"{name}.png", seed)
        draw(tmp_path / masks / f"{name}{ending}.png", seed, mask=True)
    cases, problems = read(tmp_path, masks=masks)
    assert problems == []
    assert [case.case for case in cases] == ["ann_1", "bob_1"]
    assert all(case.mask.sum() == 100 for case in cases)


def test_a_mask_with_and_one_without_an_ending_are_ambiguous(data):
    draw(data / "masks/ann_1_mask.png", 0, mask=True)
    cases, (problem,) = read(data)
    assert len(cases) == 2
    assert problem.code == "annotation_ambiguous"
    assert "ann_1.png, ann_1_mask.png" in problem.line()


def test_the_same_name_goes_before_an_ending(data):
    """ann_1_seg is an image of its own here, so its mask is not one of ann_1."""
    draw(data / "images/ann_1_seg.png", 8)
    draw(data / "masks/ann_1_seg.png", 0, mask=True)
    cases, problems = read(data)
    assert (len(cases), problems) == (4, [])


def test_drawings_may_lie_beside_their_images(data):
    """As LabelMe stores them."""
    shutil.rmtree(data / "masks")
    square = [[14.5, 9.5], [24.5, 9.5], [24.5, 19.5], [14.5, 19.5]]
    for name in ("ann_1", "ann_2", "bob_1"):
        content = {"shapes": [{"label": "t", "points": square}], "imagePath": f"{name}.png"}
        (data / "images" / f"{name}.json").write_text(json.dumps(content))
    (data / "images/carl_1.json").write_text("{}")
    cases, (note,) = read(data, masks="images")
    assert [case.case for case in cases] == ["ann_1", "ann_2", "bob_1"]
    assert (note.code, note.severity) == ("mask_without_image", "warning")
    assert "carl_1" in note.line()


def test_an_image_beside_another_of_its_name_is_not_its_mask(data):
    draw(data / "images/ann_1.tif", 0, mask=True)
    _, problems = read(data, masks="images")
    assert set(codes(problems)) == {"annotation_missing"}


def test_a_warning_about_a_shared_annotation_file_is_given_once(tmp_path):
    names = [f"p{number}/slice.png" for number in range(1, 9)]
    drawn = [[10, 10, 20, 10, 20, 20, 10, 20]]
    for number, name in enumerate(names):
        draw(tmp_path / "images" / name, number)
    content = {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(names)],
        "annotations": [{"image_id": n, "segmentation": drawn} for n in [*range(8), 99, "x"]],
    }
    (tmp_path / "all.json").write_text(json.dumps(content), encoding="utf-8")
    source = {
        "kind": "folder",
        "patient_pattern": "^([^/]+)/",
        "plane": "axial",
        "annotation_file": "all.json",
    }
    checked = each_slice.read_all(source, str(tmp_path), seed=1, fold_count=2)
    about = [p for p in checked.problems if p.code == "annotations_unlisted"]
    assert len(checked.slices) == 8 and len(about) == 1
    assert about[0].value.startswith("2 of 10 annotations") and about[0].row == 0
    content["images"] = content["images"][:1]
    (tmp_path / "all.json").write_text(json.dumps(content), encoding="utf-8")
    checked = each_slice.read_all(source, str(tmp_path), seed=1, fold_count=2)
    assert [p.code for p in checked.problems] == ["annotations_unlisted_most"]


# ---------------------------------------------------------------- images in two files


ANALYZE = (nib.AnalyzeImage, nib.Spm2AnalyzeImage)


def volume(number: int, mask: bool = False) -> np.ndarray:
    values = np.random.default_rng(number).integers(0, 900, (30, 40, 3)).astype(np.int16)
    return np.pad(np.ones((10, 10, 1), np.int16), ((10, 10), (15, 15), (1, 1))) if mask else values


@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Nifti2Pair, *ANALYZE])
@pytest.mark.parametrize("capitals", [False, True])
def test_a_header_and_its_pixels_are_one_image(tmp_path, kind, capitals):
    for number, name in enumerate(("ann_1", "bob_1")):
        for place, mask in (("images", False), ("masks", True)):
            (tmp_path / place).mkdir(exist_ok=True)
            image = kind(volume(number, mask), np.diag([1, 1, 4, 1]))
            nib.save(image, tmp_path / place / f"{name}.img")
    if capitals:
        for path in [*tmp_path.rglob("*.hdr"), *tmp_path.rglob("*.img")]:
            path.rename(path.with_suffix(path.suffix.upper()))
    cases, problems = read(tmp_path, plane="")
    assert [case.case for case in cases] == ["ann_1-axial-001", "bob_1-axial-001"]
    assert all(case.mask.sum() == 100 for case in cases)
    assert codes(problems) == (["affine_missing"] * 4 if kind in ANALYZE else [])
    if kind is nib.Spm2AnalyzeImage:  # SPM's third file
        assert list((tmp_path / "images").glob("*.mat"))


def test_half_of_a_pair_is_one_error_that_names_the_other_half(tmp_path):
    for name in ("ann_1", "bob_1", "cat_1"):
        for place, mask in (("images", False), ("masks", True)):
            (tmp_path / place).mkdir(exist_ok=True)
            pair = nib.Nifti1Pair(volume(ord(name[0]), mask), np.eye(4))
            nib.save(pair, tmp_path / place / f"{name}.img")
    (tmp_path / "images/ann_1.hdr").unlink()
    (tmp_path / "images/bob_1.img").unlink()
    cases, problems = read(tmp_path, plane="")
    assert [case.case for case in cases] == ["cat_1-axial-001"]
    assert codes(problems) == ["image_type", "image_missing"]
    assert ".hdr" in problems[0].hint and "the .img of the same name" in problems[1].expected


def test_pixels_of_other_headers_are_no_images_of_their_own(tmp_path):
    for name, ending in (("ann_1", "mhd"), ("bob_1", "nhdr")):
        for place, mask in (("images", False), ("masks", True)):
            (tmp_path / place).mkdir(exist_ok=True)
            image = sitk.GetImageFromArray(volume(ord(name[0]), mask).T)
            sitk.WriteImage(image, str(tmp_path / place / f"{name}.{ending}"), ending == "nhdr")
    assert (tmp_path / "images/bob_1.raw.gz").is_file()
    cases, problems = read(tmp_path, plane="axial")
    assert [case.case for case in cases] == ["ann_1-axial-001", "bob_1-axial-001"]
    assert problems == []


def test_dicom_slices_named_img_are_a_series_as_before(data):
    slice_file = get_testdata_file("CT_small.dcm", download=False)
    (data / "images/eve_1").mkdir()
    for name in ("1.img", "2.img"):
        shutil.copy(slice_file, data / "images/eve_1" / name)
    draw(data / "masks/eve_1.png", 0, mask=True)
    options = {"data_dir": str(data), "patient_pattern": "^(...)"}
    images = [entry.image.name for entry in folder.entries(**options)]
    assert images == ["ann_1.png", "ann_2.png", "bob_1.png", "eve_1"]


def test_a_sub_folder_that_cannot_be_listed_is_an_error(data, monkeypatch):
    """A patient without permissions was left out without a word."""
    draw(data / "images/cid/cid_1.png", 9)
    listed = os.scandir

    def scandir(path):
        if Path(path).name == "cid":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    (problem,) = read(data)[1]
    assert problem.code == "folder_unreadable" and "images/cid: the folder" in problem.line()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems store names in Unicode")
def test_a_file_name_of_another_encoding_is_one_line_and_the_page_is_written(data):
    """As unpacked from a zip of Windows: the check ended with a UnicodeEncodeError."""
    for name in ("images", "masks"):
        (data / name / "bob_1.png").rename(data / name / os.fsdecode(b"M\xfcller_1.png"))
    settings = {"kind": "folder", "patient_pattern": BY_NAME, "plane": "axial"}
    assert files_digest(folder.files(data_dir=str(data)), data)
    with pytest.raises(UserError, match="2 slices read"):
        check.main(
            source=settings,
            data_dir=str(data),
            seed=1,
            fold_count=2,
            strip_method="none",
            accept_harm=False,
            experiment="x",
            folder=str(data / "local"),
        )
    text = (data / "local/check.tsv").read_text(encoding="utf-8")
    assert "M?ller_1" in text and "case_name" in text
    assert "M?ller_1" in (data / "local/check.html").read_text(encoding="utf-8")
