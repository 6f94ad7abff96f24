"""Promises of the library's floors: a folder imports from the folders below, and never in a circle.

Computed from the syntax trees of every module, imports inside functions included.
"""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tumorseg.core.places import LIBRARY, SCRIPTS

# From the ground up. A folder may import from every floor below its own, never from its own floor.
FLOORS = (
    ("masks",),
    ("core", "phantom", "distances", "metrics"),
    ("network_kit", "imaging", "loss_kit", "evaluation", "statistics", "privacy", "registration"),
    ("outlines", "formats", "losses", "networks", "audit"),
    ("data", "annotations"),
    ("training", "sources"),
    ("tuning",),
    ("reporting", "workflow"),
    ("checking", "prediction"),
)
FLOOR = {folder: floor for floor, folders in enumerate(FLOORS) for folder in folders}
REGISTRIES = ("losses", "networks", "sources", "formats", "annotations")
MODULES = sorted(path for path in LIBRARY.rglob("*.py") if path.name != "__init__.py")
LONGEST = 250


def folder_of(path: Path) -> str:
    """The room of a module; a module at the top is its own."""
    first = path.relative_to(LIBRARY).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> set[Path]:
    """The library's modules that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        candidates = [SCRIPTS.joinpath(*name.split(".")).with_suffix(".py") for name in names]
        found |= {file for file in candidates if file.is_file() and file.is_relative_to(LIBRARY)}
    return found


def test_every_folder_stands_on_one_floor():
    folders = {folder_of(path) for path in MODULES}
    assert folders == set(FLOOR)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(LIBRARY).as_posix())
def test_a_module_imports_from_its_own_folder_and_from_floors_below(path):
    mine = folder_of(path)
    upwards = {
        other.relative_to(LIBRARY).as_posix()
        for other in imported(path)
        if folder_of(other) != mine and FLOOR[folder_of(other)] >= FLOOR[mine]
    }
    assert not upwards


def test_no_modules_import_each_other_in_a_circle():
    graph = {path: imported(path) - {path} for path in MODULES}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names them
    assert set(order) == set(MODULES)


@pytest.mark.parametrize("registry", ["losses", "networks"])
def test_entries_of_these_registries_need_no_data_no_files_and_no_snakemake(registry):
    reached, waiting = set(), [path for path in MODULES if folder_of(path) == registry]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting += imported(path)
    assert {folder_of(path) for path in reached} <= {registry, "loss_kit", "network_kit", "core"}


def test_no_library_module_imports_a_script():
    scripts = {path.stem for path in SCRIPTS.glob("*.py")}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not scripts & {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.module.split(".")[0] not in scripts or node.module == "statistics"


def test_only_workflow_imports_snakemake():
    for path in MODULES:
        if folder_of(path) != "workflow":
            assert "import snakemake" not in path.read_text(encoding="utf-8")
            assert "from snakemake" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("files", "longest"),
    [
        (MODULES, LONGEST),
        (sorted(SCRIPTS.glob("*.py")), 100),
        (sorted((SCRIPTS.parent / "rules").glob("*.smk")), 120),
    ],
    ids=["library", "scripts", "rules"],
)
def test_no_file_is_longer_than_a_reader_can_hold(files, longest):
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: lines for name, lines in lengths.items() if lines > longest} == {}
