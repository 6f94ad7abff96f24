"""When two names are one: the one rule by which a user's names are matched to each other.

A name means the one that is written exactly like it; a.png and A.png are two files on Linux. Only
where there is none, it means the one that differs in nothing but its form (`comparable`). Where
several do, nothing is guessed. In paths, / and \\ both separate folders.
"""

import os
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

_SEPARATOR = re.compile(r"[\\/]+")


def folded(text: str) -> str:
    """A text in one Unicode form and without capitals.

    Macs write an umlaut as two characters, Macs and Windows ignore capitals.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def comparable(name: str) -> str:
    """The form in which names are compared: `folded`, and without spaces at its ends."""
    return folded(name).strip()


class Names:
    """Names among which others are looked up."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = dict.fromkeys(names)
        self._alike: dict[str, list[str]] = {}
        for name in self._exact:
            self._alike.setdefault(comparable(name), []).append(name)

    def find(self, name: str) -> list[str]:
        """The names that `name` can mean: one, if it is clear; none; or several."""
        return [name] if name in self._exact else self._alike.get(comparable(name), [])


def stem(path: str) -> str:
    """A path without the ending of its file: the last suffix, or .nii.gz.

    A number is no ending, because DICOM files are often named 1.2.840.12.
    """
    base = path[: -len(".gz")] if path.lower().endswith(".nii.gz") else path
    suffix = Path(base).suffix
    return path if not suffix or suffix[1:].isdecimal() else base[: -len(suffix)]


def parts(path: str) -> list[str]:
    """The folders and the file of a path; also of one written on Windows."""
    return [part for part in _SEPARATOR.split(path) if part not in ("", ".")]


def as_stored(folder: Path, path: str) -> Path:
    """A path below a folder, spelled as its files are.

    Each part that does not exist as written becomes the only one that is the same name. Where there
    is none, or several, it stays as written.
    """
    if Path(path).is_absolute() or os.path.lexists(folder / path):
        return folder / path
    found = folder
    for part in parts(path):
        same = [part] if os.path.lexists(found / part) else same_names(found / part)
        found = found / (same[0] if len(same) == 1 else part)
    return found


def same_names(path: Path) -> list[str]:
    """The names in a path's folder that the path can mean."""
    return _listed(path.parent, _modified(path.parent)).find(path.name)


def _modified(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except (OSError, ValueError):
        return 0


@lru_cache(maxsize=8)
def _listed(folder: Path, modified: int) -> Names:
    """The names in a folder. modified: its time, with which they change."""
    try:
        return Names(sorted(path.name for path in folder.iterdir()))
    except (OSError, ValueError):
        return Names([])
