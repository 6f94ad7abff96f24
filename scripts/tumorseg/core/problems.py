"""What can be wrong with a user's data: a code, a place and a way to mend it, on one line."""

import sys
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from tumorseg.core.errors import UserError

SHOWN, SHOWN_A_CODE = 50, 4  # lines of problems in a terminal; none of them hides the others


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong (error) or strange (warning).

    code: a short name in snake case, fixed for good: people search for it. file, row: where, row 1
    is the first line after a table's header, 0 where there is no row. value: what was found;
    expected: what would be right; hint: how to mend it. Nothing ends with a full stop.
    """

    code: str
    value: str
    expected: str
    hint: str
    file: str = ""
    row: int = 0
    severity: str = "error"

    def at(self, file: str, row: int = 0) -> "Problem":
        """The same problem with its place, where it has none yet."""
        return replace(self, file=self.file or file, row=self.row or row)

    def line(self) -> str:
        """The problem as people read it in a terminal: one line, whatever a file's name holds."""
        place = f"{self.file} row {self.row}" if self.row else self.file
        text = f"{self.value}; expected {self.expected}; {self.hint}"
        line = f"{place}: {text} [{self.code}]" if place else f"{text} [{self.code}]"
        return "".join(letter if letter.isprintable() else "?" for letter in line)


class DataError(UserError):
    """A problem that stops the reading of one image, annotation or row."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.line())
        self.problem = problem

    def __reduce__(self) -> tuple:
        return DataError, (self.problem,)  # so that it comes back whole from another process

    def at(self, file: str, row: int = 0) -> "DataError":
        """The same error with its place, where it has none yet."""
        return DataError(self.problem.at(file, row))


def error(code: str, value: str, expected: str, hint: str, file: str = "") -> DataError:
    """A DataError, to be raised."""
    return DataError(Problem(code, value, expected, hint, file))


def warning(code: str, value: str, expected: str, hint: str, file: str = "") -> Problem:
    """A Problem that does not stop anything, to be kept among notes."""
    return Problem(code, value, expected, hint, file, severity="warning")


def tell(problems: list[Problem], rest: str) -> int:
    """Prints the first problems of each code, errors before warnings; gives the number of errors.

    rest: where all of them are shown.
    """
    told, held = Counter(), Counter()
    for problem in sorted(problems, key=lambda problem: problem.severity != "error"):
        if told[problem.code] < SHOWN_A_CODE and told.total() < SHOWN:
            told[problem.code] += 1
            print(f"{problem.severity}: {problem.line()}", file=sys.stderr)
        else:
            held[problem.code] += 1
    if held:
        more = ", ".join(f"{number} {code}" for code, number in held.items())
        print(f"... and {held.total()} more ({more}); {rest} shows all", file=sys.stderr)
    return sum(problem.severity == "error" for problem in problems)


def report(problems: list[Problem]) -> None:
    """Prints the problems, errors first; raises UserError if there is an error among them."""
    errors = tell(problems, "`snakemake check`")
    if errors:
        raise UserError(
            f"{errors} {'errors' if errors > 1 else 'error'} in the data, nothing is imported; "
            "`snakemake check` shows them on a page"
        )


def shown(text: Any) -> str:
    """A user's word as a message may repeat it: on one line and not for ever."""
    shown = ascii(text if isinstance(text, int | float) else str(text))
    return shown if len(shown) <= 70 else f"{shown[:66]}...{shown[-1]}"
