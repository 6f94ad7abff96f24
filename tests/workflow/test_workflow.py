"""The whole study at small size: complete, every case once, reported; bad input refused early."""

import json
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import cv2
import job_graph
import numpy as np
import pandas as pd
import pytest
import yaml
from job_graph import ON_DEMAND, Job, Variant
from project_copy import EPOCHS, STUDY

from tumorseg.core.files import read_table
from tumorseg.core.images import read_image, read_mask
from tumorseg.data import folds

LOSSES = ("bce", "focal")
RESULTS = Path("results/tiny")


@pytest.fixture
def results(study) -> Path:
    return study.folder / RESULTS


@pytest.mark.parametrize("table", ["background", *(f"robust/{loss}" for loss in LOSSES)])
def test_every_case_is_measured_once_in_the_fold_that_tests_it(results, table):
    metrics = read_table(results / "metrics" / f"{table}.tsv")
    cases = read_table(results / "cases.tsv")
    assert sorted(metrics["case"]) == sorted(cases["case"])
    assert (metrics["status"] == "ok").all()
    tests = read_table(results / "folds.tsv").query("role == 'test'")
    assert dict(zip(metrics["case"], metrics["fold"], strict=True)) == dict(
        zip(tests["case"], tests["fold"], strict=True)
    )
    size = cases.set_index("case")["height_px"] * cases.set_index("case")["width_px"]
    counted = metrics.set_index("case")[["tp", "fp", "fn", "tn"]].sum(axis=1)
    assert counted.sort_index().astype(int).equals(size.sort_index().astype(int))


def test_no_patient_is_in_two_roles_of_a_fold(results):
    table = read_table(results / "folds.tsv")
    folds.check(table)
    assert set(table["patient"]) == set(read_table(results / "cases.tsv")["patient"])


def test_every_training_leaves_weights_history_and_settings(results):
    for loss in LOSSES:
        for fold in (1, 2):
            folder = results / f"models/robust/{loss}/seed-1/fold-{fold}"
            assert (folder / "model.weights.h5").stat().st_size > 10_000
            assert list(read_table(folder / "history.tsv")["epoch"]) == [*range(1, EPOCHS + 1)]
            facts = yaml.safe_load((folder / "settings.yaml").read_text(encoding="utf-8"))
            assert facts["status"] == "ok"
            assert facts["seed"] == 1
            assert {"python", "keras", "numpy"} <= set(facts["versions"])
    assert not list((results.parents[1] / ".resume").rglob("*.*"))


def test_every_loss_is_trained_with_the_winning_settings_or_its_own(results):
    config = yaml.safe_load((results / "config.yaml").read_text(encoding="utf-8"))
    run_table = (results / "tables" / "run.tsv").read_text(encoding="utf-8")
    own = config["recipes"]["robust"]["training"]
    for loss in LOSSES:
        folder = results / f"tuning/robust/{loss}/shared"
        best = yaml.safe_load((folder / "best.yaml").read_text(encoding="utf-8"))
        assert len(read_table(folder / "history.tsv")) == 2  # trials of one epoch
        assert set(best["searched"]) >= {"learning_rate"}
        path = results / f"models/robust/{loss}/seed-1/fold-2/settings.yaml"
        facts = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert facts["settings"]["training"] == own | best["training"]
        assert "learning_rate by tuning (Table 1)" in run_table
        assert facts["loss"]["constants"] == config["losses"][loss] | best["constants"]


def test_plan_is_printed_before_the_first_training(study):
    log = (study.folder / "run.log").read_text(encoding="utf-8")
    assert (
        f"robust: 4 trainings (2 losses x 1 seed(s) x 2 folds), {EPOCHS} epochs of 3 steps each, "
        "4 epochs of tuning" in log
    )
    assert log.index("Plan: training") < log.index("epoch 1/")


def test_the_plan_was_registered_before_anything_was_trained_and_is_what_was_run(results):
    registration = yaml.safe_load((results / "registration.yaml").read_text(encoding="utf-8"))
    assert registration["existed"] == {"trainings": 0, "tested": 0}
    for path in results.glob("models/**/settings.yaml"):
        training = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert training["finished"] > registration["registered"]
        code = f"training {training['recipe']}/{training['loss']['name']}"
        assert training["code"] == registration["plan"]["code"][code]
    opening = (results / "opening.rst").read_text(encoding="utf-8")
    assert "**What was run is what was registered.**" in opening


def test_tables_have_their_rows(results):
    names = "summary table1 table2 table3 audit run cost loss_cost folds conventions "
    names += "verdicts contrasts ranking thresholds calibration variances subgroups distribution"
    tables = {name: read_table(results / "tables" / f"{name}.tsv") for name in names.split()}
    assert all(len(table) for table in tables.values())
    summary = tables["summary"]
    pairs = set(zip(summary["recipe"], summary["loss"], strict=True))
    assert {("robust", loss) for loss in LOSSES} <= pairs
    assert set(tables["table2"]["fold"].astype(str)) >= {"1", "2"}


@pytest.fixture(scope="module")
def jobs(study) -> dict[str, Job]:
    """The jobs of the finished study, as the rules declare them."""
    graph = job_graph.load(study.folder, {"tiny": Variant(STUDY)})["tiny"]
    return {name: job for name, job in graph.jobs.items() if name not in ON_DEMAND}


def test_every_file_that_a_rule_declares_is_there(study, jobs):
    declared = sorted(set().union(*(job.outputs for job in jobs.values())))
    assert [path for path in declared if not (study.folder / path).exists()] == []


def test_figures_are_those_declared_and_drawings_without_the_word_nan(study, results, jobs):
    declared = {path for job in jobs.values() for path in job.outputs if path.endswith(".svg")}
    figures = sorted((results / "figures").rglob("*.svg"))
    assert {path.relative_to(study.folder).as_posix() for path in figures} == declared
    for path in figures:
        drawing = ElementTree.parse(path).getroot()
        assert drawing.tag.endswith("svg")
        assert "NaN" not in " ".join(drawing.itertext())


def test_report_holds_every_figure_and_table_and_needs_no_network(study, results):
    page = (results / "report.html").read_text(encoding="utf-8")
    items = re.findall(r'"(?:figure|table|item|page)": "([^"{]+)', page)
    wanted = [
        "Table 1,",
        "Tuning by epoch",
        "Effect of each tuned value",
        "Fig. 1,",
        "Fig. 2,",
        "Fig. 3,",
        "Fig. 4,",
        "Fig. 5,",
        "Fig. S1,",
        "Training curves",
        "Had the trainings converged?",
        "Was the comparison fair?",
        "Convergence of every training",
    ]
    wanted += ["Each loss against the reference", "Every pair of losses", "Every test case, worst"]
    wanted += ["Metrics of empty masks", "Audit of", "CLAIM 2024", "TRIPOD+AI"]
    wanted += ["The plan: registered and run", "Changes since the registration"]
    wanted += ["Table 2,", "Table 3,", "Summary,", "Plan:", "Seconds and memory"]
    for label in wanted:
        assert any(item.startswith(label) for item in items), f"not in the report: {label}"
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="https?://', page)


def test_the_report_opens_with_the_answer_in_its_numbers(results):
    answer = (results / "answer.rst").read_text(encoding="utf-8")
    ranking = read_table(results / "tables/ranking.tsv").query("recipe == 'robust'")
    best = ranking.iloc[0]
    ends = read_table(results / "tables/convergence.tsv").query("recipe == 'robust'")
    open_ = int((ends["verdict"] != "converged").sum())
    warning = f"**{open_} of {len(ends)} trainings had not converged**"
    assert answer.startswith(warning) == (open_ > 0)
    answer = answer.partition(". ")[2] if open_ else answer
    if best["mean"] > 0:
        words = "reached the highest patient-mean Dice"
        assert answer.startswith("**Against bce** (margin 2 points)")
        assert f"**{best['loss']}** {words}" in answer
        assert f"{100 * best['mean']:.1f} %" in answer
        assert "For these trained models alone" in answer
    else:  # so short a training may find nothing
        words = "No loss found any tumour"
        assert answer.startswith(f"**{words}**")
    assert words in (results / "report.html").read_text(encoding="utf-8")


def test_the_zip_and_the_manuscript_folder_hold_every_figure_and_table(results):
    folder = results / "manuscript"
    for path in (results / "figures").rglob("*.svg"):
        name = "_".join(path.relative_to(results / "figures").with_suffix("").parts)
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (folder / f"{name}.svg").read_bytes() == path.read_bytes()
    for path in (results / "tables").glob("*.tsv"):
        table = pd.read_csv(folder / f"{path.stem}.csv")
        assert len(table) == len(read_table(path))
        text = (folder / f"{path.stem}.tex").read_text(encoding="utf-8")
        assert re.match(r"\\begin\{(tabular|longtable)\}", text)
    for name in ("claim_2024.tsv", "tripod_ai.tsv"):
        assert (folder / name).read_bytes() == (results / "tables" / name).read_bytes()
    with zipfile.ZipFile(results / "report.zip") as report:
        assert report.testzip() is None
        assert any(name.endswith(".html") for name in report.namelist())


def test_a_second_run_does_nothing_and_changes_nothing(study, results):
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    done = study.run("--cores", "2", "all")
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == before


# Every mistake has its row in tests/unit/test_settings.py; these are how a user meets them: one of
# the schema, and one that only our own checks find.
BAD_CONFIG = {
    "too small": ("folds: {count: 0}", "config: folds.count: 0 is less than the minimum of 1"),
    "no data_dir": ("source: {kind: table}", "config: data_dir: say where the data are"),
    "a key twice": (
        "losses: {bce: {}}\nfolds: {count: 3}\nlosses: {focal: {}}",
        r"bad.yaml: the key losses is there twice \(lines 2 and 4\)",
    ),
}


@pytest.mark.parametrize("name", BAD_CONFIG)
def test_bad_config_is_one_line_before_anything_starts(study, name):
    text, complaint = BAD_CONFIG[name]
    study.write("bad.yaml", f"experiment: bad\n{text}\n")
    done = study.run("--cores", "1", "all", configfile="bad.yaml")
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    assert len(re.findall(f"^.*{complaint}.*$", done.stdout, re.MULTILINE)) == 1, done.stdout
    assert len(done.stdout.splitlines()) < 12, done.stdout
    assert not (study.folder / "results" / "bad").exists()


FILES = ["1.png", "2.jpg", "3.tif", "4.png", "5.tiff", "6.jpeg", "7.png"]
SQUARE = [(60.5, 50.5), (90.5, 50.5), (90.5, 80.5), (60.5, 80.5)]


FORMS = ["labelme", "border", "mask", "NA", "labelme", "border", "mask"]  # NA: detected


def make_table(folder: Path) -> None:
    """Seven made heads of 8 and 16 bit in three file types, and annotations in three forms."""
    folder.mkdir()
    rows, columns = np.mgrid[:128, :160]
    head = ((rows - 64) / 55) ** 2 + ((columns - 80) / 60) ** 2 <= 1
    lines = []
    for number, (name, form) in enumerate(zip(FILES, FORMS, strict=True), start=1):
        grey = np.random.default_rng(number).normal(110, 8, head.shape) * head
        grey[51:81, 61:91] += 70
        deep = name in ("4.png", "5.tiff")
        image = grey.clip(0, 255) * (200 if deep else 1)
        cv2.imwrite(str(folder / name), image.astype(np.uint16 if deep else np.uint8))
        annotation = f"{number}.json" if form != "mask" else f"{number}_mask.png"
        if form == "mask":
            mask = np.zeros(head.shape, np.uint8)
            mask[51:81, 61:91] = 255
            cv2.imwrite(str(folder / annotation), mask)
        else:
            border = [[x + 1, y + 1] for x, y in SQUARE]
            shapes = [{"label": "t", "shape_type": "polygon", "points": [list(p) for p in SQUARE]}]
            content = border if form == "border" else {"shapes": shapes}
            (folder / annotation).write_text(json.dumps(content), encoding="utf-8")
        lines.append((f"c{number}", name, annotation, f"p{number}", "axial", "NA", form))
    names = ["id", "image", "annotation", "patient", "plane", "spacing_mm", "form"]
    pd.DataFrame(lines, columns=names).to_csv(folder / "cases.tsv", sep="\t", index=False)


def table_config(experiment: str) -> str:
    source = "source: {kind: table, columns: {case: id}}\nidentifiers: {names: keep}\n"
    network = "network: {size_px: 32}\n"
    return f"experiment: {experiment}\ndata_dir: data_{experiment}\n{source}{network}"


def test_own_slices_of_any_type_and_form_are_packed(study):
    make_table(study.folder / "data_own")
    study.write("own.yaml", table_config("own"))
    target = "results/own/pack/robust/images.npy"
    done = study.run("--cores", "2", target, configfile="own.yaml")
    assert done.returncode == 0, done.stdout
    results = study.folder / "results/own"
    assert list(read_table(results / "cases.tsv")["case"]) == [f"c{n}" for n in range(1, 8)]
    expected = np.zeros((128, 160), np.uint8)
    expected[51:81, 61:91] = 1
    for number, name in enumerate(FILES, start=1):
        np.testing.assert_array_equal(read_mask(results / f"masks/c{number}.png"), expected)
        given = read_image(study.folder / "data_own" / name)
        np.testing.assert_array_equal(read_image(results / f"cases/c{number}.png"), given)
    assert np.load(study.folder / target).shape == (7, 32, 32, 1)
    targets = np.load(results / "pack/robust/targets.npy")
    assert (targets.sum(axis=(1, 2, 3)) > 0).all()
    # No source file is an input, so Snakemake keeps no name of it; a change still counts.
    nothing = study.run("--dry-run", target, configfile="own.yaml")
    assert "Nothing to be done" in nothing.stdout
    (study.folder / "data_own" / FILES[0]).touch()
    again = study.run("--dry-run", target, configfile="own.yaml")
    assert "triggered jobs: import_cases" in again.stdout


def test_a_bad_image_stops_the_import_and_the_lines_name_its_row_and_count_errors(study):
    make_table(study.folder / "data_bad_image")
    image = study.folder / "data_bad_image" / "3.tif"
    image.write_bytes(image.read_bytes()[:5000])
    study.write("bad.yaml", table_config("bad_image"))
    # A cluster's profile has retries; the data are read once all the same.
    done = study.run("--cores", "2", "all", "--retries", "2", configfile="bad.yaml")
    assert done.returncode != 0
    assert done.stdout.count("Trying to restart job") == 2
    assert "Traceback" not in done.stdout
    line, end = (
        "error: data_bad_image/cases.tsv row 3: 3.tif: ",
        "ERROR in rule import_cases: 1 error",
    )
    assert done.stdout.count(line) == 1, done.stdout
    assert done.stdout.splitlines()[-2].startswith(end), done.stdout  # and where the log is
    log = (study.folder / "local/bad_image/import_cases.log").read_text(encoding="utf-8")
    assert [text.startswith((line, end)) for text in log.strip().splitlines()[-2:]] == [True, True]
    assert not list((study.folder / "results/bad_image").glob("*.tsv"))
