"""Ties images to their annotations in a file that covers many, by path."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, NamedTuple, TypeVar

from tumorseg.core.names import comparable, parts, stem
from tumorseg.core.problems import DataError, Problem, error, quoted, warning

Value = TypeVar("Value")
Parts = tuple[str, ...]  # of a path: ROOT, folders, file name
ROOT = "/"


@dataclass(frozen=True)
class ImageKey:
    """An image's path as its source names it, and those of all images that share its annotation.

    among: empty where no other image is known.
    """

    path: str
    among: frozenset[str] = frozenset()


class Found(NamedTuple):
    """What a file says about one image, and warnings about the whole file."""

    value: Any
    notes: tuple[Problem, ...]


class ImageIndex(Generic[Value]):
    """The annotations of many images in one file, found by an image's path.

    faults: of the whole file; `find` raises the first error and returns the warnings.
    drawn: whether a value holds annotations, which are lost where its image is no case.
    """

    def __init__(
        self,
        pairs: Iterable[tuple[str, Value]],
        faults: Iterable[Problem] = (),
        drawn: Callable[[Value], object] = bool,
    ) -> None:
        listed = [(str(name), value) for name, value in pairs]
        self._names = [name for name, _ in listed]
        self._parts = [_parts(name) for name in self._names]
        self._values = [value for _, value in listed]
        self._drawn = [bool(drawn(value)) for value in self._values]
        self._faults = [replace(fault, whole_file=True) for fault in faults]
        self._tied: dict[frozenset[str], tuple[dict[Parts, int], tuple[Problem, ...]]] = {}

    def find(self, key: ImageKey) -> Found:
        """The value for `key` by the rule of `tie`, with the warnings of the file.

        Raises DataError where no image or several match, or the file as a whole is wrong.
        """
        for fault in self._faults:
            if fault.severity == "error":
                raise DataError(fault)
        among = key.among if key.path in key.among else key.among | {key.path}
        if among not in self._tied:
            self._tied[among] = self._tie(among, warn=bool(key.among))
        tied, notes = self._tied[among]
        wanted = _parts(key.path)
        if wanted not in tied:
            raise self._not_found(key.path, among, set(tied.values()))
        return Found(self._values[tied[wanted]], notes)

    def _tie(
        self, among: frozenset[str], *, warn: bool
    ) -> tuple[dict[Parts, int], tuple[Problem, ...]]:
        tied = tie(self._parts, {_parts(path) for path in among})
        used = set(tied.values())
        unused = [
            name
            for number, (name, drawn) in enumerate(zip(self._names, self._drawn, strict=True))
            if drawn and number not in used
        ]
        notes = list(self._faults)
        if unused and warn:
            notes.append(
                warning(
                    "annotated_image_unused",
                    f"{len(unused)} annotated images of this file are no case of the data, the "
                    f"first is {quoted(unused[0])}",
                    "a case for each",
                    "ignore this if it is intended; otherwise give image and entry the same path",
                )
            )
        return tied, tuple(replace(note, whole_file=True) for note in notes)

    def _not_found(self, path: str, among: Collection[str], taken: Collection[int]) -> DataError:
        """The error for an image that is tied to nothing; taken: the numbers of those that are."""
        key, keys = _plain(_parts(path)), [_plain(_parts(other)) for other in among]
        names = [_plain(name) for name in self._parts]
        same = [number for number, name in enumerate(names) if name[-1] == key[-1]]
        same = same or [
            number
            for number, name in enumerate(names)
            if _without_ending(name)[-1] == _without_ending(key)[-1]
        ]
        fitting = [number for number in same if _fits(names[number], key)]
        if not (fitting or _before(names, 1) & _before(keys, 1)):
            fitting = same  # other folders than ours say nothing
        hint = "write each image's path below the folder of images into the annotation file"
        if len(fitting) > 1:
            value = f"{len(fitting)} images called {quoted(_parts(path)[-1])}"
            return error("key_ambiguous", value, "one", f"give them different names, or {hint}")
        rivals = sum(_fits(names[fitting[0]], other) for other in keys) if fitting else 0
        if rivals > 1 and fitting[0] not in taken and names[fitting[0]][1:] == key[-1:]:
            name = quoted(self._text(fitting[0]))
            value = f"image {name} could be any of {rivals} images of the data"
            return error("key_ambiguous", value, "one", hint)
        named = same or ([0] if len(names) == 1 else [])
        other = f", only {quoted(self._text(named[0]))}" if named else ""
        if len(named) > 1:
            other = f", only {len(named)} of that file name in other folders"
        return error(
            "key_missing",
            f"no image {quoted(path)} among {len(names)}{other}",
            "the image's name in the annotation file",
            "annotate it, or correct the key",
        )

    def _text(self, number: int) -> str:
        return "/".join(self._parts[number][1:])


def tie(names: Sequence[Parts], keys: Collection[Parts]) -> dict[Parts, int]:
    """Key -> the number of the name that means the same image.

    Paths are compared from their ends, the longest common ending first: the whole path, then the
    folders above the file name, then the file name alone, and if nothing fits, the file name
    without its ending; all this first as they are written, then in the form of `core.names`. An
    ending decides only where exactly one name and one key have it, and only if the folders before
    it do not contradict it: a folder that names and keys both use there (a patient, say) must be
    the same.
    """
    tied: dict[Parts, int] = {}
    taken: set[int] = set()
    longest = max(map(len, [*names, *keys]), default=0)
    plain_names, plain_keys = list(map(_plain, names)), {key: _plain(key) for key in keys}
    for form in (_as_written, _without_ending, _plain, _plain_without_ending):
        theirs, ours = list(map(form, names)), {key: form(key) for key in keys}
        for length in range(longest, 0, -1):
            name_counts = Counter(name[-length:] for name in theirs if len(name) >= length)
            key_counts = Counter(key[-length:] for key in ours.values() if len(key) >= length)
            shared = _before(plain_names, length) & _before(plain_keys.values(), length)
            numbers = {name[-length:]: number for number, name in enumerate(theirs)}
            for key, spelled in ours.items():
                end = spelled[-length:]
                if key in tied or name_counts[end] != 1 or key_counts[end] != 1:
                    continue
                number = numbers[end]
                contradicts = shared and not _fits(plain_names[number], plain_keys[key])
                if number not in taken and not contradicts:
                    tied[key] = number
                    taken.add(number)
    return tied


def _before(paths: Iterable[Parts], length: int) -> set[str]:
    """The folders before endings of this length."""
    return {path[-length - 1] for path in paths if len(path) > length} - {ROOT}


def _fits(name: Parts, key: Parts) -> bool:
    """Whether one path, in plain form, is the end of the other; a file's ending may differ."""
    depth = min(len(name), len(key)) - 1
    one, other = _without_ending(name), _without_ending(key)
    return one[-depth:] == other[-depth:]


def _parts(path: str) -> Parts:
    return (ROOT, *(parts(path) or [""]))


def _as_written(path: Parts) -> Parts:
    return path


def _without_ending(path: Parts) -> Parts:
    return (*path[:-1], stem(path[-1]))


def _plain(path: Parts) -> Parts:
    return tuple(map(comparable, path))


def _plain_without_ending(path: Parts) -> Parts:
    return _plain(_without_ending(path))
