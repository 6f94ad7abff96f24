"""Problems with a user's data: a code, a place, what was expected and how to fix it."""

import sys
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from tumorseg.core.errors import UserError

# Lines printed to a terminal; the limit per code keeps one problem from hiding the others.
MAX_LINES, MAX_LINES_PER_CODE = 50, 4


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong (error) or unusual (warning); no text ends with a full stop.

    Attributes:
        code: a short name in snake case; it never changes, because people search for it.
        value: what the data contain.
        expected: what would be right.
        hint: how to fix it.
        file: where the problem is.
        row: the table row, from 1 after the header; 0 where there is none.
        severity: error or warning.
        case: the case, by the user's name for it, that `source.exclude` would have to name; empty
            where the problem is of no single case.
        whole_file: it concerns a file as a whole, whichever cases use it, and is said once.
    """

    code: str
    value: str
    expected: str
    hint: str
    file: str = ""
    row: int = 0
    severity: str = "error"
    case: str = ""
    whole_file: bool = False

    def at(self, file: str, row: int = 0, case: str = "") -> "Problem":
        """A copy with file, row and case filled in where they are missing."""
        case = self.case or case
        return replace(self, file=self.file or file, row=self.row or row, case=case)

    def printable(self) -> "Problem":
        """A copy that can be stored in UTF-8; what a file's name has of other encodings is `?`."""
        texts = ("value", "expected", "hint", "file", "case")
        stored = {name: getattr(self, name).encode(errors="replace").decode() for name in texts}
        return replace(self, **stored)

    def line(self) -> str:
        """One line for the terminal; unprintable characters (of file names) become `?`."""
        place = f"{self.file} row {self.row}" if self.row else self.file
        text = f"{self.value}; expected {self.expected}; {self.hint}"
        line = f"{place}: {text} [{self.code}]" if place else f"{text} [{self.code}]"
        return "".join(letter if letter.isprintable() else "?" for letter in line)


class DataError(UserError):
    """A problem that makes one image, annotation or row unusable."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.line())
        self.problem = problem

    def __reduce__(self) -> tuple:
        return DataError, (self.problem,)  # keeps `problem` when another process raises the error

    def at(self, file: str, row: int = 0, case: str = "") -> "DataError":
        """A copy with file, row and case filled in where they are missing."""
        return DataError(self.problem.at(file, row, case))


def error(code: str, value: str, expected: str, hint: str, file: str = "") -> DataError:
    """A DataError for the caller to raise; the arguments are those of Problem."""
    return DataError(Problem(code, value, expected, hint, file))


def warning(code: str, value: str, expected: str, hint: str, file: str = "") -> Problem:
    """A Problem that stops nothing, for the caller's notes; the arguments are those of Problem."""
    return Problem(code, value, expected, hint, file, severity="warning")


def each_once(problems: list[Problem]) -> list[Problem]:
    """The problems in their order, those of a whole file only where they are first reported."""
    once = dict.fromkeys(problem for problem in problems if problem.whole_file)
    return [p for p in problems if not p.whole_file or once.pop(p, "said") is None]


def print_problems(problems: list[Problem], full_list: str) -> int:
    """Prints the first problems of each code, errors before warnings; returns the error count.

    A problem of a whole file, which each of its cases reports, counts once.
    full_list: the file or command that shows all problems.
    """
    printed: Counter[str] = Counter()
    omitted: Counter[str] = Counter()
    problems = each_once(problems)
    for problem in sorted(problems, key=lambda problem: problem.severity != "error"):
        if printed[problem.code] < MAX_LINES_PER_CODE and printed.total() < MAX_LINES:
            printed[problem.code] += 1
            print(f"{problem.severity}: {problem.line()}", file=sys.stderr)
        else:
            omitted[problem.code] += 1
    if omitted:
        more = ", ".join(f"{number} {code}" for code, number in omitted.items())
        print(f"... and {omitted.total()} more ({more}); {full_list} shows all", file=sys.stderr)
    return sum(problem.severity == "error" for problem in problems)


def stop_on_errors(problems: list[Problem]) -> None:
    """Prints the problems, errors first; raises UserError if any is an error."""
    errors = print_problems(problems, "`snakemake check`")
    if errors:
        raise UserError(
            f"{errors} {'errors' if errors > 1 else 'error'} in the data, nothing is imported; "
            "`snakemake check` shows them on a page"
        )


def quoted(text: Any) -> str:
    """A value from a user's file, quoted for a message: ASCII, one line, at most 70 characters."""
    line = ascii(text if isinstance(text, int | float) else str(text))
    return line if len(line) <= 70 else f"{line[:66]}...{line[-1]}"
