"""Strips every case with one method; writes brain masks, stripped images and a table."""

import sys
from pathlib import Path

import pandas as pd

from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import (
    affine_of,
    case_file,
    of_channel,
    read_image,
    read_mask,
    write_case,
    write_case_mask,
)
from tumorseg.core.parallel import by_processes
from tumorseg.imaging.skull_strip import brain_mask, mask_dice, size_warning, strip


def main(
    *,
    cases_table: str,
    cases_dir: str,
    strip_table: str,
    brain_dir: str,
    stripped_dir: str,
    method: str,
    channels: int = 1,
    cores: int = 1,
) -> None:
    """Writes <brain_dir>/<case>.png, <stripped_dir>/<case>.png and strip_table.

    Does not read annotations. Known brains are only compared with the result.

    Args:
        cases_table: cases.tsv; column true_brain is relative to its folder.
        cases_dir: folder of the images.
        strip_table: one row per case, with a warning where the brain's size is implausible.
        brain_dir: folder of the brain masks.
        stripped_dir: folder of the stripped images.
        method: one of imaging.skull_strip.METHODS; the brain is that of the first channel.
        channels: how many images each case has.
        cores: processes that strip; the result does not depend on their number.
    """
    cases = read_table(cases_table, text_columns=("true_brain",))
    results = Path(cases_table).parent
    positions = range(1, channels + 1)
    for folder in (Path(brain_dir), *(of_channel(stripped_dir, n) for n in positions)):
        folder.mkdir(parents=True, exist_ok=True)

    def strip_case(case: str, true_brain: str | float) -> dict[str, str | float | None]:
        path = case_file(cases_dir, case)
        image, affine = read_image(path), affine_of(path)
        brain = brain_mask(image, method)
        write_case_mask(brain_dir, case, brain, affine)
        for n in positions:
            source = path if n == 1 else case_file(of_channel(cases_dir, n), case)
            pixels = image if n == 1 else read_image(source)
            write_case(of_channel(stripped_dir, n), case, strip(pixels, brain), affine)
        dice = float("nan")
        if isinstance(true_brain, str):
            dice = mask_dice(brain, read_mask(results / true_brain))
        return {
            "case": case,
            "method": method,
            "brain_px": int(brain.sum()),
            "brain_fraction": float(brain.mean()),
            "true_brain_dice": dice,
            "warning": size_warning(brain, method),
        }

    items = zip(cases["case"], cases["true_brain"], strict=True)
    table = pd.DataFrame(list(by_processes(strip_case, items, cores)))
    write_table(table, strip_table)
    for row in table.dropna(subset="warning").itertuples():
        print(f"WARNING case {row.case}: {row.warning} (method {method})", file=sys.stderr)
    print(f"skull stripping by {method}: {len(table)} cases, {table.warning.count()} warnings")


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
