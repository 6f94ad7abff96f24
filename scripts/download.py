"""Downloads the missing archives of a public data set into data_dir."""

from pathlib import Path

import pandas as pd

from tumorseg.core import registry
from tumorseg.core.files import write_table
from tumorseg.core.problems import error
from tumorseg.data import downloads


def main(*, kind: str, data_dir: str, downloaded: str) -> None:
    """Downloads and unpacks a source's archives; writes a table of them with their SHA-256.

    kind: one of tumorseg.sources that has ARCHIVES. downloaded: the table.
    """
    if not data_dir:
        hint = "give a folder: --config data_dir=<folder>"
        raise error("data_dir_missing", "data_dir is empty", "a folder for the data set", hint)
    source = registry.entry("sources", kind)
    folder = Path(data_dir).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    have = {path.name for path in source.files(data_dir=data_dir)}
    for archive in source.ARCHIVES:
        print(f"{archive.name}, {archive.size / 1e6:.0f} MB", flush=True)
        downloads.provide(archive, folder, have)
    sums = downloads.recorded(folder)
    write_table(pd.DataFrame(list(sums.items()), columns=["file", "sha256"]), downloaded)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
