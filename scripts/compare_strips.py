"""Measures on every case how much tumour each skull-stripping method removes."""

import sys
from pathlib import Path

import pandas as pd

from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import case_file, read_image, read_mask
from tumorseg.core.parallel import by_processes
from tumorseg.imaging.kept_share import KEPT_SHARE
from tumorseg.imaging.skull_strip import brain_mask, mask_dice


def compare_case(
    image_path: Path, mask_path: Path, brain_path: Path | None, methods: list[str]
) -> list[dict[str, str | float]]:
    """One row per method: tumour pixels, those outside the brain mask, Dice with a known brain."""
    image, tumour = read_image(image_path), read_mask(mask_path) > 0
    true_brain = read_mask(brain_path) if brain_path else None
    rows: list[dict[str, str | float]] = []
    for method in methods:
        brain = brain_mask(image, method)
        total, lost = int(tumour.sum()), int((tumour & ~brain).sum())
        rows.append(
            {
                "method": method,
                "tumour_px": total,
                "tumour_lost_px": lost,
                "tumour_kept": 1 - lost / total if total else float("nan"),
                "true_brain_dice": mask_dice(brain, true_brain) if brain_path else float("nan"),
            }
        )
    return rows


def summary(table: pd.DataFrame, planes: pd.Series) -> list[str]:
    """One line per method: share of cases that keep KEPT_SHARE of the tumour, all and by plane."""
    measured = table.dropna(subset="tumour_kept")
    measured = measured.assign(unharmed=measured.tumour_kept >= KEPT_SHARE)
    measured["plane"] = measured.case.map(planes).to_numpy()
    lines = []
    for method, rows in measured.groupby("method", sort=False):
        by_plane = rows.groupby("plane").unharmed.mean()
        parts = ", ".join(f"{plane} {share:.1%}" for plane, share in by_plane.items())
        lines.append(
            f"{method}: {rows.unharmed.mean():.1%} of {len(rows)} cases keep {KEPT_SHARE:.0%} of "
            f"the tumour or more ({parts}); {rows.tumour_kept.mean():.1%} kept on average"
        )
    return lines


def main(
    *,
    cases_table: str,
    cases_dir: str,
    masks_table: str,
    masks_dir: str,
    strip_methods_table: str,
    methods: list[str],
    method: str,
    cores: int = 1,
) -> None:
    """Writes strip_methods_table (stripping itself never uses it); prints the harmed cases.

    Args:
        cases_table: cases.tsv.
        cases_dir, masks_dir: folders of the images and of the tumour masks.
        masks_table: masks.tsv, which gives the cases.
        strip_methods_table: one row per case and method.
        methods, method: the methods to compare; the one in use, whose harmed cases are printed.
        cores: processes that strip; the result does not depend on their number.
    """
    methods = list(dict.fromkeys([*methods, method]))
    cases = read_table(cases_table, text_columns=("true_brain",)).set_index("case")
    names = list(read_table(masks_table)["case"])
    results = Path(cases_table).parent

    def compare(case: str) -> list[dict[str, str | float]]:
        known = cases.at[case, "true_brain"]
        brain_path = results / known if isinstance(known, str) else None
        image_path, mask_path = (case_file(folder, case) for folder in (cases_dir, masks_dir))
        rows = compare_case(image_path, mask_path, brain_path, methods)
        return [{"case": case, **row} for row in rows]

    compared = by_processes(compare, ((name,) for name in names), cores)
    table = pd.DataFrame([row for rows in compared for row in rows])
    write_table(table, strip_methods_table)
    print("\n".join(summary(table, cases["plane"])))
    for row in table[(table.method == method) & (table.tumour_kept < KEPT_SHARE)].itertuples():
        lost = f"removes {row.tumour_lost_px} of {row.tumour_px} tumour pixels"
        warning = f"WARNING case {row.case}: {method} {lost} ({row.tumour_kept:.1%} kept)"
        print(warning, file=sys.stderr)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
