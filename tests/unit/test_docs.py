"""Promises of the written pages: complete, readable, and true where a program can tell."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from tumorseg.audit.findings import audit
from tumorseg.audit.reading import read

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "results/README.md"]
PAGES += sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
FOLDERS = "bench|docs|envs|experiments|profiles|report|rules|scripts|tests"
# Files that a page tells its reader to write.
WRITTEN_BY_READERS = {
    "experiments/mine.yaml",
    "experiments/table.yaml",
    "experiments/slices.yaml",
    "experiments/sequences.yaml",
    "experiments/regions.yaml",
    "experiments/whole.yaml",
    "scripts/tumorseg/losses/log_cosh_dice.py",
    "scripts/tumorseg/networks/one_convolution.py",
}
OLD_NAMES = "CHANGELOG.md"  # lists modules under the names that they had


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def load(name):
    return yaml.safe_load(text_of(name))


def merged(base, extra):
    both = dict(base)
    for key, value in extra.items():
        nested = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = merged(both[key], value) if nested else value
    return both


def test_the_config_reference_is_what_the_schema_says():
    spec = importlib.util.spec_from_file_location("write_config", ROOT / "docs/write_config.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert text_of("docs/config.md") == module.page()


EXPERIMENTS = sorted(
    path.relative_to(ROOT / "experiments").as_posix()
    for path in (ROOT / "experiments").rglob("*.yaml")
)


@pytest.mark.parametrize("path", ["", *EXPERIMENTS])
def test_every_shipped_experiment_fits_the_schema(path):
    config = load("config.yaml")
    if path.startswith("small/"):  # it is added to the experiment of the same name
        config = merged(config, load(f"experiments/{path.removeprefix('small/')}"))
    if path:
        config = merged(config, load(f"experiments/{path}"))
    jsonschema.validate(config, load("config.schema.yaml"))


def test_every_key_of_the_schema_has_a_description():
    def walk(schema, where):
        for name, part in schema.get("properties", {}).items():
            assert part.get("description"), f"{where}{name}"
            walk(part, f"{where}{name}.")
        if isinstance(schema.get("additionalProperties"), dict):
            walk(schema["additionalProperties"], f"{where}<name>.")

    walk(load("config.schema.yaml"), "")


def blocks(page):
    """The fenced blocks of a page: language and text."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text_of(page), flags=re.MULTILINE | re.DOTALL)


def prose(page):
    """The numbered lines of a page outside its tables and fenced blocks."""
    in_block = False
    for number, line in enumerate(text_of(page).splitlines(), start=1):
        if line.startswith("```"):
            in_block = not in_block
        elif not in_block and not line.lstrip().startswith("|"):
            yield number, line


def test_the_readme_shows_its_first_command_above_line_25():
    lines = text_of("README.md").splitlines()
    first = next(number for number, line in enumerate(lines, 1) if line.startswith("make "))
    assert first < 25


def test_every_page_stands_once_in_the_index():
    linked = re.findall(r"^- \[([\w-]+\.md)\]\(\1\): \S", text_of("docs/README.md"), re.MULTILINE)
    assert sorted(linked) == sorted({p.name for p in (ROOT / "docs").glob("*.md")} - {"README.md"})


@pytest.mark.parametrize("page", PAGES)
def test_no_line_outside_tables_and_code_is_longer_than_100(page):
    # A line that is one word (a long link) cannot be wrapped.
    too_long = [f"{n}: {line}" for n, line in prose(page) if len(line) > 100 and " " in line]
    assert too_long == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text_of(page))
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page):
    paths = set(re.findall(rf"(?<![\w/])((?:{FOLDERS})/[\w./-]*\w)", text_of(page)))
    paths -= WRITTEN_BY_READERS
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != OLD_NAMES])
def test_every_module_that_a_page_names_exists(page):
    names = re.findall(r"(?:from |`)(tumorseg(?:\.\w+)+)", text_of(page))
    places = [(ROOT / "scripts").joinpath(*name.split(".")) for name in names]
    # The last word may be a class or function of the module before it.
    missing = [
        str(place)
        for place in places
        if not (place.is_dir() or place.with_suffix(".py").is_file())
        and not place.parent.with_suffix(".py").is_file()
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_snakemake_commands_activates_the_environment_first(page):
    commands = "\n" + "".join(text for _, text in blocks(page))
    if "\nsnakemake " in commands:
        assert ". .venv/bin/activate" in commands[: commands.index("\nsnakemake ")]


def test_the_changelog_and_the_citation_name_one_version():
    released = re.search(r"^## (\S+) \((\S+)\)$", text_of("CHANGELOG.md"), re.MULTILINE)
    citation = load("CITATION.cff")
    assert released.groups() == (citation["version"], citation["date-released"])


def test_the_example_of_the_audit_page_prints_what_the_page_shows(tmp_path):
    (_, commands), (_, shown), *_ = blocks("docs/audit.md")
    commands = commands.replace(".venv/bin/python", sys.executable)
    commands = commands.replace("scripts/", f"{ROOT}/scripts/")
    done = subprocess.run(
        ["sh", "-c", commands], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, shown, "")


def test_the_paper_of_the_audit_page_is_read_and_its_faults_are_found(tmp_path):
    (text,) = (text for kind, text in blocks("docs/audit.md") if kind == "yaml")
    path = tmp_path / "paper.yaml"
    path.write_text(text, encoding="utf-8")
    findings = audit(read(path)[0]).query("level != 'checked'")
    assert list(findings["check"]) == [
        "Dice against IoU",
        "Dice against IoU",
        "printed twice",
        "p attainable at this n",
        "percent or points",
    ]


def test_the_audit_exits_with_2_and_one_line_for_a_file_it_cannot_use(tmp_path):
    script = ROOT / "scripts/audit_table.py"
    done = subprocess.run(
        [sys.executable, script, "none.tsv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "none.tsv: no such file\n")
