"""Lists what a data source names: valid entries, those with faults, and those taken out."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from tumorseg.core import registry
from tumorseg.core.cases import Entry
from tumorseg.core.errors import UserError
from tumorseg.core.names import Names, comparable
from tumorseg.core.problems import DataError, Problem, error
from tumorseg.data import entry_checks
from tumorseg.data.settings import SourceSettings


class Listing(NamedTuple):
    """What a source names; nothing has been read.

    Attributes:
        entries: the valid entries, by case name.
        faulty: the others, each with its errors.
        excluded: the entries that source.exclude takes out; nothing is wrong with them, or the user
            does not want to know.
        problems: all others: of the list as a whole, and of cases that are not even an entry.
    """

    entries: list[Entry]
    faulty: list[tuple[Entry, list[Problem]]]
    excluded: list[Entry]
    problems: list[Problem]


def module_and_options(source: SourceSettings) -> tuple[ModuleType, dict[str, Any]]:
    """The source's module, and the config's `source` without kind."""
    options: dict[str, Any] = dict(source)
    return registry.entry("sources", options.pop("kind")), options


def excluded_names(source: SourceSettings) -> list[str]:
    """The names in source.exclude, each once."""
    return list(dict.fromkeys(str(name) for name in source.get("exclude", [])))


def taken_out(source: SourceSettings, cases: Iterable[str]) -> tuple[set[str], list[Problem]]:
    """The cases that source.exclude takes out, and an error for each name that is no single case.

    cases: the names of all cases.
    """
    cases = list(cases)
    known = Names(cases)
    found = {name: known.find(name) for name in excluded_names(source)}
    out = {same[0] for same in found.values() if len(same) == 1}
    unclear = {name: same for name, same in found.items() if len(same) != 1}
    return out, entry_checks.unclear_names(unclear, cases)


def listed(source: SourceSettings, data_dir: str) -> Listing:
    """What a source names; reads no image. A source that makes its cases (phantom) has no entries.

    Bad data raises nothing.
    """
    module, options = module_and_options(source)
    found = Listing([], [], [], [])
    if hasattr(module, "cases"):
        return found
    folder = Path(data_dir).expanduser().resolve()
    items, stop = _items(module, data_dir, options)
    cases = [name for name in map(_case_of, items) if name]
    out, wrong = taken_out(source, cases)
    first_of_name: dict[str, Entry] = {}
    for item in items:
        if isinstance(item, DataError):
            found.problems.extend([item.problem] if _case_of(item) not in out else [])
            continue
        if item.case in out:
            found.excluded.append(item)
            continue
        new = list(item.faults)
        codes = {fault.code for fault in new}
        new += [
            problem
            for problem in entry_checks.entry_problems(item, folder)
            if problem.code not in codes
        ]
        first = first_of_name.setdefault(comparable(item.case), item)
        if first is not item:
            new.append(entry_checks.repeated_case(item, first))
        if new:
            placed = [problem.at(item.origin, item.row, item.case) for problem in new]
            found.faulty.append((item, placed))
        else:
            found.entries.append(item)
    if stop:
        return Listing([], [], [], [*found.problems, problem_of(stop)])
    found.entries.sort(key=lambda entry: entry.case)
    if not cases and not found.problems:
        hint = "see docs/own-data.md"
        found.problems.append(Problem("source_empty", "no case", "at least one", hint, data_dir))
    found.problems.extend(wrong)
    everyone = [*found.entries, *(entry for entry, _ in found.faulty)]
    everyone.sort(key=lambda entry: entry.row)  # stable: a table's order, else by name
    found.entries[:] = _with_neighbours(found.entries, [*everyone, *found.excluded])
    accepted = source.get("patients_similar") == "accept"
    found.problems.extend(entry_checks.similar_patients(everyone, accepted))
    found.problems.extend(entry_checks.similar_groups(everyone))
    return found


def _items(
    module: ModuleType, data_dir: str, options: dict[str, Any]
) -> tuple[list[Entry | DataError], UserError | None]:
    """What a source lists, and the error that ended the list before its end."""
    items: list[Entry | DataError] = []
    try:
        for item in module.entries(data_dir=data_dir, **options):
            items.append(item)
    except UserError as stop:
        return items, stop
    except OSError as wrong:
        value = f"the folder cannot be read ({wrong.strerror or 'input/output error'})"
        hint = "check its permissions"
        return items, error("folder_unreadable", value, "a readable folder", hint, wrong.filename)
    return items, None


def _case_of(item: Entry | DataError) -> str:
    return item.problem.case if isinstance(item, DataError) else item.case


def _with_neighbours(entries: list[Entry], everyone: list[Entry]) -> list[Entry]:
    """The entries, each with the keys of all that have the same annotation file."""
    keys: dict[Path | None, set[str]] = {}
    for entry in everyone:
        keys.setdefault(entry.annotation, set()).add(entry.key or entry.image.name)
    among = {path: frozenset(names) for path, names in keys.items()}
    return [replace(entry, among=among[entry.annotation]) for entry in entries]


def problem_of(stop: UserError) -> Problem:
    """The problem of an error that stopped a reader."""
    if isinstance(stop, DataError):
        return stop.problem
    return Problem("unreadable", str(stop), "readable data", "see docs/own-data.md")
