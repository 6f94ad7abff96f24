"""Audits printed results: python scripts/audit_table.py FILE [FILE ...] (docs/audit.md).

FILE: a paper as YAML, or a table as TSV or CSV. Exit status 0: no fault was found; 1: at least one
was; 2: an input cannot be used.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence

import pandas as pd

from tumorseg.audit.findings import audit
from tumorseg.audit.printed import AVERAGINGS
from tumorseg.audit.reading import read
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_table


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description="Finds printed results that cannot be true.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a .yaml, .tsv or .csv file")
    parser.add_argument(
        "--averaging",
        choices=AVERAGINGS,
        default="not stated",
        help="averaging of a plain table: pooled counts, or macro (means over cases or folds)",
    )
    parser.add_argument(
        "--same-cases",
        metavar="COLUMN",
        help="rows of a plain table with the same value in this column have the same test cases",
    )
    parser.add_argument("--out", metavar="TSV", help="also write the findings as a table")
    return parser.parse_args(words)


def listing(findings: pd.DataFrame, notes: Iterable[str]) -> str:
    """The findings of one source as text to read."""
    lines = [str(findings["source"].iloc[0]) if len(findings) else "", *(f"  ({n})" for n in notes)]
    for line in findings.to_dict("records"):
        numbers = f" [{line['numbers']}]" if line["numbers"] else ""
        lines.append(
            f"  {line['level']}: {line['table']}, {line['row']}: {line['check']}: "
            f"{line['finding']}{numbers}"
        )
    return "\n".join(lines)


def main(
    *,
    files: Sequence[str],
    averaging: str = "not stated",
    same_cases: str | None = None,
    out: str | None = None,
) -> int:
    """Prints the findings of each file, writes them to `out`, and returns the number of faults.

    Raises UserError for an input that cannot be used.
    """
    tables = []
    for file in files:
        source, notes = read(file, averaging, same_cases)
        tables.append(audit(source))
        print(listing(tables[-1], notes))
    findings = pd.concat(tables, ignore_index=True)
    counts = findings["level"].value_counts()
    print(
        f"faults: {counts.get('fault', 0)}; impossible as pooled counts alone: "
        f"{counts.get('not pooled', 0)}; remarks: {counts.get('remark', 0)}"
    )
    if out:
        write_table(findings, out)
    return int(counts.get("fault", 0))


if __name__ == "__main__":
    try:
        sys.exit(1 if main(**vars(arguments(None))) else 0)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
