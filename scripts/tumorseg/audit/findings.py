"""Audits a source: lists everything in its printed numbers and claims that cannot be true.

Levels: "fault", impossible under any rounding and averaging; "not pooled", impossible for pooled
counts if the source does not state its averaging; "remark", a number cut off instead of rounded;
"checked", what was read.
"""

from collections.abc import Callable, Iterable, Iterator

import pandas as pd

from tumorseg.audit.claims import improvement_fault, significance_faults
from tumorseg.audit.printed import Number, Source, Table
from tumorseg.audit.rows import Finding, table_findings
from tumorseg.core.errors import UserError

COLUMNS = ("source", "table", "row", "check", "level", "finding", "numbers")


def twice_findings(source: Source) -> Iterator[Finding]:
    """Quantities (equal labels, averaging and name) that two tables print with different values."""
    printed: dict[tuple, list[tuple[Table, Number, str]]] = {}
    for table in source.tables:
        for row in table.rows:
            for name, item in row.numbers.items():
                for part, value in item.parts().items():
                    key = (frozenset(row.labels.items()), row.averaging, name, part)
                    earlier = printed.setdefault(key, [])
                    if not all(_differ(value, other) for _, other, _ in earlier):
                        continue  # equal to one printed earlier
                    if earlier and earlier[0][0] is not table:
                        other_table, _, text = earlier[0]
                        finding = f"{name} is different in {other_table.name}"
                        numbers = f"{item.text} / {text}"
                        yield Finding(
                            table.name, row.name, "printed twice", "fault", finding, numbers
                        )
                    earlier.append((table, value, item.text))


def _differ(first: Number, second: Number) -> bool:
    return abs(first.value - second.value) > first.unit + second.unit


def claim_findings(source: Source) -> Iterator[Finding]:
    """Claims of significance and of improvement in the text that the numbers contradict."""

    def faults(check_claim: Callable, claim: dict[str, str]) -> list[tuple[str, str]]:
        try:
            result = check_claim(claim)
        except UserError as error:
            raise UserError(f"{source.name}: {error}") from None
        return result if isinstance(result, list) else [result] if result else []

    for claim in source.significance:
        for check, finding in faults(significance_faults, claim):
            yield Finding("text", claim["where"], check, "fault", finding, claim["says"])
    for claim in source.improvements:
        for check, finding in faults(improvement_fault, claim):
            numbers = f"{claim['says']} (from {claim['from']} to {claim['to']})"
            yield Finding("text", claim["where"], check, "fault", finding, numbers)


def audit(source: Source) -> pd.DataFrame:
    """All findings of a source, with COLUMNS; one row of level "checked" for each table.

    Raises UserError for claims that cannot be read.

    >>> from tumorseg.audit.reading import from_text
    >>> table, _ = from_text(["loss", "dice", "iou"], [["focal", "0.90", "0.60"]], "Table 1")
    >>> findings = audit(Source("Someone 2020", [table]))
    >>> print(findings.query("level == 'fault'").iloc[0]["finding"])
    dice must lie from 0.59 to 0.757764 under any averaging
    """
    findings = [finding for table in source.tables for finding in table_findings(table)]
    findings += [*twice_findings(source), *claim_findings(source)]
    frame = pd.DataFrame(findings, columns=list(Finding._fields)).assign(source=source.name)
    repeated = frame.duplicated(["row", "check", "finding", "numbers"])  # in the abstract
    return frame.loc[~repeated | (frame["level"] == "checked"), list(COLUMNS)]


def audit_all(sources: Iterable[Source]) -> pd.DataFrame:
    """The findings of several sources in one table."""
    return pd.concat([audit(source) for source in sources], ignore_index=True)
