"""What is read of a data set with a dataset.json: its channel, and what its labels count as."""

from collections.abc import Iterable
from itertools import chain

from tumorseg.core.names import Names
from tumorseg.core.problems import DataError, error, quoted, warning

IGNORE = "ignore"  # nnU-Net's name for pixels that are left out of training and evaluation


def channels_to_read(
    channels: dict[int, str], sequence: str | int | None, several: list[str | int] | None
) -> tuple[list[int], list[DataError]]:
    """The channels of source.channels, else the one of source.sequence, and problems.

    channels: number -> name, of dataset.json. The numbers are empty where a name fits none.
    """
    numbers: list[int] = []
    problems: list[DataError] = []
    chosen: list[str | int | None] = [*several] if several else [sequence]
    for wanted in chosen:
        number, new = channel(channels, wanted)
        problems += new
        numbers += [] if number is None else [number]
    if len(set(numbers)) < len(numbers):
        value = f"source.channels names a channel twice: {_listed(map(str, several or []))}"
        problems.append(error("sequence_unknown", value, "different channels", "remove one"))
    return numbers, problems


def channel(
    channels: dict[int, str], sequence: str | int | None
) -> tuple[int | None, list[DataError]]:
    """The channel of that name or number, and problems; None where none or several fit.

    channels: number -> name. Without `sequence`, the first.
    """
    if not channels:
        return None, []  # dataset.json is damaged, which has been reported
    known = ", ".join(f"{number} ({quoted(name)})" for number, name in channels.items())
    hint = "set source.sequence to the name or number of one of them"
    if sequence is None:
        return min(channels), []
    wanted = str(sequence)
    same = Names(channels.values()).find(wanted)
    fitting = [number for number, name in channels.items() if name in same]
    if not fitting and wanted.isdecimal() and int(wanted) in channels:
        fitting = [int(wanted)]
    if len(fitting) == 1:
        return fitting[0], []
    value = f"sequence {quoted(sequence)}"
    if fitting:
        value += f", the name of {len(fitting)} channels"
        hint = "set source.sequence to the number of one of them"
    return None, [error("sequence_unknown", value, known, hint)]


def meanings(
    labels: dict[str, tuple[int, ...]], chosen: dict[str, str] | None
) -> tuple[dict[str, str], list[DataError]]:
    """Number of a label -> tumour or background, and problems.

    labels: name -> numbers, of dataset.json; a name of several numbers is a region. chosen: the
    config's `source.labels`, by name or number; where regions overlap, the smallest that contains a
    number decides. Without it, all labels but background and `ignore` are tumour.
    """
    names = {name: set(numbers) - {0} for name, numbers in labels.items()}
    ignored = names.pop(IGNORE, set())
    names = {name: numbers for name, numbers in names.items() if numbers}
    every = sorted(set(chain(*names.values())))
    problems: list[DataError] = []
    if chosen is None:
        decided = dict.fromkeys(every, "tumour")
    else:
        decided, problems = _chosen(labels, names, {str(name): to for name, to in chosen.items()})
        open_names = [name for name, numbers in names.items() if numbers - set(decided)]
        if open_names and not problems:
            value = f"label {_listed(open_names)} of dataset.json is not in source.labels"
            hint = "list each in source.labels as tumour or background"
            problems.append(error("label_unknown", value, f"each of {_listed(names)}", hint))
    if ignored and not ignored <= set(decided):
        decided |= dict.fromkeys(ignored, "background")
        problems.append(_ignored())
    return {str(number): to for number, to in sorted(decided.items())}, problems


def of_classes(
    labels: dict[str, tuple[int, ...]], classes: dict[str, list[str]], backgrounds: dict[str, str]
) -> tuple[tuple[dict[str, str], ...], list[DataError]]:
    """For each class, number of a label -> tumour (it is of the class) or background; and problems.

    labels: name -> numbers, of dataset.json. classes: name -> labels or regions, by name or number.
    backgrounds: the labels of no class -> background, likewise.
    """
    wanted = [*(label for of_class in classes.values() for label in of_class), *backgrounds]
    unknown = [n for n in dict.fromkeys(wanted) if n not in labels and not n.isdecimal()]
    if unknown:
        expected = f"labels of dataset.json: {_listed(labels)}"
        value, hint = f"classes name {_listed(unknown)}", "correct `classes` or source.labels"
        return (), [error("label_not_in_dataset", value, expected, hint)]
    numbers = {name: labels[name] if name in labels else (int(name),) for name in wanted}
    ignored, problems = set(labels.get(IGNORE, ())), []
    known = set(chain(*numbers.values()))
    every = set(chain(*labels.values())) - {0}
    if missing := every - known - ignored:
        names = [name for name, own in labels.items() if set(own) & missing]
        value = f"label {_listed(names)} of dataset.json is in no class"
        hint = "name it in a class, or as background in source.labels"
        problems.append(error("label_unknown", value, f"each of {_listed(labels)}", hint))
    if ignored - known:
        problems.append(_ignored())
    meanings = tuple(
        {
            str(n): "tumour" if n in set(chain(*(numbers[name] for name in own))) else "background"
            for n in sorted(every | known)
        }
        for own in classes.values()
    )
    return meanings, problems


def _ignored() -> DataError:
    value = f"label {IGNORE} counts as background"
    hint = "nnU-Net leaves its pixels out; here they are trained and measured as background"
    return DataError(warning("label_ignore", value, "annotated pixels", hint))


def _chosen(
    labels: dict[str, tuple[int, ...]], names: dict[str, set[int]], chosen: dict[str, str]
) -> tuple[dict[int, str], list[DataError]]:
    decided: dict[int, tuple[int, str]] = {}  # number -> size of the region that decides, meaning
    problems = []
    for name, to in chosen.items():
        if name not in labels and not name.isdecimal():
            value, hint = f"source.labels has {quoted(name)}", "correct source.labels"
            expected = f"a label of dataset.json: {_listed(names)}"
            problems.append(error("label_not_in_dataset", value, expected, hint))
            continue
        numbers = labels[name] if name in labels else (int(name),)
        for number in numbers:
            size, meaning = decided.get(number, (len(numbers), to))
            if size == len(numbers) and meaning != to:
                value = f"source.labels makes label {number} tumour and background"
                hint = "list labels or regions that do not overlap"
                problems.append(error("label_twice", value, "one meaning for each label", hint))
            if size >= len(numbers):
                decided[number] = len(numbers), to
    return {number: to for number, (_, to) in decided.items()}, problems


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(quoted, names))
