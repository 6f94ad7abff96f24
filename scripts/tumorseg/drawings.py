"""What the annotation forms share: reading JSON, choosing by key and label, putting together.

Nothing here catches what a wrongly built file makes Python raise: tumorseg.annotation does, once.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, reduce
from pathlib import Path, PurePosixPath
from typing import Any, Generic, TypeVar

import numpy as np

from tumorseg.cases import Part
from tumorseg.outlines import fill_parts
from tumorseg.problems import DataError, Problem, error
from tumorseg.repair import repaired
from tumorseg.scans import Annotation, Scan

FILE_BYTES = 2**30
ROUND = np.arange(360) * np.pi / 180  # corners of a circle: 5e-5 less area

Value = TypeVar("Value")


def shown(text: Any) -> str:
    """A user's word as a message may repeat it: on one line and not for ever."""
    shown = ascii(text if isinstance(text, int | float) else str(text))
    return shown if len(shown) <= 70 else f"{shown[:66]}...{shown[-1]}"


def parsed(path: Path) -> Any:
    """The JSON of a file, kept for its next reading: one file may annotate thousands of images.

    Raises DataError for a missing, unreadable or huge file and for what is not JSON. The value is
    shared: never change it.
    """
    return _parsed(path, *_state(path))


def _state(path: Path) -> tuple[int, int]:
    """Size and time of change: what is kept of a file holds as long as they do."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        raise missing(path) from None
    check_bytes(state.st_size)
    return state.st_size, state.st_mtime_ns


@lru_cache(maxsize=2)
def _parsed(path: Path, size: int, mtime_ns: int) -> Any:
    try:
        content = path.read_bytes()
        return json.loads(content)
    except OSError:
        raise missing(path) from None
    except (ValueError, RecursionError) as reason:
        found = f"not JSON: {shown(reason)}" if content else "an empty file"
        raise error("annotation_not_json", found, "a JSON file", "export it again") from None


def missing(path: Path) -> DataError:
    """The error of an annotation file that cannot be read."""
    found = "no such annotation file" if not path.exists() else "annotation file cannot be read"
    return error("annotation_missing", found, "a file", "correct its name or its permissions")


def check_bytes(size: int) -> None:
    """Raises DataError for an annotation file, or what it unpacks to, above FILE_BYTES."""
    if size > FILE_BYTES:
        limit = f"at most {FILE_BYTES} bytes"
        raise error("annotation_too_large", f"{size} bytes", limit, "divide the file")


class Images(Generic[Value]):
    """What a file says about each of many images, found by an image's name."""

    def __init__(self, pairs: Iterable[tuple[str, Value]]) -> None:
        self._under: tuple[dict[str, list[Value]], ...] = ({}, {}, {})
        for name, value in pairs:
            for known, form in zip(self._under, _forms(name), strict=True):
                known.setdefault(form, []).append(value)

    def find(self, key: str) -> Value:
        """The value under `key`: by the name as given, else by file name, else by stem.

        Raises DataError where none or several fit.
        """
        for known, form in zip(self._under, _forms(key), strict=True):
            fitting = known.get(form, ())
            if len(fitting) == 1:
                return fitting[0]
            if fitting:
                raise error(
                    "key_ambiguous",
                    f"{len(fitting)} images called {shown(form)}",
                    "one",
                    "give the images different names",
                )
        raise error(
            "key_missing",
            f"no image {shown(key)} among {sum(map(len, self._under[0].values()))}",
            "the image's name in the annotation file",
            "annotate it, or correct the key",
        )


def _forms(name: str) -> tuple[str, str, str]:
    path = PurePosixPath(name.replace("\\", "/"))
    return name, path.name, path.stem


@lru_cache(maxsize=2)
def _indexed(path: Path, index: Callable[[Any], Images], state: tuple[int, int]) -> Images:
    return index(_parsed(path, *state))


def plain(content: dict[str, Any]) -> Images:
    """The index of JSON that maps images' names to their annotations."""
    return Images(content.items())


def by_key(path: Path, key: str, index: Callable[[Any], Images] = plain) -> Any:
    """What a file of many images says about one; `index` takes the file's JSON apart, once."""
    return _indexed(path, index, _state(path)).find(key)


def is_tumour(names: Sequence[str], labels: dict[str, str] | None) -> bool:
    """Whether something of these names (a word and a number, say) counts as tumour.

    Everything does where there is no map; raises DataError where the map lacks all the names.
    """
    if labels is None:
        return True
    for name in names:
        if name in labels:
            return labels[name] == "tumour"
    raise unknown_label(" or ".join(map(shown, names)) or "none", labels)


def unknown_label(found: str, labels: dict[str, str] | None) -> DataError:
    """The error of labels that the map does not name, or that need a map."""
    expected = f"one of {', '.join(map(shown, labels))}" if labels else "a single label"
    hint = "name each in source.labels as tumour or background"
    return error("label_unknown", f"label {found}", expected, hint)


def frame(scan: Scan) -> tuple[int, int]:
    """(height, width) of the one picture that outlines are drawn on; DataError for a volume."""
    shape = scan.voxels.shape
    if len(shape) == 2 or (scan.uids and shape[0] == 1):
        return shape[-2], shape[-1]
    raise error(
        "outline_on_volume",
        f"outlines on a volume of {' x '.join(map(str, shape))}",
        "a picture or a single DICOM slice",
        "annotate volumes by a mask volume, DICOM-SEG or RTSTRUCT",
    )


def check_size(height: Any, width: Any, scan: Scan) -> None:
    """Raises DataError where an annotation says that it was drawn on an image of another size."""
    own = frame(scan)
    if height not in (None, own[0]) or width not in (None, own[1]):
        raise wrong_size(f"{shown(width)} wide and {shown(height)} high", own)


def wrong_size(found: str, own: tuple[int, int]) -> DataError:
    """The error of an annotation of another size than its image."""
    return error(
        "annotation_size",
        f"annotation is for an image {found}",
        f"{own[1]} wide and {own[0]} high",
        "annotate the image itself, or give the annotation of this image",
    )


def rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """The ring (4, 2) of a rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)


def ellipse(x: float, y: float, across: float, down: float, turn: float = 0.0) -> np.ndarray:
    """The ring (360, 2) of an ellipse of half axes `across` and `down`, turned by radians."""
    along, beside = across * np.cos(ROUND), down * np.sin(ROUND)
    cos, sin = np.cos(turn), np.sin(turn)
    return np.column_stack([x + along * cos - beside * sin, y + along * sin + beside * cos])


def drawn(
    outlines: Iterable[Sequence[Any]], scan: Scan, masks: Iterable[np.ndarray] = ()
) -> Annotation:
    """The union of outlines, each of rings that count by the even-odd rule, and of masks.

    outlines: rings (n, 2) of x, y in pixels, the first pixel's centre at (0, 0), open or closed.
    masks: (height, width). Polygons come back for a picture without masks, else a mask.
    """
    height, width = frame(scan)
    parts: list[Part] = []
    notes: list[Problem] = []
    for number, rings in enumerate(outlines, start=1):
        found, said = repaired(rings, height, width, f"outline {number}")
        parts += found
        notes += said
    masks = list(masks)
    if scan.voxels.ndim == 2 and not masks:
        return Annotation(tuple(parts), None, tuple(notes))
    mask = reduce(np.bitwise_or, masks, fill_parts(parts, height, width))
    return Annotation(None, mask.reshape(scan.voxels.shape), tuple(notes))
