"""Searches files that will be shared for identifiers: names of patients, files and people."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pandas as pd

from tumorseg.core.names import folded
from tumorseg.privacy.hidden_text import texts

# Kinds of identifiers, by where they come from.
PATIENT, CASE, FILE, FOLDER = "patient name", "case name", "file name", "folder name"
HEADER, USER, HOST, KEY = "text in a source file", "user name", "host name", "secret key"
PERSONAL = (USER, HOST, KEY)  # secret even where names are kept
KINDS = (PATIENT, CASE, FILE, FOLDER, HEADER, USER, HOST, KEY)

SHORTEST = 4  # characters; shorter identifiers count only as a complete value
SHORT_TEXT = 64  # characters; DICOM's longest kind of text that is not a paragraph
LONG_NUMBER = 8  # digits; longer than any count of pixels
_WORD = re.compile(r"[^\W_]+")
_STEP, _OVERLAP = 2**20, 1000  # characters searched at a time; the longest identifier
_AROUND = 20  # characters around an identifier that decide whether it is a separate word
_ENDINGS = {  # of files
    *("png", "jpg", "jpeg", "tif", "tiff", "nii", "gz", "hdr", "img", "mha", "mhd", "raw", "zraw"),
    *("nrrd", "nhdr", "mat", "dcm", "dicom", "ima", "json", "xml", "roi", "zip"),
}
_NAME_COLUMNS = ("case", "patient")


def parts(value: str) -> set[str]:
    """A text and, if it is short, its words of at least four letters, which may be names.

    MUSTERMANN^ERIKA gives mustermann^erika, mustermann and erika.
    """
    value = " ".join(folded(value).split())
    words = re.split(r"[\s^=,;:/\\|()\"<>]+", value) if len(value) <= SHORT_TEXT else []
    return {value, *(word for word in words if len(word) >= SHORTEST)} - {""}


@dataclass
class Identifiers:
    """The identifiers to search for: normal form -> kind (the first one given).

    sought: searched for in all text. whole_values: count only as a complete value in a column or as
    a file's name. left_out: cannot be searched for.
    """

    sought: dict[str, str] = field(default_factory=dict)
    whole_values: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, values: Iterable[str]) -> None:
        """Adds identifiers of one kind; short ones and small numbers are not sought in all text."""
        for value in values:
            value = folded(value).strip()
            if not value or len(value) >= _OVERLAP:
                continue
            letters = "".join(_WORD.findall(value))
            small = letters.isdecimal() and len(letters) < 5
            if len(letters) >= SHORTEST and not small:
                self.sought.setdefault(value, kind)
            elif kind in (PATIENT, CASE):
                self.whole_values.setdefault(value, kind)
            elif value not in self.whole_values:
                self.left_out.setdefault(value, kind)

    def drop(self, values: Iterable[str]) -> None:
        """Leaves out words that are part of the software or written on purpose."""
        for value in map(folded, values):
            for kinds in (self.sought, self.whole_values):
                if value in kinds:
                    self.left_out[value] = kinds.pop(value)

    def drop_kept(self, kept: Iterable[Iterable[str]]) -> None:
        """Leaves out what consists of words that are written on purpose, in any spelling.

        Order, separators and capitals of the words do not count, nor does a file's ending. The
        user, the machine and the key stay secret.

        kept: the names of each case that the results keep.
        """
        cases_with: dict[str, set[int]] = {}
        for number, names in enumerate(kept):
            for word in _WORD.findall(folded(" ".join(names))):
                cases_with.setdefault(word, set()).add(number)
        told = []
        for value, kind in (self.sought | self.whole_values).items():
            words = set(_WORD.findall(value)) - _ENDINGS
            cases = sorted((cases_with.get(word, set()) for word in words), key=len)
            if cases and kind not in PERSONAL and set.intersection(*cases):
                told.append(value)
        self.drop(told)

    def counts(self) -> pd.DataFrame:
        """One row per kind: how many are sought in all text, only as whole values, not at all."""
        columns = {
            "sought": self.sought,
            "as_whole_value": self.whole_values,
            "left_out": self.left_out,
        }
        table = pd.DataFrame({"kind": KINDS})
        for name, kinds in columns.items():
            numbers = Counter(kinds.values())
            table[name] = [numbers[kind] for kind in KINDS]
        return table


class Seeker:
    """Finds all identifiers in one pass: looks up the words of a text, then their surroundings."""

    def __init__(self, identifiers: Identifiers) -> None:
        self.identifiers = identifiers
        words = {value: _WORD.findall(value) for value in identifiers.sought}
        counts = Counter(word for words_of in words.values() for word in set(words_of))
        # An identifier is looked up by its rarest word, as thousands may begin with the same word.
        self._by_word: dict[str, list[tuple[str, set[str]]]] = {}
        for value, words_of in words.items():
            rarest = min(words_of, key=lambda word: (counts[word], -len(word)))
            self._by_word.setdefault(rarest, []).append((value, set(words_of)))

    def in_text(self, text: str, shortest: int = 0) -> set[str]:
        """The identifiers of at least `shortest` characters that occur in a text as whole words."""
        text = folded(text)
        hits: set[str] = set()
        for start in range(0, len(text), _STEP):
            piece = text[max(0, start - _OVERLAP) : start + _STEP]
            present = set(_WORD.findall(piece))
            for word in self._by_word.keys() & present:
                hits.update(
                    value
                    for value, words in self._by_word[word]
                    if len(value) >= shortest and words <= present and self._occurs(value, piece)
                )
        return hits

    def in_content(self, content: bytes) -> set[str]:
        """The identifiers in a file's content, also in what it packs or encodes."""
        hits: set[str] = set()
        for text, shortest in texts(content):
            hits |= self.in_text(text, shortest)
        return hits

    def in_file(self, path: Path, name: str) -> set[str]:
        """The identifiers in a file or in `name`, its path as others see it."""
        hits = self.in_content(path.read_bytes()) | self.in_text(name)
        values = {folded(part) for part in [*Path(name).parts, path.name.split(".")[0]]}
        if path.suffix in (".tsv", ".csv"):
            values |= _values(path)
        return hits | (values & self.identifiers.whole_values.keys())

    def _occurs(self, value: str, text: str) -> bool:
        """Whether the identifier occurs as a word.

        Matches the pattern only where the letters occur: 50 times as fast as matching everywhere.
        """
        pattern = _pattern(value)
        if " " in value:  # may be a line break in the text
            return pattern.search(text) is not None
        place = text.find(value)
        while place >= 0:
            if pattern.search(text, max(0, place - _AROUND), place + len(value) + _AROUND):
                return True
            place = text.find(value, place + 1)
        return False


@cache
def _pattern(value: str) -> re.Pattern:
    """Matches an identifier as a whole word; a short number only where it identifies something.

    Counts of pixels have as many digits as patient numbers. So a number of fewer than eight digits
    counts only in quotes, in a path, joined by _, after the word case or patient, and in a text
    cell of the project's HTML pages.
    """
    body = r"\s+".join(map(re.escape, value.split()))
    if not value.isdecimal():
        return re.compile(rf"(?<![^\W_]){body}(?![^\W_])")
    alone = rf"(?<![^\W_])(?<!\d\.){body}(?![^\W_])(?!\.\d)"
    if len(value) >= LONG_NUMBER:
        return re.compile(alone)
    before = r"(?:[\"'/\\_]|\b(?:case|patient)s?[ :=\t]+|class=\"(?:long)?\">)"
    return re.compile(rf"{before}{alone}|{alone}(?:[\"'/\\_]|\.[a-z])")


def _values(path: Path) -> set[str]:
    """The values in the columns case and patient of a table."""
    separator = "\t" if path.suffix == ".tsv" else ","
    try:
        table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError):
        return set()
    return {folded(value) for name in _NAME_COLUMNS if name in table for value in table[name]}
