"""Audits printed results: python scripts/audit_table.py FILE [FILE ...] (docs/audit.md).

FILE: a paper as YAML, or a table as TSV or CSV. Ends with 0 where no fault was found, 1 where one
was, 2 where an input cannot be used.
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


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Finds what cannot be true in printed results.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a .yaml, .tsv or .csv file")
    parser.add_argument(
        "--averaging",
        choices=AVERAGINGS,
        default="not stated",
        help="how a plain table averages: pooled counts, or macro (means over cases or folds)",
    )
    parser.add_argument(
        "--same-cases",
        metavar="COLUMN",
        help="rows of a plain table that agree in this column were measured on the same cases",
    )
    parser.add_argument("--out", metavar="TSV", help="writes the findings as a table, too")
    return parser.parse_args(given)


def listing(findings: pd.DataFrame, notes: Iterable[str]) -> str:
    """The findings of one source, for reading."""
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
    """Prints what was found in each file, writes it to `out`, and counts the faults.

    Raises UserError for an input that cannot be used.
    """
    found = []
    for file in files:
        source, notes = read(file, averaging, same_cases)
        found.append(audit(source))
        print(listing(found[-1], notes))
    findings = pd.concat(found, ignore_index=True)
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
