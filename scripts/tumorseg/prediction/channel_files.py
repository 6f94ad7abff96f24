"""Finds and reads the files of an image that has several channels (sequences)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tumorseg.core.cases import ImageFile
from tumorseg.core.names import stem
from tumorseg.core.problems import DataError, error
from tumorseg.data import dataset_json
from tumorseg.data.channel_names import by_channel
from tumorseg.imaging import channels, scans
from tumorseg.imaging.scans import Scan
from tumorseg.prediction.model_channels import Channels

VOLUMES = (".nii.gz", ".nii", ".nrrd", ".mha")
MOST_CHANNELS = 8  # a longer row of numbers counts images, not channels
Files = tuple[ImageFile, ...]


def in_one_file(path: Path, wanted: Channels) -> Files:
    """The channels as parts of one file: colours of a picture, volumes along a fourth axis.

    Empty for a model of one channel.
    """
    if not wanted.names:
        return ()
    return tuple(ImageFile(path, place) for place in wanted.places)


def cases_of(
    paths: list[Path], folder: Path, wanted: Channels, left_out: Counter[str]
) -> dict[Path, Files]:
    """Files of one image each, by the path that names the image; empty for a model of one channel.

    One image is several files whose names end in nnU-Net's channel numbers (case_0000.nii.gz) or in
    names of channels (case_t1ce.nii.gz, case/t1ce.nii.gz). A channel that is missing has a path all
    the same. Any other file must hold all channels. Of a model of one channel, files of other
    channels are left out and counted.
    """
    found: dict[Path, Files] = {}
    grouped: set[Path] = set()
    for case, files in _numbered(paths, wanted).items():
        grouped.update(files.values())
        example = files[min(files)]
        ending = example.name[len(case.name) + 5 :]
        missing = (case.with_name(f"{case.name}_{n:04d}{ending}") for n in wanted.places)
        chosen = [files.get(n, path) for n, path in zip(wanted.places, missing, strict=True)]
        found[case if wanted.names else chosen[0]] = tuple(map(ImageFile, chosen))
        left_out["other channel"] += len(set(files.values()) - set(chosen))
    rest = [path for path in paths if path not in grouped]
    if not wanted.names:
        return {path: () for path in [*rest, *found]}
    names = {path: _name(path, folder) for path in rest}
    by_case, alone = by_channel(names, wanted.names)
    for name, of_case in by_case.items():
        if folder / name in found:
            value, expected = "files with numbers and with names of channels", "one of both"
            hint = "remove those that are not of this image"
            raise error("channels_several", value, expected, hint, str(folder / name))
        ending = dataset_json.split(next(iter(of_case.values())).name)[1]
        chosen = [of_case.get(n, folder / f"{name}_{n}{ending}") for n in wanted.names]
        found[folder / name] = tuple(map(ImageFile, chosen))
    return found | {path: in_one_file(path, wanted) for path in alone}


def _name(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).as_posix()
    return name if path.is_dir() else stem(name)


def _numbered(paths: Iterable[Path], wanted: Channels) -> dict[Path, dict[int, Path]]:
    """The images whose channels are files numbered from 0: path without number -> number -> file.

    Pictures count only for a model of several channels: for others they are slices. Raises
    DataError where it is not clear which of the files are the model's.
    """
    endings = dataset_json.ENDINGS if wanted.names else VOLUMES
    cases: dict[Path, dict[int, Path]] = {}
    for path in paths:
        name, ending = dataset_json.split(path.name)
        if ending.lower() in endings and (case := dataset_json.without_number(name)):
            cases.setdefault(path.with_name(case), {})[int(name[-4:])] = path
    least = 1 if wanted.names else 0  # one file alone may hold all channels
    found = {}
    for place, files in cases.items():
        row = sorted(files) == list(range(len(files))) and 1 < len(files) <= MOST_CHANNELS
        if not row and not (least and max(files) in range(least, max(wanted.places) + 1)):
            continue
        if (not wanted.names and not set(wanted.numbers) <= set(files)) or not wanted.places:
            raise _unclear(files, wanted)
        if not wanted.numbers and len(files) > len(wanted.names):
            raise _unclear(files, wanted)
        found[place] = files
    return found


def _unclear(files: dict[int, Path], wanted: Channels) -> DataError:
    value = f"{len(files)} files that are named as the channels of one image"
    if wanted.names:
        expected = f"{len(wanted.names)}, in this order: {wanted.listed()}"
    elif wanted.numbers:
        expected = f"channel {wanted.numbers[0]}, on which the model was trained, among them"
    else:
        expected = "one volume for each image, because the model was trained on one"
    hint = "put the files of the model into a folder of their own, or list them in a table"
    file = f"{files[min(files)].name} to {files[max(files)].name}"
    return error("channels_several", value, expected, hint, file)


def read(files: Files, wanted: Channels) -> tuple[Scan, list[Scan]]:
    """The first channel and the others on its grid; the first has the notes of all.

    Raises DataError that names a channel which is missing, and for one that cannot be used.
    """
    for name, file in zip(wanted.names, files, strict=True):
        if file.inner is None and not file.path.exists():
            expected = f"one file for each of {wanted.listed()}"
            raise error("channel_missing", f"no {name}: no {file.path.name}", expected, "add it")
    try:
        first = scans.read(files[0].path, files[0].inner)
        if files[0].inner is not None and not wanted.numbers:
            _check_number(files[0].path, wanted)
        pairs = list(zip(files, wanted.names, strict=True))[1:]
        others = [_placed(file, first, name) for file, name in pairs]
    except DataError as lacking:
        if lacking.problem.code != "channel_missing" or files[0].inner is None:
            raise
        value, expected = lacking.problem.value, f"all channels in it: {wanted.listed()}"
        hint = "name files as case_0000, case_0001, ..., or list the channels in a table's columns"
        raise error("channel_missing", value, expected, hint) from None
    notes = dict.fromkeys(note for scan in (first, *others) for note in scan.notes)
    return replace(first, notes=tuple(notes)), others


def _check_number(path: Path, wanted: Channels) -> None:
    """Raises DataError where the file holds more channels than the model has."""
    count = len(wanted.names)
    try:
        scans.read(path, count)
    except DataError as lacking:
        if lacking.problem.code == "channel_missing":
            return
        raise
    expected = f"{count}, in this order: {wanted.listed()}"
    hint = "save the channels that the model needs"
    raise error("channels_several", f"more than {count} channels in the file", expected, hint)


def _placed(file: ImageFile, first: Scan, name: str) -> Scan:
    """A further channel; its notes say which it is, where it is a file by itself."""
    try:
        scan = channels.read(file, first)
    except DataError as wrong:
        if file.inner is not None:
            raise
        problem = wrong.problem
        raise DataError(replace(problem, value=f"{name}: {problem.value}")) from None
    if file.inner is not None:
        return scan
    notes = (replace(note, value=f"{name}: {note.value}") for note in scan.notes)
    return replace(scan, notes=tuple(notes))
