"""Reads a data source, checks every case, and stores it in the project's format in results/."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tumorseg.core.cases import Case
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_table
from tumorseg.core.parallel import by_threads
from tumorseg.core.problems import Problem, stop_on_errors
from tumorseg.data import reading
from tumorseg.data.cohort import Cohort
from tumorseg.data.listing import excluded_names
from tumorseg.data.settings import SourceSettings
from tumorseg.data.storing import store_case, summary
from tumorseg.privacy import pseudonyms
from tumorseg.privacy.kept_names import kept_problems
from tumorseg.privacy.local import local_only

NAMES = ["case", "patient", "source_case", "source_patient", "image", "annotation"]


def main(
    *,
    source: SourceSettings,
    data_dir: str,
    seed: int,
    identifiers: pseudonyms.IdentifierSettings,
    local_dir: str,
    config: dict[str, Any],
    cases_table: str,
    cases_dir: str,
    annotations_dir: str,
    true_brain_dir: str,
    trains: bool = True,
    cores: int = 1,
) -> None:
    """Writes cases.tsv, images, annotations and known brains; reads everything, then all or none.

    Args:
        source, data_dir, seed, identifiers: of the config; the seed is that of generated cases.
        local_dir: gets names.tsv, the names of each pseudonym, whose key is in its parent.
        config, trains: the number of folds; without training there are none, as outside.
        cases_table, cases_dir, annotations_dir, true_brain_dir: written, with `cores` threads.

    Raises UserError where the data has errors, or two cases get the same pseudonym.
    """
    local = local_only(local_dir)
    names = "keep" if source["kind"] == "phantom" else identifiers["names"]
    name_of = pseudonyms.namer(names, identifiers["key_file"], local.parent)
    cohort = Cohort(source.get("patients_similar") == "accept", source.get("classes", ()))
    problems: list[Problem] = []
    sources: list[tuple[str | Path | None, ...]] = []
    targets = list(map(Path, (cases_dir, annotations_dir, true_brain_dir)))
    Path(cases_table).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=Path(cases_table).parent) as folder:
        work = Path(folder)
        for target in targets:
            (work / target.name).mkdir()

        def checked_cases() -> Iterator[tuple[Case, str, str, Path]]:
            """The cases to store, as long as the data has no error."""
            valid = True
            for item in reading.read(source, data_dir, seed, cores):
                new = [*item.problems, *cohort.add(item)]
                problems.extend(new)
                valid = valid and all(problem.severity != "error" for problem in new)
                for case in item.cases if valid else []:
                    entry = item.entry.case if item.entry else case.case
                    name = name_of("case", entry) + case.case.removeprefix(entry)
                    patient = name_of("patient", case.patient)
                    files = (item.entry.image, item.entry.annotation) if item.entry else ("", "")
                    sources.append((name, patient, case.case, case.patient, *files))
                    yield case, name, patient, work

        table = pd.DataFrame(list(by_threads(store_case, checked_cases(), cores)))
        folds = config["folds"]["count"] if trains else 0
        problems += cohort.final_problems(folds, f"source {source['kind']}")
        if names == "keep":
            problems += kept_problems(str(name) for row in sources for name in row[:2])
        stop_on_errors(problems)
        if table["case"].duplicated().any():
            raise UserError("two cases have the same pseudonym; set another identifiers.key_file")
        for target in targets:
            shutil.rmtree(target, ignore_errors=True)
            (work / target.name).replace(target)
        write_table(pd.DataFrame(sources, columns=NAMES), local / "names.tsv")
        write_table(table, cases_table)
    print(summary(table, len(excluded_names(source)), cohort.left_out))


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
