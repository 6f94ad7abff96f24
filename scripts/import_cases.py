"""Reads a data source, checks every case, and stores it in the house's form under results/."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from tumorseg.core.cases import PLANES
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_table
from tumorseg.core.problems import Problem, stop_on_errors
from tumorseg.data import reading
from tumorseg.data.cohort import Cohort
from tumorseg.data.storing import stored
from tumorseg.privacy import pseudonyms
from tumorseg.privacy.local import local_only


def main(
    *,
    source: dict[str, Any],
    data_dir: str,
    seed: int,
    identifiers: dict[str, str],
    local_dir: str,
    config: dict[str, Any],
    cases_table: str,
    cases_dir: str,
    annotations_dir: str,
    true_brain_dir: str,
    cores: int = 1,
) -> None:
    """Writes cases.tsv, cases/<case>.png, annotations/<case>.* and known brains, if there are any.

    source: `kind` (one of tumorseg.sources) and its options. identifiers: names, key_file.
    local_dir gets names.tsv: which image each pseudonym stands for. config: only whether there are
    patients enough for its folds. Everything is read before a problem stops the run, and nothing is
    in its place before all is.
    """
    local = local_only(local_dir)
    names = "keep" if source["kind"] == "phantom" else identifiers["names"]
    called = pseudonyms.namer(names, identifiers["key_file"], local.parent)
    problems: list[Problem] = []
    lines, given, cohort, good = [], [], Cohort(), True
    targets = [Path(folder) for folder in (cases_dir, annotations_dir, true_brain_dir)]
    Path(cases_table).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=Path(cases_table).parent) as folder:
        work = Path(folder)
        for target in targets:
            (work / target.name).mkdir()
        for item in reading.read(source, data_dir, seed, cores):
            new = [*item.problems, *cohort.add(item)]
            problems += new
            good = good and all(problem.severity != "error" for problem in new)
            for case in item.cases if good else []:
                entry = item.entry.case if item.entry else case.case
                name = called("case", entry) + case.case.removeprefix(entry)
                patient = called("patient", case.patient)
                lines.append(stored(case, name, patient, work))
                image = item.entry.image if item.entry else ""
                drawn = item.entry.annotation if item.entry else ""
                given.append((name, patient, case.case, case.patient, image, drawn))
        problems += cohort.whole(config["folds"]["count"], f"source {source['kind']}")
        stop_on_errors(problems)
        table = pd.DataFrame(lines)
        if table["case"].duplicated().any():
            raise UserError("two cases have one pseudonym: use another key (identifiers.key_file)")
        for target in targets:
            shutil.rmtree(target, ignore_errors=True)
            (work / target.name).replace(target)
        columns = ["case", "patient", "source_case", "source_patient", "image", "annotation"]
        write_table(pd.DataFrame(given, columns=columns), local / "names.tsv")
        write_table(table, cases_table)
    print(
        f"imported {len(table)} cases of {table['patient'].nunique()} patients: "
        + ", ".join(f"{(table['plane'] == plane).sum()} {plane}" for plane in PLANES)
    )


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
