"""Writes the study's tables: Tables 2 and 3 next to the published ones, and the audit of both."""

import pandas as pd

from tumorseg.audit import published
from tumorseg.audit.findings import audit, audit_all
from tumorseg.audit.printed import Source
from tumorseg.audit.reading import of_frame
from tumorseg.core.files import read_table
from tumorseg.reporting.study_tables import (
    distances,
    percent,
    published_rows,
    published_table3,
    summary,
    table2,
    table3,
)
from tumorseg.reporting.table_pages import write_tables


def audited(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The audit of our tables as printed, followed by that of the published ones.

    Raises ValueError if ours have a fault: then the code that computed them is wrong.
    """
    printed = [of_frame(table, name) for name, table in tables.items()]
    ours = audit(Source("this experiment", printed))
    faults = ours[ours["level"] == "fault"]
    if len(faults):
        raise ValueError(f"impossible values in our own tables: {faults.to_dict('records')}")
    return pd.concat([ours, audit_all(published.SOURCES)], ignore_index=True)


def main(*, metrics: list[str], background: str, tables: list[str], pages: list[str]) -> None:
    """Writes four tables from the metrics tables of all set-ups and of the background baseline.

    tables, pages: <name>.tsv and <name>.html with the names below.
    """
    cases = pd.concat([read_table(path) for path in [*metrics, background]], ignore_index=True)
    built = {
        "summary": summary(cases),
        "table2": percent(pd.concat([table2(cases), published_rows()], ignore_index=True)),
        "table3": distances(pd.concat([table3(cases), published_table3()], ignore_index=True)),
    }
    built["audit"] = audited(built)
    write_tables(built, [*tables, *pages])


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
