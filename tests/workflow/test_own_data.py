"""docs/own-data.md is right: its files are written and its commands run, on made data."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
import pytest
import yaml
from project_copy import ROOT, ProjectCopy, copy_project
from pydicom import dcmread
from pydicom.data import get_testdata_file

import seek_names
from tumorseg.core.files import read_table
from tumorseg.data import reading

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs/own-data.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
# Two folds for six patients.
SMALL = """\
folds: {count: 2}
"""


def of_kind(kind: str) -> list[str]:
    return [text for name, text in BLOCKS if name == kind]


def head(seed: int, size=(96, 112)) -> tuple[np.ndarray, np.ndarray]:
    """A grey disc in noise with a bright square, and the square."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    inside = ((rows - size[0] / 2) / 40) ** 2 + ((columns - size[1] / 2) / 45) ** 2 <= 1
    grey = np.random.default_rng(seed).normal(110, 8, size) * inside
    mask = np.zeros(size, np.uint8)
    mask[40 : 52 + seed % 5, 50:66] = 255
    return (grey + 70 * (mask > 0)).clip(0, 255).astype(np.uint8), mask


def picture(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> ProjectCopy:
    """A fresh tree with the page's experiments, and its folders of images and masks."""
    project = copy_project(tmp_path_factory.mktemp("own"))
    for text in of_kind("yaml"):
        name = re.match(r"# (experiments/\w+\.yaml)\n", text)[1]
        project.write(name, text.replace("{size_px: 128, base_width: 16}", "{size_px: 32}") + SMALL)
    for number in range(12):
        name = f"p{number // 2 + 1:02d}_{'ab'[number % 2]}.png"
        for folder, image in zip(("images", "masks"), head(number), strict=True):
            picture(project.folder / "mydata" / folder / name, image)
    return project


def ran(project: ProjectCopy, line: str, *options: str) -> str:
    """What a command of the page prints; it must not fail."""
    done = project.execute([sys.executable, "-m", *shlex.split(line), "--nocolor", *options])
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def test_the_pages_commands_check_and_run_a_folder_of_images_and_masks(project, monkeypatch):
    """The run ends with the packed cases: no step after them reads what the page describes."""
    named = set(re.findall(r"mydata/(\S+\.png)", "".join(of_kind("text"))))
    assert named and all((project.folder / "mydata" / name).is_file() for name in named)
    check, run = "".join(of_kind("sh")).splitlines()
    assert [line.split()[3] for line in (check, run)] == ["check", "all"]
    ran(project, check)
    assert (project.folder / "local/mine/check.html").is_file()
    assert {"train", "write_report", "seek_names"} <= set(ran(project, run, "--dry-run").split())
    ran(project, run, "--until", "split", "pack")
    for path in ("local/pseudonym.key", "local/mine/names.tsv", "results/mine/folds.tsv"):
        assert (project.folder / path).is_file()
    assert np.load(project.folder / "results/mine/pack/robust/images.npy").shape == (12, 32, 32, 1)
    cases = read_table(project.folder / "results/mine/cases.tsv")
    assert (len(cases), cases["patient"].nunique()) == (12, 6)
    assert cases["case"].str.fullmatch("c[0-9a-f]{10}").all()
    monkeypatch.chdir(project.folder)
    seek_names.main(  # as the last step of the run; a name of the folder would stop it
        source=yaml.safe_load(of_kind("yaml")[0])["source"],
        data_dir="mydata",
        names="pseudonyms",
        key_file="",
        own_names=["mine"],
        cases_table="results/mine/cases.tsv",
        report_file="results/mine/report.html",
        local_dir="local/mine",
        privacy_table="results/mine/privacy.tsv",
    )
    assert read_table("results/mine/privacy.tsv")["sought"].sum() > 0


def make_table(folder: Path) -> None:
    """What the page's table names, in the kinds that it names."""
    image, mask = head(1)
    for name in ("images/a01.png", "images/a02.jpg", "images/a03.tif"):
        picture(folder / name, head(len(name) + ord(name[9]))[0])
    picture(folder / "labels/a02.png", mask)
    square = "[[49.5, 39.5], [65.5, 39.5], [65.5, 52.5], [49.5, 52.5]]"
    shape = f'{{"label": "tumor", "shape_type": "polygon", "points": {square}}}'
    (folder / "labels/a01.json").write_text(f'{{"shapes": [{shape}]}}')
    for part in ("series/b01", "slices"):
        (folder / part).mkdir(parents=True)
    source = Path(get_testdata_file("MR_small.dcm", download=False))
    shutil.copy(source, folder / "slices/b03.dcm")
    one = dcmread(source)
    picture(folder / "labels/b03.png", np.eye(one.Rows, one.Columns, dtype=np.uint8))
    values = np.stack([head(seed)[0] for seed in range(6)], axis=-1)
    labels = np.zeros(values.shape, np.uint8)
    labels[40:50, 50:60, 2:4] = 1
    for name, array in (("series/b02", values), ("labels/b02", labels)):
        nib.save(nib.Nifti1Image(array, np.diag([0.5, 0.5, 5, 1])), folder / f"{name}.nii.gz")
    position = np.array(one.ImagePositionPatient, float)
    rows, columns = np.array(one.ImageOrientationPatient, float).reshape(2, 3)
    normal = np.cross(rows, columns)
    for number in range(3):
        one.ImagePositionPatient = [float(x) for x in position + 5 * number * normal]
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number + 1}"
        one.save_as(folder / f"series/b01/{number}.dcm")
    height, width = map(float, one.PixelSpacing)
    to_lps = np.eye(4)
    to_lps[:3, :3] = np.stack([normal * 5, columns * height, rows * width], axis=1)
    to_lps[:3, 3] = position
    labels = np.zeros((3, one.Rows, one.Columns), np.uint8)
    labels[1, 20:30, 20:30] = 1
    image = nib.Nifti1Image(labels, np.diag([-1.0, -1, 1, 1]) @ to_lps)
    nib.save(image, folder / "labels/b01.nii.gz")


def test_the_pages_table_of_pictures_dicom_and_volumes_is_read_without_an_error(tmp_path):
    make_table(tmp_path)
    (text,) = of_kind("tsv")
    (tmp_path / "cases.tsv").write_text(text, encoding="utf-8")
    found = list(reading.read({"kind": "table"}, str(tmp_path), 1, cores=2))
    problems = [problem for item in found for problem in item.problems]
    assert [p.line() for p in problems if p.severity == "error"] == []
    cases = [case for item in found for case in item.cases]
    names = " ".join(case.case.split("-")[0] for case in cases)
    assert names == "a01 a02 a03 b01 b02 b02 b03"
    by_case = {case.case: case for case in cases}
    assert not by_case["a03"].mask.any()
    assert by_case["a03"].spacing_mm == (0.5, 0.7)
    assert by_case["b02-axial-002"].mask.sum() == 100
    assert {case.tumour_type for case in cases} == {"glioma", "meningioma", ""}
