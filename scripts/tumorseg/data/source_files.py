"""What the sources of public data sets share: finding their files, and saying what is missing."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tumorseg.core.cases import Entry
from tumorseg.core.errors import UserError
from tumorseg.core.problems import DataError, error


def opened(data_dir: str) -> Path:
    """The data folder; raises a DataError where there is none."""
    folder = Path(data_dir).expanduser()
    if data_dir and folder.is_dir():
        return folder
    hint = "give the folder of the data set: --config data_dir=<folder>"
    raise error("data_dir_missing", f"data_dir {data_dir!r}", "a folder that exists", hint)


def chosen(sequence: str, known: Iterable[str]) -> str:
    """`sequence`, if it is one of the known; otherwise a DataError that lists them."""
    if sequence in known:
        return sequence
    hint = "set source.sequence to one of them"
    raise error("sequence_unknown", f"sequence {sequence!r}", ", ".join(known), hint)


def folders(folder: Path, pattern: str, depth: int = 3) -> Iterator[Path]:
    """Folders below `folder` whose whole name matches, sorted; they are not searched themselves."""
    for path in sorted(Path(item.path) for item in os.scandir(folder) if item.is_dir()):
        if re.fullmatch(pattern, path.name):
            yield path
        elif depth > 1:
            yield from folders(path, pattern, depth - 1)


def files_below(folder: Path, pattern: str) -> Iterator[Path]:
    """Files below `folder` whose whole name matches, sorted; hidden folders are left alone."""
    for place, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if re.fullmatch(pattern, name))


def nifti(path_without_suffix: Path) -> Path:
    """The file as .nii.gz, or as .nii where only that is there (some mirrors unpack them)."""
    plain = path_without_suffix.with_name(path_without_suffix.name + ".nii")
    packed = plain.with_name(plain.name + ".gz")
    return plain if plain.is_file() and not packed.is_file() else packed


def checked(
    entries: Iterable[Entry | DataError], folder: Path, layout: str
) -> Iterator[Entry | DataError]:
    """The entries, or the problem of those whose image or annotation is not there.

    layout: what the folder should hold; a DataError is raised where it holds no entry at all.
    """
    found = False
    for entry in entries:
        found = True
        if isinstance(entry, DataError):
            yield entry
            continue
        missing = [
            what
            for what, path in (("image", entry.image), ("annotation", entry.annotation))
            if path is not None and not path.is_file()
        ]
        if not missing:
            yield entry
            continue
        path = entry.image if missing[0] == "image" else entry.annotation
        value = f"case {entry.case} has no {' and no '.join(missing)}"
        hint = "copy it there, or remove all files of this case"
        yield error(f"{missing[0]}_missing", value, f"the file {path.name}", hint, str(path))
    if not found:
        hint = "see docs/sources.md for the layout, and check data_dir"
        raise error("source_empty", "no case of this data set", layout, hint, str(folder))


def existing(entries: Iterable[Entry], *others: Path) -> list[Path]:
    """The files that the entries name, and the others, as far as they are there; never raises."""
    found = [*others]
    try:
        for entry in entries:
            found += [path for path in (entry.image, entry.annotation) if path is not None]
    except (UserError, OSError):
        pass  # the importer says it, with its place
    return [path for path in dict.fromkeys(found) if path.is_file()]
