"""Checks how the parts of an annotation file refer to each other: by ids, compared by value."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tumorseg.core.problems import Problem, quoted, warning

NUMBER = re.compile(r"[+-]?\d{1,30}(\.0*)?")


def id_value(value: Any) -> Any:
    """An id for comparing: 4, 4.0 and "4" are the same; other text stays as it is."""
    if isinstance(value, str):
        text = value.strip()
        return int(text.partition(".")[0]) if NUMBER.fullmatch(text) else text
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else repr(value)


def repeated_ids(what: str, pairs: Iterable[tuple[Any, Any]]) -> Iterator[Problem]:
    """An error for the first id that two different things have, because references are unclear.

    what: the list of the file that they are in. pairs: id and name of each.
    """
    names: dict[Any, Any] = {}
    for number, name in pairs:
        if names.setdefault(id_value(number), name) != name:
            value = f"{quoted(names[id_value(number)])} and {quoted(name)} in `{what}` have the id"
            hint = "give each its own id and correct what refers to it, or export the file again"
            yield Problem("id_repeated", f"{value} {quoted(number)}", "different ids", hint)
            return


def unlisted(orphans: Sequence[Any], total: int) -> Iterator[Problem]:
    """A warning for annotations of images that the file does not list; an error if most are such.

    orphans: what they give as the image's id. total: the number of annotations in the file.
    """
    if not orphans:
        return
    value = (
        f"{len(orphans)} of {total} annotations belong to no image of the file, the first to the "
        f"image {quoted(orphans[0])}"
    )
    expected = "each to an image that the file lists"
    if 2 * len(orphans) > total:
        hint = "most annotations would be lost; export the file again with its images"
        yield Problem("annotations_unlisted_most", value, expected, hint)
    else:
        hint = "they are left out; if they are tumours of your images, export the file again"
        yield warning("annotations_unlisted", value, expected, hint)
