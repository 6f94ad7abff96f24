"""What a change re-runs: exactly the jobs whose result it can change.

Every answer is computed from the job graph and the code digests; dry runs of Snakemake on a
finished study prove that it agrees.
"""

import ast
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from shutil import copytree

import job_graph
import pytest
import yaml
from edits import AMENDED, EDITS, FIGURES, MODULES, OUTSIDE, TUNED, Edit
from job_graph import ON_DEMAND, Code, Graph, Variant
from project_copy import ROOT, STUDY, TINY, ProjectCopy, copy_project

LIBRARY = "tumorseg"
UNUSED_PRESET = "a preset that is not in use"
GENERIC = {
    ".py": "\nEDITED = True\n",
    ".css": "b { color: red }\n",
    ".js": "let edited;\n",
    ".html": "<p>edited</p>\n",
    ".yaml": "edited: true\n",
}
NEW_LOSS = """from keras import ops


def squared(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=(1, 2, 3))
"""
VARIANTS = {
    "tiny": Variant(TINY),
    "one more training seed": Variant(TINY + "training: {seeds: 2}\n"),
    "another seed": Variant(TINY + "seed: 2\n"),
    "another name": Variant(TINY.replace("experiment: tiny", "experiment: other")),
    "a new loss": Variant(
        TINY + "losses: {bce: {}, focal: {alpha: 0.6, gamma: 2.0}, squared: {}}\n",
        {f"scripts/{LIBRARY}/losses/squared.py": NEW_LOSS},
    ),
    "other outside data": Variant(
        TINY + "external: {kind: phantom, patients: 8, height_px: 128, width_px: 200}\n"
    ),
    **{case.name: Variant(case.apply(TINY)) for case in EDITS if case.file == "tiny.yaml"},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> ProjectCopy:
    """A copy of the project in which nothing has run."""
    return copy_project(tmp_path_factory.mktemp("graph") / "project")


@pytest.fixture(scope="module")
def graphs(project) -> dict[str, Graph]:
    """The job graph of every config that is compared here."""
    return job_graph.load(project.folder, VARIANTS)


@pytest.fixture(scope="module")
def graph(graphs) -> Graph:
    return graphs["tiny"]


@pytest.fixture(scope="module")
def scripts(project, tmp_path_factory) -> Code:
    """The library and the scripts, to be edited."""
    return Code(project.folder / "scripts", tmp_path_factory.mktemp("code"))


def matching(patterns, jobs) -> set[str]:
    """The jobs that the patterns name; each pattern must name one."""
    for pattern in patterns:
        assert any(fnmatchcase(job, pattern) for job in jobs), f"there is no job {pattern}"
    return {job for job in jobs if any(fnmatchcase(job, pattern) for pattern in patterns)}


def library_files() -> list[str]:
    """Every file below scripts/ that can be code or part of a page, as its path there."""
    folder = ROOT / "scripts"
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix in GENERIC)
    return sorted(path.as_posix() for path in paths if path.name != "__init__.py")


def row_of(name: str) -> tuple[str, ...] | None:
    """The jobs that the table's first row for this file names."""
    path = PurePosixPath(name)
    inside = path.relative_to(LIBRARY).as_posix() if path.parts[0] == LIBRARY else f"../{name}"
    for patterns, jobs in MODULES:
        if any(fnmatchcase(inside, pattern) for pattern in patterns.split()):
            return jobs
    return None


@pytest.mark.parametrize("name", library_files())
def test_a_change_of_a_file_runs_the_jobs_of_its_row(scripts, graph, name):
    expected = row_of(name)
    assert expected is not None, f"tests/workflow/edits.py: no row of MODULES has {name}"
    with scripts.edited({name: lambda text: text + GENERIC[PurePosixPath(name).suffix]}):
        assert scripts.changed(graph) == matching(expected, graph.jobs)


def test_every_row_has_a_file():
    files = [name.removeprefix(f"{LIBRARY}/") for name in library_files()]
    files += [f"../{name}" for name in files if "/" not in name]
    for pattern in " ".join(patterns for patterns, _ in MODULES).split():
        assert any(fnmatchcase(name, pattern) for name in files), f"MODULES: no file {pattern}"


def test_packages_hold_no_code_which_no_digest_reads():
    held = [path for path in (ROOT / "scripts").rglob("__init__.py") if path.stat().st_size]
    assert held == [ROOT / "scripts" / LIBRARY / "__init__.py"]  # the version


def computed(case: Edit, graphs: dict[str, Graph], scripts: Code) -> set[str]:
    """The jobs that run after an edit, by the graph alone."""
    graph = graphs["tiny"]
    if case.file == "tiny.yaml":
        return graphs[case.name].after(graph)
    if not case.file.startswith("scripts/"):
        return graph.with_file_edited(case.file)
    with scripts.edited({case.file.removeprefix("scripts/"): case.apply}):
        return scripts.changed(graph)


@pytest.mark.parametrize("case", EDITS, ids=lambda case: case.name)
def test_an_edit_runs_exactly(graphs, scripts, case):
    found = computed(case, graphs, scripts)
    assert found == matching(case.jobs, graphs[case.name if case.name in graphs else "tiny"].jobs)


def test_comments_docstrings_and_the_words_of_errors_run_nothing_wherever_they_are(scripts, graph):
    modules = [name for name in library_files() if name.endswith(".py")]
    with scripts.edited({name: job_graph.other_words for name in modules}):
        assert scripts.changed(graph) == set()


def main_of(script: Path) -> ast.arguments:
    """The arguments of a script's main."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    (found,) = (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "main")
    return found.args


@pytest.mark.parametrize("name", ["tiny", "outside data"])
def test_every_job_calls_its_script_with_the_arguments_that_it_asks_for(graphs, name):
    wrong = {}
    called = {job: found for job, found in graphs[name].jobs.items() if found.script}
    assert len(called) > 30
    for job, found in called.items():
        asked = main_of(ROOT / "scripts" / found.script)
        known = {argument.arg for argument in asked.kwonlyargs}
        optional = zip(asked.kwonlyargs, asked.kw_defaults, strict=True)
        needed = {argument.arg for argument, default in optional if default is None}
        given = found.arguments | {"cores", "gpus", "config"}  # workflow/job.py adds these
        unknown = set() if asked.kwarg else found.arguments - known - {"code", "sources"}
        if needed - given or unknown:
            wrong[job] = (needed - given, unknown)
    assert wrong == {}


def test_other_outside_data_run_the_outside_steps_alone(graphs):
    before, after = graphs["outside data"], graphs["other outside data"]
    assert after.after(before) == matching((*OUTSIDE, *AMENDED), before.jobs)


@pytest.mark.parametrize(
    ("file", "first"),
    [
        ("compare_sources.py", "compare_sources"),
        ("predict_external.py", "predict_external *"),
        (f"{LIBRARY}/evaluation/member_masks.py", "predict_external *"),
        ("measure_external.py", "measure_external *"),
        (f"{LIBRARY}/statistics/outside.py", "measure_external *"),
        ("analyse_external.py", "analyse_external"),
    ],
)
def test_a_change_of_an_outside_step_runs_it_and_what_follows(graphs, scripts, file, first):
    steps = list(OUTSIDE)
    later = steps[steps.index(first) :]
    if first == "compare_sources":
        later = [first, *steps[steps.index("analyse_external") :]]
    later += AMENDED  # the code of these steps is part of the plan
    with scripts.edited({file: lambda text: text + GENERIC[".py"]}):
        found = scripts.changed(graphs["outside data"])
    assert found == matching(later, graphs["outside data"].jobs)


def test_groups_of_jobs_do_not_reach_further_than_their_name(graph):
    assert not [job for job in matching(FIGURES, graph.jobs) if job.startswith(("tr", "tu", "me"))]
    assert not matching(TUNED, graph.jobs) & matching(("import_cases", "pack *"), graph.jobs)


def test_one_more_training_seed_trains_that_seed_alone(graphs):
    found = graphs["one more training seed"].after(graphs["tiny"])
    assert {job for job in found if job.startswith("train ")} == {
        f"train {recipe}/{loss}/2/{fold}"
        for recipe in ("robust", "paper")
        for loss in ("bce", "focal")
        for fold in (1, 2)
    }
    assert not [job for job in found if job.startswith(("tune", "pack", "split"))]


def test_another_seed_runs_all_but_what_is_drawn_without_one(graphs, graph):
    found = graphs["another seed"].after(graph)
    kept = matching(["show_losses", "show_network *", "register"], graph.jobs)
    assert {job.replace("/2/", "/1/", 1) for job in found} == set(graph.jobs) - kept


def test_searches_and_trainings_wait_for_a_registration_that_nothing_makes_run_again(graphs, graph):
    for name, job in graph.jobs.items():
        if name.startswith(("tune ", "train ")):
            assert graph.jobs["register"].outputs <= job.inputs
    others = [name for name in graphs if name != "another name"]
    assert not [name for name in others if "register" in graphs[name].after(graph)]
    assert {name for name in others if "amend" in graphs[name].after(graph)} == {
        name for name in others if name not in ("tiny", "a comment in the config", UNUSED_PRESET)
    }


def test_an_experiment_of_another_name_shares_nothing(graphs, graph):
    assert graphs["another name"].after(graph) == set(graph.jobs)
    outputs = [
        set().union(*(job.outputs for job in graphs[n].jobs.values()))
        for n in ("tiny", "another name")
    ]
    assert not outputs[0] & outputs[1]


def test_a_new_loss_trains_that_loss_alone(graphs, graph):
    found = graphs["a new loss"].after(graph)
    expected = [f"{step} */squared*" for step in ("tune", "train", "predict_cases", "measure")]
    shared = [job for job in TUNED if "/" not in job]
    assert found == matching(
        [*expected, *shared, "show_recipe *", "plan", "show_losses"], graphs["a new loss"].jobs
    )


# The tests below run Snakemake itself, on a finished study.


@contextmanager
def edited(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    """The file with the change, and afterwards as it was, its time included."""
    before, times = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(change(before), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize(
    "case", [case for case in EDITS if case.dry_run], ids=lambda case: case.name
)
def test_snakemake_runs_what_was_computed(study, graphs, scripts, case):
    with edited(study.folder / case.file, case.apply):
        found = study.jobs()
    expected = computed(case, graphs, scripts) - ON_DEMAND
    assert found == {job for job in expected if " paper" not in job}  # the study has no such recipe


def test_touched_scripts_rules_and_config_run_nothing(study):
    touched = [study.folder / "Snakefile", study.folder / "config.yaml", study.folder / "tiny.yaml"]
    for folder in ("scripts", "rules"):
        touched += [path for path in (study.folder / folder).rglob("*") if path.is_file()]
    for path in touched:
        path.touch()
    assert study.jobs() == set()


def test_a_search_that_ends_as_before_trains_nothing_again(study, tmp_path):
    """Its best.yaml holds no times, so that Snakemake finds the same bytes."""
    again = ProjectCopy(copytree(study.folder, tmp_path / "project"))
    target = "results/tiny/tuning/robust/focal/shared/best.yaml"
    before = (again.folder / target).read_bytes()
    done = again.run("--cores", "2", "--force", target)
    assert done.returncode == 0, done.stdout
    assert (again.folder / target).read_bytes() == before
    found = again.jobs()
    assert "show_tuning" in found
    assert not [job for job in found if job.startswith(("train ", "tune ", "predict_cases "))]


def test_a_registration_outlives_force_and_a_change_is_appended_with_what_was_known(
    study, tmp_path
):
    again = ProjectCopy(copytree(study.folder, tmp_path / "project"))
    registration, amendments = (
        again.folder / f"results/tiny/{name}.yaml" for name in ("registration", "amendments")
    )
    before = registration.read_bytes()
    again.write("tiny.yaml", STUDY + "statistics: {resamples: 1999}\n")
    targets = [str(path.relative_to(again.folder)) for path in (registration, amendments)]
    done = again.run("--cores", "1", "--force", *targets)
    assert done.returncode == 0, done.stdout
    assert registration.read_bytes() == before
    (change,) = yaml.safe_load(amendments.read_text(encoding="utf-8"))
    assert change["existed"] == {"trainings": 4, "tested": 2}
    assert [item["what"] for item in change["changes"]] == ["settings.statistics.resamples"]
