"""Words that stand for a missing value, and names that differ only in how they are spelled."""

import re

from tumorseg.core.names import comparable

# What people and spreadsheets write where nothing is known, in small letters.
_MISSING = (
    *("na", "n/a", "n.a.", "#n/a", "#na", "#nv", "nan", "none", "null", "nil", "<na>", "<null>"),
    *("unknown", "undefined", "missing", "not available", "not known", "(blank)", "(null)"),
)
_SPREADSHEET_ERROR = re.compile(r"#[^\W_][\w/]*[!?]")  # #REF!, #NAME?, #DIV/0!, in any language
_RUN = re.compile(r"\d+|[^\W\d_]+|[\W_]+")  # digits, letters, or what separates them
_WHOLE = re.compile(r"(\d+)[.,]0+")  # a number as a spreadsheet writes it


def missing(text: str) -> bool:
    """Whether a text stands for a missing value: empty, NA, #N/A, none, unknown, -, ?, #REF!, ...

    Capitals do not matter. A text without any letter or digit is missing as well.
    """
    plain = comparable(text)
    if not any(letter.isalnum() for letter in plain):
        return True
    return plain in _MISSING or _SPREADSHEET_ERROR.fullmatch(plain) is not None


def spelling(name: str) -> str:
    """A form that is the same for names that differ only in their spelling.

    Capitals, the Unicode form, leading zeros, separators (anon-1, anon_1, Anon 01) and the decimals
    that a spreadsheet adds (7.0) do not count. Numbers stay apart: p1 and p10 differ, and so do
    1-12 and 11-2.
    """
    plain = comparable(name)
    plain = _WHOLE.sub(r"\1", plain) if _WHOLE.fullmatch(plain) else plain
    parts: list[str] = []
    for run in _RUN.findall(plain):
        if run[0].isdecimal():
            digits = "".join(str(int(digit)) for digit in run).lstrip("0") or "0"
            # A separator counts between numbers only, because 1-12 is not 112.
            parts.append(f" {digits}" if parts and parts[-1][-1].isdecimal() else digits)
        elif run[0].isalpha():
            parts.append(run)
    return "".join(parts) or plain


def without_final_letter(name: str) -> str:
    """The spelling of a name without a single letter after its last number: MR12b gives mr12."""
    return re.sub(r"(?<=\d)[^\W\d_]$", "", spelling(name))
