"""The identifiers gathered from a source, and those left out on purpose."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest
from PIL import Image, PngImagePlugin
from pydicom.data import get_testdata_file

import seek_names
from tumorseg.core.cases import Entry
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_table
from tumorseg.privacy import identifiers, source_names
from tumorseg.privacy.header_text import header_texts


def entry(root: Path, patient="OKONJO^BRIGA", case="slice-77x", stem="OKONJOB_03") -> Entry:
    image = root / "Ward7B" / f"{stem}.png"
    image.parent.mkdir(parents=True, exist_ok=True)
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "seen by Dr Kowalski")
    Image.new("L", (8, 8)).save(image, pnginfo=texts)
    drawn = image.with_suffix(".json")
    drawn.write_text(json.dumps({"imagePath": "C:\\users\\hofer\\a.png"}), encoding="utf-8")
    return Entry(case, patient, image, drawn, "t.tsv", 1)


def gathered(root: Path, keep: bool = False, **options: str) -> dict[str, str]:
    identifiers = source_names.gather(
        [entry(root, **options)], [], str(root), keep=keep, key="ab" * 32
    )
    source_names.drop_common(identifiers, ["phantom"])
    return identifiers.sought


def test_names_files_folders_and_header_texts_are_gathered(tmp_path):
    sought = gathered(tmp_path)
    wanted = {
        "okonjo^briga": identifiers.PATIENT,
        "okonjo": identifiers.PATIENT,
        "slice-77x": identifiers.CASE,
        "okonjob_03": identifiers.FILE,
        "okonjob_03.png": identifiers.FILE,
        "okonjob_03.json": identifiers.FILE,
        "ward7b": identifiers.FOLDER,
        str(tmp_path).lower(): identifiers.FOLDER,
        "kowalski": identifiers.HEADER,
        "hofer": identifiers.HEADER,
        "ab" * 32: identifiers.KEY,
    }
    assert wanted.items() <= sought.items()


def test_words_of_the_software_are_left_out(tmp_path):
    sought = gathered(tmp_path, patient="MEDIAN^FOCAL", stem="image")
    assert "median^focal" in sought
    assert not {"median", "focal", "image", "phantom"} & sought.keys()


def test_kept_names_are_left_out_and_files_named_like_them(tmp_path):
    sought = gathered(tmp_path, keep=True, case="OKONJOB_03")
    assert not {"okonjo^briga", "okonjob_03", "okonjob_03.png"} & sought.keys()
    assert {"kowalski", "ward7b"} <= sought.keys()


def test_header_texts_of_dicom_include_names_dates_and_uids_except_the_standards():
    path = Path(get_testdata_file("MR_small.dcm"))
    data = pydicom.dcmread(path)
    texts = set(header_texts(path))
    assert {str(data.PatientName), data.PatientID, data.StudyDate, data.SOPInstanceUID} <= texts
    assert not any(text.startswith("1.2.840.10008.") for text in texts)


def test_header_texts_of_volumes_and_damaged_files(tmp_path):
    volume = nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4))
    volume.header["descrip"] = b"Kowalski 1962"
    nibabel.save(volume, tmp_path / "a.nii.gz")
    assert "Kowalski 1962" in set(header_texts(tmp_path / "a.nii.gz"))
    for name in ("a.png", "a.json", "a.nii", "a.mha", "a.mat", "a.dcm", "a"):
        (tmp_path / name).write_bytes(b"\x00broken")
        list(header_texts(tmp_path / name))
    list(header_texts(tmp_path / "missing.png"))


def search(root: Path) -> None:
    """Runs the step over results/ for a table source in root/data."""
    seek_names.main(
        source={"kind": "table"},
        data_dir=str(root / "data"),
        names="pseudonyms",
        key_file="",
        own_names=["own"],
        cases_table="results/cases.tsv",
        folders=["results"],
        local_dir="local/own",
        privacy_table="results/privacy.tsv",
    )


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)  # paths in results are relative to the project
    given = entry(tmp_path / "data")
    columns = {"case": given.case, "patient": given.patient, "plane": "axial"}
    paths = {"image": given.image, "annotation": given.annotation}
    columns |= {name: path.relative_to(tmp_path / "data") for name, path in paths.items()}
    (tmp_path / "data/cases.tsv").write_text(
        "\t".join(columns) + "\n" + "\t".join(map(str, columns.values())) + "\n"
    )
    table = pd.DataFrame({"case": ["c1"], "patient": ["p1"], "tumour_type": ["glioma"]})
    write_table(table, tmp_path / "results/cases.tsv")
    return tmp_path


def test_results_without_names_pass_and_list_what_was_sought(study, capsys):
    search(study)
    assert "none found" in capsys.readouterr().out
    text = (study / "results/privacy.tsv").read_text(encoding="utf-8")
    assert "okonjo" not in text.lower()
    assert "patient name" in text


def test_a_hit_reports_file_and_kind_and_writes_the_name_only_into_local(study, capsys):
    (study / "results/x.txt").write_text("Okonjo", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"results/x.txt contains a patient name of your data"
    ) as caught:
        search(study)
    assert "okonjo" not in str(caught.value).lower()
    assert "okonjo" in capsys.readouterr().out
    assert "okonjo" in (study / "local/own/privacy_hits.tsv").read_text(encoding="utf-8")
    assert not (study / "results/privacy.tsv").exists()


def test_a_pictures_format_is_not_among_its_texts(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "a.jpg", comment=b"seen by Kowalski")
    assert set(header_texts(tmp_path / "a.jpg")) == {"seen by Kowalski"}
