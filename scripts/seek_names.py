"""Proves that nobody's name was written: seeks every identifier of the source in all results."""

from pathlib import Path
from typing import Any

import pandas as pd

from tumorseg.core import registry
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table, write_table
from tumorseg.data.reading import listed
from tumorseg.privacy import pseudonyms, source_names
from tumorseg.privacy.identifiers import Seeker
from tumorseg.privacy.local import local_only

SHOWN = 10  # hits on the terminal; all are in a file


def main(
    *,
    source: dict[str, Any],
    data_dir: str,
    names: str,
    key_file: str,
    own_names: list[str],
    cases_table: str,
    folders: list[str],
    local_dir: str,
    privacy_table: str,
) -> None:
    """Reads everything under `folders`; writes what was sought, by kind, and how often found.

    names: pseudonyms or keep. own_names: words of the experiment that are written on purpose. A
    hit stops the run: the message names file and kind; the identifiers themselves are printed, and
    written to privacy_hits.tsv in local_dir, which stays here.
    """
    options = dict(source)
    module = registry.entry("sources", options.pop("kind"))
    made = hasattr(module, "cases")  # by the software itself: there is nobody to name
    entries, _ = listed(source, data_dir)
    files = [] if made else module.files(data_dir=data_dir, **options)
    local = local_only(local_dir)
    key = pseudonyms.secret(names, key_file, local.parent)
    found = source_names.gather(entries, files, data_dir, keep=names == "keep", key=key)
    types = read_table(cases_table, ("tumour_type",))["tumour_type"].dropna().unique()
    source_names.drop_common(found, [*own_names, *types])

    seeker = Seeker(found)
    kinds = found.sought | found.whole
    hits = []
    paths = [path for folder in folders for path in sorted(Path(folder).rglob("*"))]
    paths = [path for path in paths if path.is_file() and path != Path(privacy_table)]
    for path in paths:
        for value in sorted(seeker.in_file(path, str(path))):
            hits.append({"file": str(path), "kind": kinds[value], "identifier": value})
    table = found.counts()
    table["files_read"] = len(paths)
    table["hits"] = [sum(hit["kind"] == kind for hit in hits) for kind in table["kind"]]
    hits_file = local / "privacy_hits.tsv"
    write_table(pd.DataFrame(hits, columns=["file", "kind", "identifier"]), hits_file)
    if hits:
        for hit in hits[:SHOWN]:
            print(f"{hit['file']}: {hit['kind']} {hit['identifier']!r}")
        raise UserError(
            f"{hits[0]['file']} holds a {hits[0]['kind']} of your data ({len(hits)} such hits, "
            f"all in {hits_file}); expected none in what is shown to others; do not share "
            f"{folders[0]}; docs/privacy.md says what to do [name_written]"
        )
    write_table(table, privacy_table)
    sought = len(found.sought) + len(found.whole)
    print(f"Nobody's name: {sought} identifiers sought in {len(paths)} files, none found")


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
