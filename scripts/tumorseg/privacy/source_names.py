"""Collects the identifiers of a data source and of this machine, and excludes common words."""

import getpass
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from tumorseg.core.cases import Entry
from tumorseg.core.places import SCRIPTS
from tumorseg.privacy import identifiers
from tumorseg.privacy.header_text import header_texts
from tumorseg.privacy.identifiers import Identifiers, Seeker

_TEXT_SUFFIXES = (".py", ".smk", ".yaml", ".rst", ".html", ".js", ".css", ".jinja2", ".md", ".txt")


def gather(
    entries: Iterable[Entry],
    files: Iterable[Path],
    data_dir: str,
    *,
    keep: bool,
    key: str = "",
    excluded: Iterable[Entry] = (),
    machines: Iterable[str] = (),
) -> Identifiers:
    """All identifiers that results must not contain: of the source, the user and the machine.

    Args:
        entries: the source's entries.
        files: further files of the source, such as tables.
        data_dir: the folder of the data; empty where there is none.
        keep: whether the results keep the names of patients and cases, which are then not secret.
        key: the text of the pseudonyms' key file; empty where there is none.
        excluded: the entries that source.exclude takes out: no result has their names.
        machines: the names of other machines that ran steps.

    Returns:
        The identifiers, among them those in the headers of all files.
    """
    gathered = of_machine(machines)
    gathered.add(identifiers.KEY, [key])
    root = Path(data_dir).expanduser()
    kept: set[tuple[str, str]] = set()
    paths = set(files)
    here = list(entries)
    for number, entry in enumerate([*here, *excluded]):
        paths |= {path for _, path in entry.files}
        if keep and number < len(here):
            kept.add((entry.patient, entry.case))
        else:
            gathered.add(identifiers.PATIENT, identifiers.parts(entry.patient))
            gathered.add(identifiers.CASE, [entry.case, entry.key])
    if data_dir:
        resolved = root.resolve()
        gathered.add(identifiers.FOLDER, [str(root), str(resolved), *resolved.parts[1:]])
    for path in sorted(paths):
        inside = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
        gathered.add(identifiers.FOLDER, inside.parts[:-1])
        for file in _members(path):
            stems = {file.stem, file.name.split(".")[0]}
            gathered.add(identifiers.FILE, [file.name, *stems])
            for text in header_texts(file):
                gathered.add(identifiers.HEADER, identifiers.parts(text))
    gathered.drop_kept(kept)
    return gathered


def of_machine(others: Iterable[str] = ()) -> Identifiers:
    """The user and the machine. They come first, because an identifier has its first kind.

    others: the names of other machines.
    """
    found = Identifiers()
    with suppress(KeyError):  # in a container a user may have a number without an account
        found.add(identifiers.USER, [getpass.getuser()])
    with suppress(RuntimeError):  # and no home
        home = Path.home()
        found.add(identifiers.USER, [home.name])
        if len(home.parts) > 2:  # /root is nobody's, and every PDF contains it
            found.add(identifiers.USER, [str(home)])
    found.add(identifiers.HOST, {socket.gethostname(), socket.getfqdn(), *others} - {"localhost"})
    return found


def _members(path: Path) -> list[Path]:
    """A file, or the files of a folder (a DICOM series)."""
    return sorted(filter(Path.is_file, path.rglob("*"))) if path.is_dir() else [path]


def drop_common(sought: Identifiers, own_names: Iterable[str]) -> None:
    """Leaves out words that identify nobody, because the software writes them itself.

    own_names: the experiment's words (losses, recipes, tumour types). Words in the text of this
    workflow and of the packages that make its pages are left out as well.
    """
    sought.drop(own_names)
    seeker = Seeker(sought)
    for text in [*own_names, *_software_texts()]:
        sought.drop(seeker.in_text(text))


def _software_texts() -> Iterator[str]:
    root = SCRIPTS.parent
    folders = [SCRIPTS, root / "rules", root / "report"]
    for package, inside in (("snakemake", "report"), ("snakemake", "assets"), ("itables", "html")):
        spec = find_spec(package)
        if spec and spec.origin:
            folders.append(Path(spec.origin).parent / inside)
    paths = [path for folder in folders for path in folder.rglob("*")]
    paths += [root / name for name in ("Snakefile", "config.yaml", "config.schema.yaml")]
    for path in paths:
        if path.suffix in (*_TEXT_SUFFIXES, "") and path.is_file():
            yield path.read_text(encoding="utf-8", errors="replace")
