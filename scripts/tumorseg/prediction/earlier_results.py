"""Makes room for new results of an image: what someone has changed is kept under another name."""

from itertools import count
from pathlib import Path

from tumorseg.core.digests import sha256
from tumorseg.core.names import stem
from tumorseg.core.problems import Problem, warning


def set_aside(folder: Path, written: dict[str, str]) -> list[Problem]:
    """Removes the results of an earlier prediction; changed ones are renamed, with a warning.

    written: the SHA-256 of each as it was written, by path relative to `folder`.
    """
    notes = []
    for name, digest in written.items():
        path = folder / name
        if not path.is_file():
            continue
        if sha256(path) == digest:
            path.unlink()
            continue
        base = stem(path.name)
        names = (f"{base}_edited{number}{path.name[len(base) :]}" for number in count(1))
        other = next(new for new in map(path.with_name, names) if not new.exists())
        path.rename(other)
        value = f"{path.name} has been changed since it was predicted"
        hint = f"it is kept as {other.name}"
        notes.append(warning("result_edited", value, "the file as it was predicted", hint))
    return notes
