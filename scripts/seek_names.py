"""Searches all results for every identifier of the source; stops the run if one is there."""

from pathlib import Path
from typing import Any

import pandas as pd

from tumorseg.core import registry
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table, write_table
from tumorseg.data.listing import listed
from tumorseg.data.settings import SourceSettings
from tumorseg.privacy import machines, pseudonyms, source_names
from tumorseg.privacy.identifiers import Seeker
from tumorseg.privacy.local import local_only

SHOWN = 10  # hits printed; the file has all


def main(
    *,
    source: SourceSettings,
    data_dir: str,
    names: str,
    key_file: str,
    own_names: list[str],
    report_file: str,
    cases_table: str,
    local_dir: str,
    privacy_table: str,
) -> None:
    """Searches all results and logs; writes a table of what was sought and found, by kind.

    The identifiers that were found are printed and written to privacy_hits.tsv in local_dir.

    Args:
        source: the config's `source`.
        data_dir: the folder of the data.
        names: "pseudonyms" or "keep" (config key identifiers.names).
        key_file: the configured key file; may be empty.
        own_names: words of the experiment that are written on purpose.
        report_file: the report, whose folder, and the one of that name in logs/, are searched.
        cases_table: cases.tsv, whose tumour types and sites are written on purpose as well.
        local_dir: a local folder; beside it, machines/ has the names of those that ran steps.
        privacy_table: numbers of identifiers and hits by kind.

    Raises:
        UserError: an identifier was found; the message gives the file and the kind.
    """
    options: dict[str, Any] = dict(source)
    module = registry.entry("sources", options.pop("kind"))
    made = hasattr(module, "cases")  # the source makes its cases; there are no real patients
    found = listed(source, data_dir)
    files = [] if made else module.files(data_dir=data_dir, **options)
    local = local_only(local_dir)
    key = pseudonyms.key_text(key_file, local.parent)
    sought = source_names.gather(
        found.entries,
        files,
        data_dir,
        keep=names == "keep",
        key=key,
        excluded=found.excluded,
        machines=machines.noted(local.parent / "machines"),
    )
    cases = read_table(cases_table, ("tumour_type", "site"))
    words = [w for name in ("tumour_type", "site") if name in cases for w in cases[name].dropna()]
    source_names.drop_common(sought, [*own_names, *dict.fromkeys(words)])

    seeker = Seeker(sought)
    kinds = sought.sought | sought.whole_values
    hits = []
    results = Path(report_file).parent
    folders = results, results.parent.parent / "logs" / results.name
    paths = [path for folder in folders for path in sorted(folder.rglob("*"))]
    paths = [path for path in paths if path.is_file() and path != Path(privacy_table)]
    for path in paths:
        for value in sorted(seeker.in_file(path, str(path))):
            hits.append({"file": str(path), "kind": kinds[value], "identifier": value})
    table = sought.counts()
    table["files_read"] = len(paths)
    table["hits"] = [sum(hit["kind"] == kind for hit in hits) for kind in table["kind"]]
    hits_file = local / "privacy_hits.tsv"
    write_table(pd.DataFrame(hits, columns=["file", "kind", "identifier"]), hits_file)
    if hits:
        for hit in hits[:SHOWN]:
            print(f"{hit['file']}: {hit['kind']} {hit['identifier']!r}")
        raise UserError(
            f"{hits[0]['file']} contains a {hits[0]['kind']} of your data ({len(hits)} hits, "
            f"see {hits_file}); expected none in files that will be shared; do not share "
            f"{folders[0]}, and see docs/privacy.md [name_written]"
        )
    write_table(table, privacy_table)
    print(f"No names: {len(kinds)} identifiers sought in {len(paths)} files, none found")


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
