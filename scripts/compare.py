"""The study's tables: Table 2 and 3 beside the published ones, and the checks on both."""

import pandas as pd

from tumorseg import published
from tumorseg.checks import violations
from tumorseg.files import read_table
from tumorseg.pages import write_tables
from tumorseg.summary import published_check, summary
from tumorseg.tables import (
    distances,
    percent,
    published_rows,
    published_table3,
    table2,
    table3,
)


def check_tables(ours: pd.DataFrame) -> pd.DataFrame:
    """The arithmetic checks on our table and on the published one.

    Raises ValueError where ours breaks one: then the code that made it is wrong.
    """
    single = (ours["aggregation"] == "pooled") & (ours["fold"] != "mean")
    label = "{recipe}/{loss} {fold} ({aggregation})"
    mine = [
        violations(ours[single], pooled=True, label=label).assign(rows_are="pooled counts"),
        violations(ours[~single], pooled=False, label=label).assign(rows_are="averages"),
    ]
    theirs = violations(
        published.table2(),
        pooled=True,
        tolerance={name: unit / 100 for name, unit in published.TOLERANCE.items()},
        label="{loss} {fold}",
    )
    found = pd.concat(
        [
            pd.concat(mine).assign(table="ours"),
            theirs.assign(table="published", rows_are="not stated, taken as pooled counts"),
        ]
    )
    broken = found[(found["table"] == "ours") & (found["violated"] > 0)]
    if len(broken):
        raise ValueError(f"impossible values in our own table: {broken.to_dict('records')}")
    return found[["table", "rows_are", "check", "rows", "undefined", "violated", "where"]]


def main(*, metrics: list[str], background: str, tables: list[str], pages: list[str]) -> None:
    """Writes five tables from the metrics tables of all set-ups and of the background baseline.

    tables, pages: <name>.tsv and <name>.html with the names that are listed below.
    """
    cases = pd.concat([read_table(path) for path in [*metrics, background]], ignore_index=True)
    ours = table2(cases)
    built = {
        "summary": summary(cases),
        "table2": percent(pd.concat([ours, published_rows()], ignore_index=True)),
        "table3": distances(pd.concat([table3(cases), published_table3()], ignore_index=True)),
        "published_check": published_check(),
        "table_checks": check_tables(ours),
    }
    write_tables(built, [*tables, *pages])


if "snakemake" in globals():
    from tumorseg.job import run

    run(main, snakemake)  # noqa: F821
