"""The audit: everything in a source's printed numbers that cannot be true, with the numbers.

Levels: "fault", impossible whatever the rounding and the averaging; "not pooled", impossible for
pooled counts, where the source does not say how it averages; "remark", true to the last digit only;
"checked", what was looked at.
"""

from collections.abc import Callable, Iterable, Iterator

import pandas as pd

from tumorseg.audit.claims import improvement_fault, significance_faults
from tumorseg.audit.printed import Number, Source, Table
from tumorseg.audit.rows import Finding, table_findings
from tumorseg.core.errors import UserError

COLUMNS = ("source", "table", "row", "check", "level", "finding", "numbers")


def twice_findings(source: Source) -> Iterator[Finding]:
    """The same quantity (equal labels, averaging and name) printed in two tables, differently."""
    printed: dict[tuple, list[tuple[Table, Number, str]]] = {}
    for table in source.tables:
        for row in table.rows:
            for name, item in row.cells.items():
                for part, value in item.parts().items():
                    key = (frozenset(row.labels.items()), row.averaging, name, part)
                    before = printed.setdefault(key, [])
                    if not all(_differ(value, other) for _, other, _ in before):
                        continue  # it agrees with one that was printed before
                    if before and before[0][0] is not table:
                        there, _, text = before[0]
                        said = f"{name} is another in {there.name}"
                        numbers = f"{item.text} / {text}"
                        yield Finding(table.name, row.name, "printed twice", "fault", said, numbers)
                    before.append((table, value, item.text))


def _differ(one: Number, other: Number) -> bool:
    return abs(one.value - other.value) > one.unit + other.unit


def claim_findings(source: Source) -> Iterator[Finding]:
    """Claims of significance and of improvement in the text that the numbers do not bear."""

    def tried(function: Callable, claim: dict[str, str]) -> list[tuple[str, str]]:
        try:
            found = function(claim)
        except UserError as error:
            raise UserError(f"{source.name}: {error}") from None
        return found if isinstance(found, list) else [found] if found else []

    for claim in source.significance:
        for check, said in tried(significance_faults, claim):
            yield Finding("text", claim["where"], check, "fault", said, claim["says"])
    for claim in source.improvements:
        for check, said in tried(improvement_fault, claim):
            numbers = f"{claim['says']} (from {claim['from']} to {claim['to']})"
            yield Finding("text", claim["where"], check, "fault", said, numbers)


def audit(source: Source) -> pd.DataFrame:
    """All findings of a source, COLUMNS; one line of level "checked" for each table.

    Raises UserError for claims that cannot be read.
    """
    found = [finding for table in source.tables for finding in table_findings(table)]
    found += [*twice_findings(source), *claim_findings(source)]
    frame = pd.DataFrame(found, columns=list(Finding._fields)).assign(source=source.name)
    repeated = frame.duplicated(["row", "check", "finding", "numbers"])  # the abstract's copy
    return frame.loc[~repeated | (frame["level"] == "checked"), list(COLUMNS)]


def audit_all(sources: Iterable[Source]) -> pd.DataFrame:
    """The findings of several sources in one table."""
    return pd.concat([audit(source) for source in sources], ignore_index=True)
