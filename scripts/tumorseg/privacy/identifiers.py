"""Seeks the names of patients, files and people in anything that is about to be shown to others."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pandas as pd

from tumorseg.privacy.hidden_text import texts

# Kinds of identifiers, by what the user gave.
PATIENT, CASE, FILE, FOLDER = "patient name", "case name", "file name", "folder name"
HEADER, USER, HOST, KEY = "text in a source file", "user name", "host name", "secret key"
KINDS = (PATIENT, CASE, FILE, FOLDER, HEADER, USER, HOST, KEY)

SHORTEST = 4  # characters; shorter ones only count as a whole value
SHORT_TEXT = 64  # characters: the longest text of DICOM's that is no paragraph
LONG_NUMBER = 8  # digits; from here on a number is no count of pixels
_WORD = re.compile(r"[^\W_]+")
_STEP, _OVERLAP = 2**20, 1000  # characters searched at a time, and the longest identifier
_AROUND = 20  # characters that decide whether it is a word of its own
_NAME_COLUMNS = ("case", "patient")


def normal(text: str) -> str:
    """Text as it is compared: in one form of Unicode, without capitals."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def parts(value: str) -> set[str]:
    """A text, and if it is short the words in it that could name someone: those of four letters.

    MUSTERMANN^ERIKA gives mustermann^erika, mustermann and erika.
    """
    value = " ".join(normal(value).split())
    words = re.split(r"[\s^=,;:/\\|()\"<>]+", value) if len(value) <= SHORT_TEXT else []
    return {value, *(word for word in words if len(word) >= SHORTEST)} - {""}


@dataclass
class Identifiers:
    """What is sought: identifier in normal form -> its kind, the first one given.

    whole: those that only count as a whole value in a column or as a file's name; left_out: kinds
    of those that cannot be sought at all.
    """

    sought: dict[str, str] = field(default_factory=dict)
    whole: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, values: Iterable[str]) -> None:
        """Adds identifiers of one kind; what is too short or a small number goes where it can."""
        for value in values:
            value = normal(value).strip()
            if not value or len(value) >= _OVERLAP:
                continue
            letters = "".join(_WORD.findall(value))
            small = letters.isdecimal() and len(letters) < 5
            if len(letters) >= SHORTEST and not small:
                self.sought.setdefault(value, kind)
            elif kind in (PATIENT, CASE):
                self.whole.setdefault(value, kind)
            elif value not in self.whole:
                self.left_out.setdefault(value, kind)

    def drop(self, values: Iterable[str]) -> None:
        """Leaves out what stands in the software itself or is written on purpose."""
        for value in map(normal, values):
            for some in (self.sought, self.whole):
                if value in some:
                    self.left_out[value] = some.pop(value)

    def counts(self) -> pd.DataFrame:
        """One line a kind: how many are sought in all text, as whole values only, not at all."""
        columns = {"sought": self.sought, "as_whole_value": self.whole, "left_out": self.left_out}
        table = pd.DataFrame({"kind": KINDS})
        for name, some in columns.items():
            found = pd.Series(list(some.values()), dtype=str).value_counts()
            table[name] = [int(found.get(kind, 0)) for kind in KINDS]
        return table


class Seeker:
    """Finds all identifiers in one pass: a text's words are looked up, then their surroundings."""

    def __init__(self, identifiers: Identifiers) -> None:
        self.identifiers = identifiers
        words = {value: _WORD.findall(value) for value in identifiers.sought}
        shared = Counter(word for several in words.values() for word in set(several))
        # An identifier is looked up by its rarest word: thousands may begin with the same one.
        self._by_word: dict[str, list[tuple[str, set[str]]]] = {}
        for value, several in words.items():
            rarest = min(several, key=lambda word: (shared[word], -len(word)))
            self._by_word.setdefault(rarest, []).append((value, set(several)))

    def in_text(self, text: str, shortest: int = 0) -> set[str]:
        """The identifiers of at least `shortest` characters in a text, as whole words."""
        text = normal(text)
        found: set[str] = set()
        for start in range(0, len(text), _STEP):
            piece = text[max(0, start - _OVERLAP) : start + _STEP]
            present = set(_WORD.findall(piece))
            for word in self._by_word.keys() & present:
                found.update(
                    value
                    for value, words in self._by_word[word]
                    if len(value) >= shortest and words <= present and self._stands(value, piece)
                )
        return found

    def in_content(self, content: bytes) -> set[str]:
        """The identifiers anywhere in a file's content."""
        found: set[str] = set()
        for text, shortest in texts(content):
            found |= self.in_text(text, shortest)
        return found

    def in_file(self, path: Path, name: str) -> set[str]:
        """The identifiers in a file, or in its name (its path as others see it)."""
        found = self.in_content(path.read_bytes()) | self.in_text(name)
        whole = {normal(part) for part in [*Path(name).parts, path.name.split(".")[0]]}
        if path.suffix in (".tsv", ".csv"):
            whole |= _values(path)
        return found | (whole & self.identifiers.whole.keys())

    def _stands(self, value: str, text: str) -> bool:
        """Whether the identifier stands there as a word; looks only at the places of its letters.

        That is fifty times as fast as a search for the expression.
        """
        pattern = _pattern(value)
        if " " in value:  # a line may break there
            return pattern.search(text) is not None
        place = text.find(value)
        while place >= 0:
            if pattern.search(text, max(0, place - _AROUND), place + len(value) + _AROUND):
                return True
            place = text.find(value, place + 1)
        return False


@cache
def _pattern(value: str) -> re.Pattern:
    """An identifier as a whole word; a short number only where it names something.

    Pixel counts have as many digits as patient numbers. So a number below eight digits counts in
    quotes, in a path, joined by _, after the word case or patient, and in a text cell of our pages.
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
    """What stands in the columns case and patient of a table."""
    separator = "\t" if path.suffix == ".tsv" else ","
    try:
        table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError):
        return set()
    return {normal(value) for name in _NAME_COLUMNS if name in table for value in table[name]}
