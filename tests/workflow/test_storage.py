"""Where no files are shared, Snakemake alone brings a step its inputs and takes its outputs.

The graphs are those of an ordinary run and of one with a storage provider (a storage for tests, in
snakemake_storage_plugin_shelf).
"""

import re

import job_graph
import pytest
from job_graph import ON_DEMAND, Graph, Variant
from project_copy import TINY, ProjectCopy, copy_project

PREFIX = "bucket/mine"
# These read the user's own files, or write what may name them, what is kept for good, or a message.
AT_HOME = {"plan", "register", "amend", "import_cases", "seek_names", "predict", "write_report"}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> ProjectCopy:
    return copy_project(tmp_path_factory.mktemp("storage") / "project")


@pytest.fixture(scope="module")
def graphs(project) -> dict[str, Graph]:
    """The same experiment with shared files and without."""
    variants = {"shared": Variant(TINY), "stored": Variant(TINY, prefix=PREFIX)}
    return job_graph.load(project.folder, variants)


def test_no_param_is_a_path_of_a_result(graphs):
    """Such a path is that of no file where a storage has the results: it must be an input."""
    path = re.compile(r"\b(results|logs)/|\.snakemake/storage")
    jobs = {**graphs["shared"].jobs, **graphs["stored"].jobs}
    assert not {name for name, job in jobs.items() for p in job.params if path.search(p)}


def test_steps_that_name_source_files_stay_where_the_run_was_started(graphs):
    jobs = graphs["stored"].jobs
    assert {name for name, job in jobs.items() if job.local} == AT_HOME
    for name, job in jobs.items():
        named = [text for text in (*job.params, *job.logs, *job.outputs) if "local/" in text]
        assert not named or name in AT_HOME
        assert not any("local/" in text for text in job.logs if "storage" in text)


def test_every_result_is_in_the_storage_and_every_input_but_the_captions(graphs):
    stored = f".snakemake/storage/shelf/{PREFIX}/"
    for job in graphs["stored"].jobs.values():
        outside = [file for file in job.inputs | job.outputs if not file.startswith(stored)]
        assert all(file.startswith("report/") for file in outside)


def test_the_jobs_are_the_same_with_a_storage_and_without(graphs):
    """Their params too: a path in one would differ."""
    shared, stored = (graphs[name].jobs for name in ("shared", "stored"))
    assert shared.keys() == stored.keys()
    different = {name for name in shared if shared[name].params != stored[name].params}
    assert different == {"write_report"}  # told the storage


def test_names_are_sought_in_everything_that_was_stored(graphs):
    jobs = graphs["stored"].jobs
    others = [job for name, job in jobs.items() if name not in {"seek_names", *ON_DEMAND}]
    written = set().union(*(job.outputs | job.logs for job in others))
    at_home = {path for path in written if path.startswith("local/")}
    assert at_home == {"local/tiny/import_cases.log"}
    assert written - at_home <= jobs["seek_names"].inputs


def test_every_figure_has_its_pdf_among_the_outputs(graphs):
    for job in graphs["shared"].jobs.values():
        figures = {path for path in job.outputs if path.endswith(".svg")}
        assert {path.replace(".svg", ".pdf") for path in figures} <= job.outputs


def test_steps_run_in_an_empty_folder_with_a_storage(project, tmp_path):
    """Import to folds; nothing is left beside what Snakemake keeps, and the search has its key."""
    places = {"SHELF": str(tmp_path), "PYTHONPATH": str(project.folder / "tests/workflow")}
    options = ["--default-storage-provider", "shelf", "--default-storage-prefix", "shelf://mine"]
    target = "results/tiny/folds.tsv"
    done = project.execute(project.command("--cores", "2", target, *options), **places)
    assert done.returncode == 0, done.stdout[-4000:]
    assert (tmp_path / "mine" / target).stat().st_size > 100
    assert (tmp_path / "mine/logs/tiny/split.log").is_file()
    assert not (project.folder / "results/tiny").exists()
    left = {path.name for path in (project.folder / "local/tiny").iterdir()}
    assert left == {"LOCAL_ONLY.txt", "import_cases.log", "names.tsv"}
