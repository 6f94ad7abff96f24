"""Finds the files of each case of a data set that has a dataset.json.

nnU-Net: imagesTr/<case>_<channel>.<ending>, four digits for the channel, and labelsTr/<case> with
the same ending. The Decathlon: no channel in the names; several are the fourth axis of a volume.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tumorseg.core.cases import ImageFile
from tumorseg.core.problems import DataError, error, warning
from tumorseg.data import dataset_json
from tumorseg.data.dataset_json import DatasetInfo, without_number

IMAGES, LABELS = "imagesTr", "labelsTr"
LAYOUT = "imagesTr/, labelsTr/ and dataset.json, in data_dir or at most two folders below it"
NIFTI = (".nii.gz", ".nii")  # count as one ending: some mirrors decompress the files
COLOURS = (".png", ".tif", ".tiff")  # with nnU-Net, three channels may be one colour picture


class CaseFiles(NamedTuple):
    """The files of a case, whether they exist or not; images: of the channels that are read."""

    case: str
    images: tuple[ImageFile, ...]
    label: Path


class Folder(NamedTuple):
    """The image files of a folder, by name without ending; and those with another ending."""

    path: Path
    ending: str
    files: dict[str, Path]
    ignored: list[Path]

    def file(self, name: str) -> Path:
        """The file of this name, whether it exists or not."""
        return self.files.get(name, self.path / (name + self.ending))


def data_set_in(root: Path) -> Path:
    """The folder of the data set: root, or the only one up to two folders below it.

    Raises DataError where there is none, or several.
    """
    for depth in ("", "*/", "*/*/"):
        places = {
            path.parent
            for name in (IMAGES, LABELS, dataset_json.NAME)
            for path in root.glob(depth + name)
            if not any(
                part[0] == "." or part == "__MACOSX" for part in path.relative_to(root).parts
            )
        }
        if len(places) > 1:
            names = ", ".join(sorted(place.name for place in places)[:8])
            value = f"{len(places)} data sets: {names}{', ...' if len(places) > 8 else ''}"
            raise error("source_several", value, "one", "set data_dir to one of them", str(root))
        if places:
            return places.pop()
    hint = "see docs/sources.md for the layout, and check data_dir"
    raise error("source_empty", "no case of this data set", LAYOUT, hint, str(root))


def case_files(
    folder: Path, info: DatasetInfo, channels: list[int]
) -> Iterator[CaseFiles | DataError]:
    """The files of every case by case name, and what is wrong with the folders.

    channels: the numbers of those to read.
    """
    if info.paths is not None:
        yield from _by_paths(folder, info, channels)
        return
    missing = [name for name in (IMAGES, LABELS) if not (folder / name).is_dir()]
    for name in missing:
        hint = "copy the data set again, or correct data_dir"
        yield error("folder_missing", f"no folder {name}", LAYOUT, hint, str(folder))
    if missing:
        return
    images, masks = (_folder(folder / name, info.file_ending) for name in (IMAGES, LABELS))
    cases = dict(info.training or {name: (name, name) for name in masks.files})
    numbered = _is_numbered(images, {image for image, _ in cases.values()} | set(masks.files))
    bases = {name: without_number(name) if numbered else name for name in images.files}
    if info.training:
        yield from _not_listed(images, bases, masks, cases)
    else:
        cases |= {name: (name, name) for name in filter(None, bases.values())}
    yield from _count(info, len(cases), folder)
    # nnU-Net lets the three channels of a colour picture be one file.
    colour = numbered and len(info.channels) == 3 and images.ending.lower() in COLOURS
    colour = colour and all(name.endswith("_0000") for name, base in bases.items() if base)
    yield from _endings((images, masks), info.file_ending)
    if numbered and info.channels:
        yield from _channels(images, bases, cases, info, channels, colour)
    together = len(info.channels) > 1 and (colour or not numbered)
    for case, (image, label) in sorted(cases.items()):
        found = []
        for channel in channels:
            name = f"{image}_{0 if colour else channel:04d}" if numbered else image
            found.append(ImageFile(images.file(name), channel if together else None, channel))
        yield CaseFiles(case, tuple(found), masks.file(label))


def _by_paths(
    folder: Path, info: DatasetInfo, channels: list[int]
) -> Iterator[CaseFiles | DataError]:
    assert info.paths is not None
    yield from _count(info, len(info.paths), folder)
    for case, (images, label) in sorted(info.paths.items()):
        colour = len(images) == 1 and len(info.channels) == 3
        last = max(channels)
        if colour or last < len(images):
            found = (
                ImageFile(images[0], c, c) if colour else ImageFile(images[c], None, c)
                for c in channels
            )
            yield CaseFiles(case, tuple(found), label)
            continue
        value, expected = f"case {case} has {len(images)} images", f"channel {last} as well"
        hint = "add the image to `dataset` in dataset.json, or remove the case"
        missed = error("image_missing", value, expected, hint)
        yield missed.at(str(folder / dataset_json.NAME), case=case)


def _folder(path: Path, ending: str | None) -> Folder:
    """The files with the given ending, or where there is none with the most frequent one."""
    names = [
        (*dataset_json.split(file.name, ending), file)
        for file in sorted(path.iterdir())
        if file.name[0] not in ".~" and file.is_file()
    ]
    endings = Counter(end.lower() for _, end, _ in names if end)
    wanted = (ending or NIFTI[0]).lower()
    if endings and wanted not in endings:
        wanted = endings.most_common(1)[0][0]
    taken = (wanted, *NIFTI) if wanted in NIFTI else (wanted,)
    files: dict[str, Path] = {}
    for end in dict.fromkeys(taken):
        for name, own, file in names:
            if own.lower() == end:
                files.setdefault(name, file)
    ignored = [file for _, end, file in names if end and end.lower() not in taken]
    return Folder(path, wanted, files, ignored)


def _is_numbered(images: Folder, cases: set[str]) -> bool:
    """Whether the images' names end in channel numbers, as with nnU-Net.

    A case may itself end in four digits: what fits more of the cases is right.
    """
    bases = {name: without_number(name) for name in images.files}
    with_number = sum(base in cases for base in bases.values())
    without = sum(name in cases for name in bases)
    return with_number > without or (with_number == without and all(bases.values()))


def _not_listed(
    images: Folder, bases: dict[str, str], masks: Folder, cases: dict[str, tuple[str, str]]
) -> Iterator[DataError]:
    """Warnings of files of which `training` lists no case; they are left out."""
    files = {base: images.files[name] for name, base in bases.items() if base}
    with_image = set(files) - {image for image, _ in cases.values()}
    with_label = set(masks.files) - {label for _, label in cases.values()}
    expected = "every case in `training` of dataset.json"
    for name in sorted(with_image ^ with_label):
        lacking = "annotation" if name in with_image else "image"
        value = f"case {name}, which dataset.json does not list, has no {lacking}"
        hint = "it is left out; add what is missing and list it, or remove the file"
        file = files[name] if name in with_image else masks.files[name]
        yield DataError(warning("case_incomplete", value, expected, hint, str(file)))
    if both := sorted(with_image & with_label):
        value = f"cases that dataset.json does not list: {len(both)}, the first is {both[0]}"
        hint = "they are left out; list them, or remove `training`: then all are read"
        yield DataError(warning("case_not_listed", value, expected, hint, str(images.path)))


def _count(info: DatasetInfo, count: int, folder: Path) -> Iterator[DataError]:
    if info.case_count not in (None, count):
        value = f"numTraining is {info.case_count}, but there are {count} cases"
        hint = "look for cases that were not copied, or correct numTraining"
        path = str(folder / dataset_json.NAME)
        yield DataError(warning("case_count", value, "the number of cases", hint, path))
    if not count:
        raise error(
            "source_empty", "no case of this data set", LAYOUT, "copy it again", str(folder)
        )


def _endings(folders: tuple[Folder, ...], stated: str | None) -> Iterator[DataError]:
    for folder in folders:
        if stated and folder.files and folder.ending != stated.lower():
            value = f"no file ends in {stated}, which is file_ending of dataset.json"
            hint = f"files that end in {folder.ending} are read; correct file_ending"
            yield DataError(warning("file_ending", value, f"*{stated}", hint, str(folder.path)))
        if folder.ignored:
            value = f"{len(folder.ignored)} ignored, the first is {folder.ignored[0].name}"
            expected = f"files that end in {folder.ending}"
            hint = "ignore this if it is intended; otherwise convert them"
            yield DataError(warning("file_passed_over", value, expected, hint, str(folder.path)))


def _channels(
    images: Folder,
    bases: dict[str, str],
    cases: dict,
    info: DatasetInfo,
    read: list[int],
    colour: bool,
) -> Iterator[DataError]:
    """Warnings of files without a channel of dataset.json, and of channels that are not read."""
    numbers = [0] if colour else list(info.channels)
    odd = [name for name, base in bases.items() if not base or int(name[-4:]) not in numbers]
    if odd:
        value = f"{len(odd)} ignored, the first is {images.file(odd[0]).name}"
        expected = f"names that end in _0000 to _{numbers[-1]:04d}, the channels of dataset.json"
        hint = "rename them, or name their channel in dataset.json"
        yield DataError(warning("file_passed_over", value, expected, hint, str(images.path)))
    for number in [] if colour else sorted(set(numbers) - set(read)):
        lacking = [
            image
            for image, _ in cases.values()
            if f"{image}_{number:04d}" not in images.files
            and f"{image}_{read[0]:04d}" in images.files
        ]
        if lacking:
            value = f"cases without channel {number}: {len(lacking)}, the first is {lacking[0]}"
            hint = f"ignore this: channel {read[0]} is read; nnU-Net itself would stop"
            expected = "every channel of every case"
            yield DataError(warning("channel_missing", value, expected, hint, str(images.path)))
