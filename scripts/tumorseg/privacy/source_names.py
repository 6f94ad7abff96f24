"""Gathers the identifiers of a data source and of the machine, and the words that are none."""

import getpass
import socket
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from tumorseg.core.cases import Entry
from tumorseg.core.places import SCRIPTS
from tumorseg.privacy import identifiers
from tumorseg.privacy.header_text import header_texts
from tumorseg.privacy.identifiers import Identifiers, Seeker

_OWN_TEXT = (".py", ".smk", ".yaml", ".rst", ".html", ".js", ".css", ".jinja2", ".md", ".txt", "")


def gather(
    entries: Iterable[Entry], files: Iterable[Path], data_dir: str, *, keep: bool, key: str = ""
) -> Identifiers:
    """All that must not be written: of the source's entries and files, the user and the machine.

    files: tables and annotation files beside what the entries name. keep: patients and cases are
    called in the results as in the source; their names are then no secret. key: that of the
    pseudonyms, empty where there is none.
    """
    found = Identifiers()
    root = Path(data_dir).expanduser()
    kept: set[str] = set()
    paths = set(files)
    for entry in entries:
        paths |= {path for path in (entry.image, entry.annotation) if path}
        if keep:
            kept |= {entry.patient, entry.case}
        else:
            found.add(identifiers.PATIENT, identifiers.parts(entry.patient))
            found.add(identifiers.CASE, [entry.case, entry.key])
    if data_dir:
        found.add(identifiers.FOLDER, [str(root), str(root.resolve()), *root.resolve().parts[1:]])
    for path in sorted(paths):
        inside = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
        found.add(identifiers.FOLDER, inside.parts[:-1])
        for file in _members(path):
            stems = {file.stem, file.name.split(".")[0]}
            found.add(identifiers.FILE, [file.name, *stems])
            if stems & kept or path.name in kept:
                kept |= {file.name, *stems, path.name}
            for text in header_texts(file):
                found.add(identifiers.HEADER, identifiers.parts(text))
    found.add(identifiers.USER, [getpass.getuser(), Path.home().name])
    found.add(identifiers.HOST, {socket.gethostname(), socket.getfqdn()} - {"localhost"})
    found.add(identifiers.KEY, [key])
    found.drop({part for name in kept for part in {name, *identifiers.parts(name)}})
    return found


def _members(path: Path) -> list[Path]:
    """A file, or the files of a folder (a DICOM series)."""
    return sorted(filter(Path.is_file, path.rglob("*"))) if path.is_dir() else [path]


def drop_common(found: Identifiers, own_names: Iterable[str]) -> None:
    """Leaves out words that say nobody's name, because the software itself writes them.

    own_names: the experiment's own words (losses, recipes, tumour types). Beside these, all that
    stands in the text of this workflow and in the parts of others of which pages are made.
    """
    found.drop(own_names)
    seeker = Seeker(found)
    for text in [*own_names, *_software()]:
        found.drop(seeker.in_text(text))


def _software() -> Iterator[str]:
    here = SCRIPTS.parent
    folders = [SCRIPTS, here / "rules", here / "report"]
    for package, inside in (("snakemake", "report"), ("snakemake", "assets"), ("itables", "html")):
        found = find_spec(package)
        if found and found.origin:
            folders.append(Path(found.origin).parent / inside)
    paths = [path for folder in folders for path in folder.rglob("*")]
    paths += [here / name for name in ("Snakefile", "config.yaml", "config.schema.yaml")]
    for path in paths:
        if path.suffix in _OWN_TEXT and path.is_file():
            yield path.read_text(encoding="utf-8", errors="replace")
