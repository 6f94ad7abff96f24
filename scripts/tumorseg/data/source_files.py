"""Finds the files of public data sets and reports which are missing; their sources share it."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tumorseg.core.cases import Entry
from tumorseg.core.errors import UserError
from tumorseg.core.problems import DataError, error

_SKIPPED = (".", "__MACOSX", "lost+found")  # beginnings of folders' names
PATTERN_HINT = (
    "for example '^([^_]+)' for the part before the first _, or '^([^/]+)/' for the sub-folder"
)


def data_folder(data_dir: str) -> Path:
    """The data folder; raises a DataError if it does not exist."""
    folder = Path(data_dir).expanduser()
    if data_dir and folder.is_dir():
        return folder
    hint = "give the folder of the data set: --config data_dir=<folder>"
    raise error("data_dir_missing", f"data_dir {data_dir!r}", "an existing folder", hint)


def check_sequences(wanted: Iterable[str], known: Iterable[str]) -> None:
    """Raises a DataError that lists the known sequences if one that is wanted is none of them."""
    for sequence in wanted:
        if sequence not in known:
            hint = "correct source.sequence or source.channels"
            raise error("sequence_unknown", f"sequence {sequence!r}", ", ".join(known), hint)


def pattern_of_patients(text: str | None) -> re.Pattern:
    """source.patient_pattern, compiled; raises a DataError if it is not usable."""
    try:
        pattern = re.compile(text or "")
    except re.error as wrong:
        value = f"source.patient_pattern {text!r} ({wrong})"
        raise error("patient_pattern", value, "a regular expression", PATTERN_HINT) from None
    if not pattern.groups:
        value = f"source.patient_pattern {text!r}" if text else "no source.patient_pattern"
        expected = "a regular expression with the patient in round brackets"
        raise error("patient_pattern", value, expected, PATTERN_HINT)
    return pattern


def patient_of(name: str, pattern: re.Pattern) -> str:
    """The pattern's first group in a name; raises a DataError if there is none."""
    match = pattern.search(name)
    if match and match[1]:
        return match[1]
    value = f"source.patient_pattern {pattern.pattern!r} does not match this name"
    raise error("patient_missing", value, "a pattern that matches every name", PATTERN_HINT)


def folders(folder: Path, pattern: str, depth: int = 3) -> Iterator[Path]:
    """Folders below `folder` whose full name matches, sorted; does not search inside a match.

    Skips hidden ones, __MACOSX, which a zip made on a Mac holds for each of its folders, and a
    disk's lost+found. Raises OSError for one that cannot be listed.
    """
    inside = [Path(item.path) for item in os.scandir(folder) if item.is_dir()]
    for path in sorted(path for path in inside if not path.name.startswith(_SKIPPED)):
        if re.fullmatch(pattern, path.name):
            yield path
        elif depth > 1:
            yield from folders(path, pattern, depth - 1)


def files_below(folder: Path, pattern: str) -> Iterator[Path]:
    """Files below `folder` whose full name matches, sorted; skips hidden folders.

    Raises OSError for a folder that cannot be listed: its files would be missed without a word.
    """
    for place, below, names in os.walk(folder, onerror=_raise):
        below[:] = sorted(name for name in below if not name.startswith(_SKIPPED))
        yield from (Path(place, name) for name in sorted(names) if re.fullmatch(pattern, name))


def _raise(wrong: OSError) -> None:
    raise wrong


def nifti(path_without_suffix: Path) -> Path:
    """The file as .nii.gz, or as .nii if only that exists (some mirrors decompress the files)."""
    plain = path_without_suffix.with_name(path_without_suffix.name + ".nii")
    packed = plain.with_name(plain.name + ".gz")
    return plain if plain.is_file() and not packed.is_file() else packed


def with_missing_files(
    entries: Iterable[Entry | DataError], folder: Path, layout: str
) -> Iterator[Entry | DataError]:
    """The entries; a problem instead of each whose image or annotation is missing.

    layout: what the folder should contain. Raises a DataError if there is no entry at all.
    """
    empty = True
    for entry in entries:
        empty = False
        if isinstance(entry, DataError):
            yield entry
            continue
        missing = [(what, path) for what, path in entry.files if not path.is_file()]
        if not missing:
            yield entry
            continue
        what, path = missing[0]
        kinds = dict.fromkeys(kind for kind, _ in missing)
        value = f"case {entry.case} has no {' and no '.join(kinds)}"
        hint = "copy it there, or name the case in source.exclude"
        missed = error(f"{what}_missing", value, f"the file {path.name}", hint, str(path))
        yield missed.at(str(path), case=entry.case)
    if empty:
        hint = "see docs/sources.md for the layout, and check data_dir"
        raise error("source_empty", "no case of this data set", layout, hint, str(folder))


def existing_files(entries: Iterable[Entry], others: Iterable[Path] = ()) -> list[Path]:
    """`others` and the entries' files, without those that are missing; never raises."""
    paths: list[Path] = []
    try:
        paths.extend(others)
        for entry in entries:
            paths += [path for _, path in entry.files]
    except (UserError, OSError):
        pass  # the import reports it, with file and row
    return [path for path in dict.fromkeys(paths) if path.is_file()]
