"""Data full of names go through a whole study; a brute-force search finds none in its results.

It is the one whole run with a fixed split and with the recipe `paper`.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import loud
import pytest
from project_copy import ProjectCopy, copy_project

from tumorseg.core.files import read_table

pytestmark = pytest.mark.slow

EXPERIMENT = f"""\
experiment: own
source: {{kind: table, table: {loud.LOUD["table"]}.tsv, labels: {{{loud.LOUD["label"]}: tumour}}}}
folds: {{count: 1, test_patients: 4}}
network: {{size_px: 32, base_width: 4, levels: 2}}
losses: {{bce: {{}}, focal: {{}}}}
use_recipes: [paper]
recipes: {{paper: {{training: {{epochs: 1}}}}}}
tuning: {{scope: none}}
"""
SOUGHT = [name.lower().encode() for name in loud.LOUD.values()]
SOUGHT += [loud.UID.encode(), loud.BORN.encode()]


def unfolded(content: bytes, depth: int = 0) -> Iterator[bytes]:
    """The content, and whatever in it can be decompressed or decoded, wherever it begins."""
    yield content
    yield content.replace(b"\0", b"")
    yield re.sub(rb"\)\s*-?[\d.]+\s*\(", b"", content)  # kerning in PDF
    if depth == 5:
        return
    for start in re.finditer(rb"\x78[\x01\x5e\x9c\xda]|PK\x03\x04|\x1f\x8b\x08", content):
        place, wbits = start.start(), {b"x": 15, b"\x1f": 31}.get(start[0][:1], -15)
        if start[0][:1] == b"P":  # a member of a zip archive
            place += 30 + sum(
                int.from_bytes(content[place + at : place + at + 2], "little") for at in (26, 28)
            )
        try:
            found = zlib.decompressobj(wbits).decompress(content[place:])
        except zlib.error:
            continue
        if len(found) > 8:
            yield from unfolded(found, depth + 1)
    for run in re.findall(rb"[A-Za-z0-9+/]{12,}(?:\s+[A-Za-z0-9+/]{12,})*={0,2}", content):
        letters = re.sub(rb"[\s=]", b"", run)
        try:
            found = base64.b64decode(letters + b"=" * (-len(letters) % 4))
        except binascii.Error:
            continue
        yield from unfolded(found, depth + 1)


def names_in(folders: list[Path]) -> set[tuple[str, bytes]]:
    """Every hidden word found under the folders: file and word."""
    found = set()
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        for content in [
            str(path.relative_to(folders[0].parent)).encode(),
            *unfolded(path.read_bytes()),
        ]:
            content = content.lower()
            found |= {(str(path), name) for name in SOUGHT if name in content}
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> ProjectCopy:
    """A finished study of such data, by a user whose name is one of the words."""
    folder = tmp_path_factory.mktemp("privacy")
    data = loud.write(folder)
    project = copy_project(folder / "project")
    project.write("tiny.yaml", EXPERIMENT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOGNAME", loud.LOUD["user"])
        done = project.run("--cores", "2", "all", "--config", f"data_dir={data}")
        project.write("run.log", done.stdout)
        assert done.returncode == 0, done.stdout[-6000:]
        image = loud.new_image(folder / "new")
        given = [f"data_dir={data}", f"images={image.parent}"]
        done = project.run("--cores", "2", "predict", "--config", *given)
        assert done.returncode == 0, done.stdout[-6000:]
        assert list((project.folder / "local/own/predictions").rglob("*.png"))
        yield project


def data_of(project: ProjectCopy) -> Path:
    return project.folder.parent / loud.LOUD["user"] / loud.LOUD["folder"]


def test_no_name_is_anywhere_in_what_is_shown_to_others(project):
    assert names_in([project.folder / "results", project.folder / "logs"]) == set()
    assert len(list((project.folder / "results").rglob("*"))) > 100
    assert (project.folder / "results/own/model").is_dir()


def test_the_brute_force_finds_names_where_there_are_some(project):
    """Otherwise the test above would prove nothing."""
    local = names_in([project.folder / "local"])
    for where in ("patient", "case", "stem", "folder"):
        assert any(word == loud.LOUD[where].lower().encode() for _, word in local), where
    every = names_in([data_of(project)])
    missing = {word for word in SOUGHT if word not in {found for _, found in every}}
    assert missing <= {loud.LOUD["user"].lower().encode(), loud.LOUD["folder"].lower().encode()}


def test_the_reports_settings_print_local_in_place_of_file_names(project):
    settings = (project.folder / "results/own/config.yaml").read_text(encoding="utf-8")
    assert settings.count("(local)") >= 3


def test_privacy_table_counts_what_was_sought(project):
    table = read_table(project.folder / "results/own/privacy.tsv").set_index("kind")
    assert (table["hits"] == 0).all()
    assert (table["files_read"] > 100).all()
    for kind in ("patient name", "case name", "file name", "text in a source file", "secret key"):
        assert table.at[kind, "sought"] > 0, kind


def test_a_name_added_later_stops_the_run_and_is_not_printed_in_results(project):
    planted = project.folder / "results/own/tables/notes.txt"
    planted.write_text(f"see {loud.LOUD['dicomid']}", encoding="utf-8")
    (project.folder / "results/own/privacy.tsv").unlink()
    done = project.run("--cores", "1", "all", "--config", f"data_dir={data_of(project)}")
    planted.unlink()
    assert done.returncode != 0
    assert "results/own/tables/notes.txt contains a text in a source file" in done.stdout
    assert "Traceback" not in done.stdout
    assert names_in([project.folder / "results", project.folder / "logs"]) == set()
    hits = read_table(project.folder / "local/own/privacy_hits.tsv")
    assert list(hits["identifier"]) == [loud.LOUD["dicomid"].lower()]
