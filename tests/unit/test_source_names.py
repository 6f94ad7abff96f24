"""The identifiers gathered from a source, and those left out on purpose."""

import json
import re
import struct
import zipfile
from pathlib import Path

import layouts
import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin
from pydicom.data import get_testdata_file
from roifile import ImagejRoi
from test_sources import SETS

import seek_names
from tumorseg.core import registry
from tumorseg.core.cases import Entry
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_table
from tumorseg.data.listing import listed
from tumorseg.data.reading import read
from tumorseg.privacy import embedded_text, identifiers, machines, source_names
from tumorseg.privacy.header_text import header_texts
from tumorseg.privacy.kept_names import kept_problems


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


@pytest.mark.parametrize(
    "kept",
    ["TCGA_CS_4941_19960909_1", "OKONJOB_03-Ward7B", "seen by Kowalski", "okonjob 03 ward7b"],
)
def test_what_occurs_in_a_kept_name_in_any_spelling_is_no_secret(tmp_path, kept):
    """A folder TCGA_CS_4941_19960909 with the case TCGA_CS_4941_19960909_1 stopped every run."""
    given = entry(tmp_path / "TCGA-CS-4941_19960909", case=kept, patient="TCGA_CS_4941")
    found = source_names.gather([given], [], str(tmp_path), keep=True)
    results = f"{kept} TCGA_CS_4941 results/cases/{kept}.png {kept}-axial-003"
    assert identifiers.Seeker(found).in_text(results) == set()
    secret = identifiers.Seeker(found).in_text("okonjob_03.png kowalski ward7b hofer")
    assert "hofer" in secret


def test_the_names_of_an_excluded_case_are_no_kept_names(tmp_path):
    """Unless they are those of a case that is kept: another slice of the same patient."""
    given = entry(tmp_path, patient="meyer", case="anna_1", stem="A1")
    out = entry(tmp_path, patient="OKONJO^BRIGA", case="okonjo_7", stem="B1")
    same = entry(tmp_path, patient="meyer", case="anna_2", stem="A2")
    found = source_names.gather([given], [], str(tmp_path), keep=True, excluded=[out, same])
    seeker = identifiers.Seeker(found)
    assert seeker.in_text("anna_1 meyer") == set()
    assert seeker.in_text("okonjo_7 anna_2") == {"okonjo_7", "okonjo", "anna_2"}


def test_the_words_of_a_kept_case_are_no_secret_in_any_order_but_those_of_two_cases_are(tmp_path):
    """MEYER^ANNA in a header, patient meyer and case anna_1 in the tables' columns."""
    given = [
        entry(tmp_path, patient="meyer", case="anna_1", stem="A1"),
        entry(tmp_path, patient="weber", case="otto_1", stem="B1"),
    ]
    for item, text in zip(given, ("MEYER^ANNA", "Otto Meyer"), strict=True):
        item.annotation.write_text(json.dumps({"description": text}), encoding="utf-8")
    found = source_names.gather(given, [], str(tmp_path), keep=True)
    assert identifiers.Seeker(found).in_text("anna_1\tmeyer\totto_1\tweber meyer^anna") == set()
    assert identifiers.Seeker(found).in_text("by Otto Meyer") == {"otto meyer"}


def test_a_files_name_that_shares_one_word_with_a_kept_name_stays_secret(tmp_path):
    """Only the part before the first dot was compared, and not at all in a case's folder."""
    uid = entry(tmp_path / "data", case="p_1", patient="p", stem="1.2.840.4711")
    series = tmp_path / "data/p_2"
    series.mkdir()
    (series / "OKONJO.IM1.dcm").write_bytes(b"")
    given = [uid, Entry("p_2", "p", series, None, "t.tsv", 2)]
    found = source_names.gather(given, [], str(tmp_path / "data"), keep=True)
    assert {"1.2.840.4711.png", "okonjo.im1.dcm"} <= found.sought.keys()
    assert not {"p_1", "p_2"} & found.sought.keys()


@pytest.mark.parametrize("where", ["user", "host", "node", "key"])
def test_user_machines_and_key_stay_secret_in_kept_names(tmp_path, monkeypatch, where):
    monkeypatch.setenv("LOGNAME", "zqxuser")
    monkeypatch.setattr("socket.gethostname", lambda: "zqxhost")
    machines.note(tmp_path / "machines")
    noted = machines.noted(tmp_path / "machines")
    assert noted == ["zqxhost"]
    monkeypatch.setattr("socket.gethostname", lambda: "zqxhere")
    words = {"user": "zqxuser", "node": "zqxhost", "host": "zqxhere", "key": "ab" * 32}
    word = words[where]
    data = tmp_path / "zqxuser" / "data"
    given = entry(data, case=f"{word}_1", patient=word)
    found = source_names.gather([given], [], str(data), keep=True, key="ab" * 32, machines=noted)
    assert found.sought[word] in identifiers.PERSONAL
    assert identifiers.Seeker(found).in_text(f"cases/{word}_1.png") == {word}


def test_the_superusers_home_is_no_name_because_every_pdf_contains_its_letters(monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/root"))
    assert "/root" not in source_names.of_machine().sought


def test_a_user_without_a_name_as_in_a_container_is_no_error(monkeypatch):
    """`docker run --user 1000`, or a pod that may not run as root: a number without an account."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "HOME"):
        monkeypatch.delenv(name, raising=False)

    def missing(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr("pwd.getpwuid", missing)
    monkeypatch.setattr("socket.gethostname", lambda: "zqxhost")
    assert source_names.of_machine().sought["zqxhost"] == identifiers.HOST
    assert identifiers.USER not in source_names.of_machine().sought.values()


def test_the_home_folder_and_the_key_are_sought_where_names_are_kept(study, monkeypatch):
    """A user's name of two letters is no word to search for, but the path of his home is."""
    monkeypatch.setattr(Path, "home", lambda: Path("/home/jo"))
    (study / "local").mkdir()
    (study / "local/pseudonym.key").write_text("ab" * 32, encoding="ascii")
    search(study, names="keep")
    for text, kind in (("/home/jo/mri", "user name"), ("ab" * 32, "secret key")):
        (study / "results/x.txt").write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match=f"contains a {kind}"):
            search(study, names="keep")


def test_a_kept_name_with_the_users_name_is_an_error_of_the_check_and_of_the_import(monkeypatch):
    monkeypatch.setenv("LOGNAME", "zqxuser")
    problems = kept_problems(["a01", "ZQXUSER_02", "zqxuser_03"])
    assert [(problem.code, problem.severity) for problem in problems] == [("name_kept", "error")]
    assert "'ZQXUSER_02' contains the user name of this machine" in problems[0].line()
    monkeypatch.setenv("LOGNAME", "median")  # a word that the software writes itself
    assert kept_problems(["median_02"]) == []


@pytest.mark.parametrize("name", SETS)
def test_no_kept_name_of_a_public_data_set_is_sought(tmp_path, name):
    """What `seek_names` would find at the end of a run is found here."""
    getattr(layouts, name)(tmp_path / "data")
    source, options, _ = SETS[name]
    settings = {"kind": source} | options
    # As people name the folder: after what is in it (hippocampus/imagesTr/hippocampus_001...).
    word = re.findall("[A-Za-z]+", listed(settings, str(tmp_path / "data")).entries[0].case + "x")
    data = str((tmp_path / "data").rename(tmp_path / word[0]))
    found = listed(settings, data)
    module = registry.entry("sources", source)
    files = module.files(data_dir=data, **options)
    sought = source_names.gather(found.entries, files, data, keep=True)
    source_names.drop_common(sought, [])
    seeker = identifiers.Seeker(sought)
    cases = [case for item in read(settings, data, 1) for case in item.cases]
    assert cases
    for case in cases:
        text = f"{case.case}\t{case.patient}\nresults/cases/{case.case}.png {case.tumour_type}"
        assert seeker.in_text(text) == set()


def test_header_texts_of_dicom_include_names_dates_and_uids_except_the_standards():
    path = Path(get_testdata_file("MR_small.dcm"))
    data = pydicom.dcmread(path)
    texts = set(header_texts(path))
    assert {str(data.PatientName), data.PatientID, data.StudyDate, data.SOPInstanceUID} <= texts
    assert not any(text.startswith("1.2.840.10008.") for text in texts)


def test_header_texts_of_dicom_are_found_without_a_mark_and_behind_a_damaged_element(tmp_path):
    data = pydicom.dcmread(get_testdata_file("CT_small.dcm", download=False))
    data.PatientName = "OKONJO^BRIGA"
    data.save_as(tmp_path / "whole.dcm")
    content = (tmp_path / "whole.dcm").read_bytes()
    element = b"\x09\0\x27\x10SL\4\0"  # four bytes, which are no whole number of doubles
    assert element in content
    damaged = content.replace(element, element.replace(b"SL", b"FD"))
    # Without the mark, as consoles once wrote it; with and without a suffix.
    for name, stored in {"a.dcm": damaged, "b.dcm": content[132:], "b": content[132:]}.items():
        (tmp_path / name).write_bytes(stored)
        assert "OKONJO^BRIGA" in set(header_texts(tmp_path / name)), name


def test_header_texts_of_nifti_pairs_and_of_xml_are_found(tmp_path):
    volume = nibabel.Nifti1Pair(np.zeros((2, 2, 2), np.uint8), np.eye(4))
    volume.header["descrip"] = b"Kowalski 1962"
    nibabel.save(volume, tmp_path / "a.hdr")
    for name in ("a.hdr", "a.img"):
        assert "Kowalski 1962" in set(header_texts(tmp_path / name))
    (tmp_path / "a.xml").write_text('<a><owner name="hofer">Kowalski 1962</owner></a>')
    assert set(header_texts(tmp_path / "a.xml")) == {"hofer", "Kowalski 1962"}


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.hdr"])
@pytest.mark.parametrize("kind", [1, 2])
def test_header_texts_of_nifti_extensions_are_found(tmp_path, name, kind):
    """A DICOM header, a comment, AFNI's XML and JSON."""
    whole, pair = getattr(nibabel, f"Nifti{kind}Image"), getattr(nibabel, f"Nifti{kind}Pair")
    made = pair if name == "a.hdr" else whole
    volume = made(np.zeros((2, 2, 2), np.uint8), np.eye(4))
    header = pydicom.Dataset()
    header.PatientName = "OKONJO^BRIGA"
    texts = {
        6: b"Seen by: Dr Kowalski\nsecond line",
        4: b"<AFNI_attributes><AFNI_atr ni_type='String'>hofer@ward7</AFNI_atr></AFNI_attributes>",
        0: b'{"PatientID": "4711-XQ"}',
    }
    for code, text in texts.items():
        volume.header.extensions.append(nibabel.nifti1.Nifti1Extension(code, text))
    volume.header.extensions.append(nibabel.nifti1.Nifti1DicomExtension(2, header))
    nibabel.save(volume, tmp_path / name)
    wanted = {"OKONJO^BRIGA", "Dr Kowalski", "second line", "hofer@ward7", "4711-XQ"}
    assert wanted <= set(header_texts(tmp_path / name))


@pytest.mark.parametrize("order", ["<", ">"])
def test_header_texts_of_imagej_are_found(tmp_path, order):
    """Info, labels of slices, names of outlines over the image; not the words before them."""
    outline = ImagejRoi.frompoints([[1, 1], [5, 1], [5, 5]], name="tumour of Hofer").tobytes()
    encoding = "utf-16-le" if order == "<" else "utf-16-be"
    parts = [
        (b"info", "0010,0010  Patient's Name: OKONJO^BRIGA\nWard = 7B-Kowalski\n".encode(encoding)),
        (b"labl", "slice of 4711-XQ".encode(encoding)),
        (b"over", outline),
    ]
    kinds = b"".join(
        k[:: -1 if order == "<" else 1] + struct.pack(f"{order}i", 1) for k, _ in parts
    )
    block = b"IJIJ"[:: -1 if order == "<" else 1] + kinds
    sizes = [len(block), *(len(part) for _, part in parts)]
    texts = embedded_text.imagej_texts(block + b"".join(part for _, part in parts), sizes, order)
    found = {line for text in texts for line in text.splitlines()}
    assert {"Ward = 7B-Kowalski", "slice of 4711-XQ", "tumour of Hofer"} <= found
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270] = "Seen by: Dr Weber\nsecond line"
    if order == "<":
        tags.tagtype[50838], tags.tagtype[50839] = 4, 1
        tags[50838], tags[50839] = tuple(sizes), block + b"".join(part for _, part in parts)
    Image.new("L", (8, 8)).save(tmp_path / "a.tif", tiffinfo=tags)
    found = set(header_texts(tmp_path / "a.tif"))
    assert {"Dr Weber", "second line"} <= found
    wanted = {"OKONJO^BRIGA", "7B-Kowalski", "slice of 4711-XQ", "tumour of Hofer"}
    assert wanted <= found or order == ">"


def test_header_texts_of_imagej_selections_are_their_names(tmp_path):
    outline = ImagejRoi.frompoints([[1, 1], [5, 1], [5, 5]], name="OKONJO BRIGA").tobytes()
    (tmp_path / "a.roi").write_bytes(outline)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("by Kowalski.roi", outline)
    assert "OKONJO BRIGA" in set(header_texts(tmp_path / "a.roi"))
    assert {"by Kowalski", "OKONJO BRIGA"} <= set(header_texts(tmp_path / "b.zip"))


def test_header_texts_of_volumes_and_damaged_files(tmp_path):
    volume = nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4))
    volume.header["descrip"] = b"Kowalski 1962"
    nibabel.save(volume, tmp_path / "a.nii.gz")
    assert "Kowalski 1962" in set(header_texts(tmp_path / "a.nii.gz"))
    pair = nibabel.Nifti1Pair(np.zeros((2, 3, 4), np.int16), np.eye(4), volume.header)
    nibabel.save(pair, tmp_path / "a.img")
    assert "Kowalski 1962" in set(header_texts(tmp_path / "a.hdr"))
    analyze = nibabel.AnalyzeImage(np.zeros((2, 3, 4), np.int16), None)
    nibabel.save(analyze, tmp_path / "b.img")
    content = bytearray((tmp_path / "b.hdr").read_bytes())
    content[283:291] = b"Kowalski"  # patient_id
    (tmp_path / "b.hdr").write_bytes(content)
    assert "Kowalski" in set(header_texts(tmp_path / "b.hdr"))
    for name in ("a.png", "a.json", "a.nii", "a.mha", "a.mat", "a.dcm", "a"):
        (tmp_path / name).write_bytes(b"\x00broken")
        list(header_texts(tmp_path / name))
    list(header_texts(tmp_path / "missing.png"))


def search(root: Path, names: str = "pseudonyms") -> None:
    """Runs the step over results/ for a table source in root/data."""
    seek_names.main(
        source={"kind": "table"},
        data_dir=str(root / "data"),
        names=names,
        key_file="",
        own_names=["own"],
        report_file="results/report.html",
        cases_table="results/cases.tsv",
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


def test_a_damaged_list_of_imagejs_parts_ends_the_search_in_it():
    block = b"IJIJ" + b"info" + struct.pack(">i", 2**31 - 1) + "Mueller".encode("utf-16-be")
    assert list(embedded_text.imagej_texts(block, (12, 14), ">")) == ["Mueller"]
    assert list(embedded_text.imagej_texts(block, (), ">")) == []
