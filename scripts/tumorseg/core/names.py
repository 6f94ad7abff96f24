"""Names of files and people as they are compared: two spellings of one name are one name."""

import os
import unicodedata
from functools import lru_cache
from pathlib import Path


def comparable(name: str) -> str:
    """The form in which names are compared.

    Macs write an umlaut as two characters, Macs and Windows ignore capitals, and nobody sees a
    space at the end.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return folded.strip()


def stem(name: str) -> str:
    """A file's name without its ending; `.nii.gz` is one ending."""
    base = name[: -len(".gz")] if name.lower().endswith(".nii.gz") else name
    return Path(base).stem


def as_stored(folder: Path, path: str) -> Path:
    """A path below a folder, spelled as its files are.

    Each part that does not exist as written becomes the only one that is the same name. Where there
    is none, or several, it stays as written.
    """
    found = folder
    for part in Path(path).parts:
        exact = found / part
        if not os.path.lexists(exact):
            same = _listed(found, _modified(found)).get(comparable(part), ())
            exact = found / same[0] if len(same) == 1 else exact
        found = exact
    return found


def _modified(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except (OSError, ValueError):
        return 0


@lru_cache(maxsize=8)
def _listed(folder: Path, modified: int) -> dict[str, list[str]]:
    """Compared form -> names in a folder. modified: its time, with which the list changes."""
    names: dict[str, list[str]] = {}
    try:
        for name in sorted(path.name for path in folder.iterdir()):
            names.setdefault(comparable(name), []).append(name)
    except (OSError, ValueError):
        pass
    return names
