"""The import writes keyed pseudonyms, all cases or none; numbers do not depend on the key."""

import hashlib
import hmac
import os
import stat
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packed_files import pack_in

import import_cases
import rasterize
import split
from tumorseg.core.digests import files_digest
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table
from tumorseg.core.images import read_image, read_mask
from tumorseg.core.problems import MAX_LINES_PER_CODE
from tumorseg.data import reading
from tumorseg.data.cohort import Cohort
from tumorseg.privacy.pseudonyms import KEY_FILE, namer, pseudonym, secret_key
from tumorseg.statistics.comparison import Question, contrasts, patient_scores
from tumorseg.statistics.subgroups import groups, subgroups

PATIENTS, SLICES = 8, 3


def make(folder: Path, negatives: int = 0) -> Path:
    """A table of 24 slices of 8 patients with distinctive names; the first cases have no tumour."""
    folder.mkdir(parents=True)
    lines = ["case\timage\tannotation\tpatient\tplane\tspacing_mm\ttumour_type"]
    for number in range(PATIENTS * SLICES):
        random = np.random.default_rng(number)
        cv2.imwrite(str(folder / f"LOUD{number}.png"), random.integers(9, 99, (32, 40), np.uint8))
        mask = np.zeros((32, 40), np.uint8)
        mask[8 : 12 + number % 7, 10:20] = 255
        cv2.imwrite(str(folder / f"LOUD{number}_mask.png"), mask)
        drawn = "negative" if number < negatives else f"LOUD{number}_mask.png"
        plane = ("axial", "coronal")[number % 2]
        kind = ("glioma", "meningioma")[number % 3 == 0]
        cells = [f"SMITH{number}", f"LOUD{number}.png", drawn, f"JONES{number // SLICES}"]
        lines.append("\t".join([*cells, plane, "0.5 0.75", kind]))
    (folder / "cases.tsv").write_text("\n".join(lines) + "\n")
    return folder


def run(data: Path, root: Path, fold_count: int = 2, names: str = "pseudonyms", **source) -> Path:
    """Runs the import like the workflow; returns the folder of results."""
    out = root / "results"
    import_cases.main(
        source={"kind": "table"} | source,
        data_dir=str(data),
        seed=1,
        identifiers={"names": names, "key_file": ""},
        local_dir=str(root / "local" / "mine"),
        config={"folds": {"count": fold_count}},
        cases_table=str(out / "cases.tsv"),
        cases_dir=str(out / "cases"),
        annotations_dir=str(out / "annotations"),
        true_brain_dir=str(out / "true_brain"),
        cores=2,
    )
    return out


def onward(out: Path) -> None:
    """Masks, folds and packed arrays, without skull stripping."""
    rasterize.main(
        cases_table=str(out / "cases.tsv"),
        annotations_dir=str(out / "annotations"),
        stripped_dir=str(out / "cases"),
        masks_table=str(out / "masks.tsv"),
        masks_dir=str(out / "masks"),
        config={"skull_strip": {"method": "none"}},
    )
    split.main(
        masks_table=str(out / "masks.tsv"),
        folds_table=str(out / "folds.tsv"),
        fold_count=3,
        validation_share=0.2,
        seed=1,
    )
    pack_in(out, "cases")


def made_up_scores(out: Path) -> pd.DataFrame:
    """Metrics of two losses; Dice depends on a case's position in the table, not on its name."""
    tests = read_table(out / "folds.tsv").query("role == 'test'")
    places = {case: place for place, case in enumerate(read_table(out / "cases.tsv")["case"])}
    parts = []
    for loss, seed in (
        ("bce", 1),
        ("bce", 2),
        ("bce", 3),
        ("focal", 1),
        ("focal", 2),
        ("focal", 3),
    ):
        dice = np.random.default_rng([seed, len(loss)]).uniform(0, 1, len(places))
        parts.append(
            tests.assign(
                recipe="robust", loss=loss, seed=seed, dice=dice[tests["case"].map(places)]
            )
        )
    return pd.concat(parts, ignore_index=True)


@pytest.mark.slow
def test_only_names_depend_on_the_key(tmp_path):
    data = make(tmp_path / "data")
    results = []
    for root in (tmp_path / "one", tmp_path / "two"):
        out = run(data, root)
        onward(out)
        question = Question("robust", "bce", 999, 1)
        scores = made_up_scores(out)
        described = read_table(out / "cases.tsv").merge(
            read_table(out / "masks.tsv").drop(columns=["patient", "plane"]), on="case"
        )
        results.append(
            {
                "folds": read_table(out / "folds.tsv"),
                "masks": read_table(out / "masks.tsv"),
                "cases": read_table(out / "cases.tsv").drop(columns=["image", "annotation"]),
                "placement": read_table(out / "placement.tsv"),
                "contrasts": contrasts({"fixed": patient_scores(scores)}, question),
                "subgroups": subgroups(scores, groups(described), question),
                "images": np.load(out / "images.npy"),
                "targets": np.load(out / "targets.npy"),
            }
        )
    one, two = results
    assert not set(one["cases"]["case"]) & set(two["cases"]["case"])
    for name in ("images", "targets"):
        np.testing.assert_array_equal(one.pop(name), two.pop(name))
    names = ["case", "patient"]
    for name, table in one.items():
        pd.testing.assert_frame_equal(
            table.drop(columns=names, errors="ignore"),
            two[name].drop(columns=names, errors="ignore"),
            check_exact=True,
        )


def test_results_contain_only_pseudonyms_and_names_tsv_explains_them(tmp_path):
    out = run(make(tmp_path / "data"), tmp_path)
    for path in out.rglob("*"):
        assert not any(word in path.name for word in ("LOUD", "SMITH", "JONES"))
        if path.suffix in (".tsv", ".json"):
            assert not any(word in path.read_text() for word in ("LOUD", "SMITH", "JONES"))
    cases = read_table(out / "cases.tsv")
    assert cases["case"].str.fullmatch("c[0-9a-f]{10}").all()
    assert cases["patient"].str.fullmatch("p[0-9a-f]{10}").all()
    names = read_table(tmp_path / "local/mine/names.tsv")
    assert list(names["case"]) == list(cases["case"])
    assert list(names["source_case"]) == sorted(names["source_case"])
    assert names["source_patient"].nunique() == PATIENTS
    assert (names.groupby("patient")["source_patient"].nunique() == 1).all()
    for row in names.itertuples():
        given = cv2.imread(row.image, cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(read_image(out / "cases" / f"{row.case}.png"), given)
        drawn = cv2.imread(row.annotation, cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(read_mask(out / "annotations" / f"{row.case}.png"), drawn > 0)
    assert (tmp_path / "local/mine/LOCAL_ONLY.txt").is_file()
    assert (tmp_path / "local/LOCAL_ONLY.txt").is_file()
    assert stat.S_IMODE((tmp_path / "local" / KEY_FILE).stat().st_mode) == 0o600


def test_excluded_cases_are_left_out_and_counted_but_not_named(tmp_path, capsys):
    data = make(tmp_path / "data")
    (data / "LOUD3.png").unlink()
    out = run(data, tmp_path, exclude=["SMITH3", "smith4"])
    printed = capsys.readouterr().out
    assert "imported 22 cases of 8 patients" in printed
    assert "; 2 cases left out (source.exclude)" in printed and "SMITH" not in printed
    assert len(read_table(out / "cases.tsv")) == 22


def test_keep_writes_the_names_and_makes_no_key(tmp_path):
    out = run(make(tmp_path / "data"), tmp_path, names="keep")
    cases = read_table(out / "cases.tsv")
    assert set(cases["patient"]) == {f"JONES{number}" for number in range(PATIENTS)}
    assert not (tmp_path / "local" / KEY_FILE).exists()


def test_a_second_import_uses_the_same_key_and_names(tmp_path):
    data = make(tmp_path / "data")
    first = read_table(run(data, tmp_path) / "cases.tsv")
    pd.testing.assert_frame_equal(first, read_table(run(data, tmp_path) / "cases.tsv"))


def test_cases_tsv_has_spacing_and_the_scale_of_measured_values(tmp_path):
    cases = read_table(run(make(tmp_path / "data"), tmp_path) / "cases.tsv")
    assert list(cases) == [
        *("case", "patient", "plane", "image", "annotation", "height_px", "width_px"),
        *("pixel_height_mm", "pixel_width_mm", "intensity_offset", "intensity_scale"),
        *("true_brain", "tumour_type", "channel"),
    ]
    assert (cases["pixel_height_mm"] == 0.5).all()
    assert (cases["pixel_width_mm"] == 0.75).all()
    assert (cases["intensity_offset"] == 0).all()
    assert (cases["intensity_scale"] == 1).all()


def test_negative_cases_pass_through_masks_folds_and_packing(tmp_path):
    out = run(make(tmp_path / "data", negatives=4), tmp_path)
    onward(out)
    masks = read_table(out / "masks.tsv")
    assert (masks["tumour_px"] == 0).sum() == 4
    targets = np.load(out / "targets.npy")
    empty = targets.reshape(len(targets), -1).max(axis=1) == 0
    assert list(empty) == list(masks["tumour_px"] == 0)
    assert set(read_table(out / "folds.tsv")["case"]) == set(masks["case"])


def test_errors_are_reported_together_and_nothing_is_imported(tmp_path, capsys):
    data = make(tmp_path / "data")
    run(data, tmp_path)
    before = sorted(path.name for path in (tmp_path / "results").rglob("*"))
    for number in range(3):
        (data / f"LOUD{number}.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"3 errors in the data, nothing is imported"):
        run(data, tmp_path)
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith("error: ") for line in lines] == [True] * 3
    assert sorted(path.name for path in (tmp_path / "results").rglob("*")) == before


def test_a_few_problems_per_code_are_printed_errors_first_and_the_rest_counted(tmp_path, capsys):
    data = make(tmp_path / "data")
    rows = (data / "cases.tsv").read_text().splitlines()
    more = [
        rows[1].replace("SMITH0", f"S{number}").replace("LOUD0.", "no.") for number in range(70)
    ]
    spaced = [row.replace("\t0.5 0.75\t", "\tNA\t") for row in rows[1:5]]
    (data / "cases.tsv").write_text("\n".join([rows[0], *spaced, *rows[5:], *more]))
    with pytest.raises(UserError, match="70 errors"):
        run(data, tmp_path)
    lines = capsys.readouterr().err.splitlines()
    kinds = [line.split(": ")[0] for line in lines[:-1]]
    assert kinds == ["error"] * MAX_LINES_PER_CODE + ["warning"]
    more = 70 - MAX_LINES_PER_CODE
    assert lines[-1] == f"... and {more} more ({more} image_missing); `snakemake check` shows all"


def test_too_few_patients_for_the_folds_stop_the_import(tmp_path, capsys):
    data = make(tmp_path / "data")
    with pytest.raises(UserError):
        run(data, tmp_path, fold_count=PATIENTS - 1)
    assert "[patients_too_few]" in capsys.readouterr().err
    run(data, tmp_path, fold_count=PATIENTS - 2)


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["patient", "case"]), st.text())
def test_a_pseudonym_is_the_hmac_of_kind_and_name(key, kind, name):
    digest = hmac.new(key, f"{kind}:{name}".encode(errors="surrogatepass"), hashlib.sha256)
    assert pseudonym(key, kind, name) == kind[0] + digest.hexdigest()[:10]


@pytest.mark.parametrize(
    "content", [b"", b"abc", b"g" * 64, b"a" * 63, b"\xff\xfe" * 40, b"a" * 64 + b"\nb"]
)
def test_a_damaged_key_file_is_one_error(tmp_path, content):
    path = tmp_path / KEY_FILE
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"{KEY_FILE}: .*key") as caught:
        secret_key(path, make=True)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_configured_key_file_is_never_made(tmp_path):
    with pytest.raises(UserError, match="no such key file"):
        namer("pseudonyms", str(tmp_path / "my.key"), tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "my.key").write_text("ab" * 32)
    name_of = namer("pseudonyms", str(tmp_path / "my.key"), tmp_path)
    assert name_of("patient", "Ann") == pseudonym(bytes.fromhex("ab" * 32), "patient", "Ann")


def test_the_digest_of_files_depends_on_every_change_except_moving_the_folder(tmp_path):
    data = make(tmp_path / "data")
    seen = {files_digest([data], data)}
    (data / "LOUD1.png").write_bytes(b"other")
    seen.add(files_digest([data], data))
    os.utime(data / "LOUD1.png", (1, 1))
    seen.add(files_digest([data], data))
    (data / "LOUD1.png").rename(data / "LOUD1b.png")
    seen.add(files_digest([data], data))
    (data / "LOUD1b.png").unlink()
    last = files_digest([data], data)
    assert len(seen | {last}) == 5
    moved = data.rename(tmp_path / "moved")
    assert files_digest([moved], moved) == last
    assert files_digest([moved / "none"], moved) != files_digest([], moved)


def test_patients_with_damaged_images_count_and_those_without_a_case_do_not(tmp_path):
    data = make(tmp_path / "data")
    for number in range(SLICES):
        (data / f"LOUD{number}.png").write_bytes(b"")
    cohort = Cohort()
    for item in reading.read({"kind": "table"}, str(data), 1):
        cohort.add(item)
    assert cohort.final_problems(PATIENTS - 2, "here") == []
    cohort = Cohort()
    for item in reading.read({"kind": "table"}, str(data), 1):
        cohort.add(item._replace(cases=[], problems=[]))
    assert [problem.code for problem in cohort.final_problems(2, "here")] == ["patients_too_few"]
