"""Source: your own images without a table, in a folder of images and one of annotations.

An image and its annotation have the same path below their folders, apart from the suffix:
images/p1/a.png belongs to masks/p1/a.png. The annotation's name may also end in _mask, _seg or
the like, and both may be in one folder. With several channels, images/p1/a_t1ce.png and
images/p1/a_flair.png (or images/p1/a/t1ce.png and so on) belong to masks/p1/a.png.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tumorseg.core.cases import Entry, ImageFile
from tumorseg.core.names import Names, as_stored, stem
from tumorseg.core.problems import DataError, error, warning
from tumorseg.core.two_files import is_second
from tumorseg.data import source_files
from tumorseg.data.channel_names import by_channel

DICOM = (".dcm", ".dicom", ".ima")
SUFFIXES = (
    *(".nii.gz", ".nii", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".mha", ".mhd", ".nrrd"),
    *(".nhdr", ".hdr", ".img", ".mat", *DICOM),
)
Cases = list[tuple[str, tuple[Path, ...]]]  # name below the folder, images by channel
# What programs and people append to an image's name to name its annotation.
MASK_ENDING = re.compile(r"[-_. ](masks?|seg|segmentation|labels?) *$", re.IGNORECASE)


def entries(
    *,
    data_dir: str,
    images: str = "images",
    masks: str = "masks",
    patient_pattern: str | None = None,
    plane: str = "",
    form: str = "auto",
    annotation_file: str | None = None,
    channels: list[str] | None = None,
    **_: Any,
) -> Iterator[Entry | DataError]:
    """Every image below data_dir/images, by name; a DataError for each one without annotation.

    A sub-folder with DICOM files is one series, unless masks is another folder and has a sub-folder
    of the same name.
    Warnings, also yielded as DataErrors, name the files that are ignored.

    Args:
        data_dir: the folder that contains `images` and `masks`.
        images: name of the folder of images.
        masks: name of the folder of annotations.
        patient_pattern: regular expression; its first group, searched in the image's path below
            its folder, is the patient.
        plane: the plane of all pictures.
        form: the annotation format.
        annotation_file: one file that annotates all images, instead of the folder of masks.
        channels: what the names of a case's images end in, after one of - _ . / or a space.

    Raises:
        DataError: the folder has no image, or the pattern is not usable.
    """
    root = Path(data_dir).expanduser()
    pattern = source_files.pattern_of_patients(patient_pattern)
    folder, masks_folder = as_stored(root, images), as_stored(root, masks)
    for place in filter(Path.is_dir, (folder, masks_folder)):
        list(source_files.files_below(place, ""))  # refuses a folder that cannot be listed
    image_paths, ignored = _images(folder, masks_folder)
    together = folder.resolve() == masks_folder.resolve() and not annotation_file
    others: list[Path] = []
    if channels:
        cases, others = _by_channel(image_paths, folder, channels)
    else:
        alone = _without_masks(image_paths, folder) if together else image_paths
        cases = [(_name(path, folder), (path,)) for path in alone]
    if together:
        ignored = others = []  # annotations are among these
    if not cases:
        value = "no such folder" if not folder.is_dir() else "no image in this folder"
        hint = "set data_dir and source.images"
        if image_paths and channels:
            value = f"no image whose name ends in one of source.channels: {', '.join(channels)}"
            hint = "correct source.channels"
        raise error("folder_missing", value, "a folder of images", hint, str(folder))
    annotations, unused = _annotations(cases, masks_folder)
    for name, (path, *further) in cases:
        case = name.replace("/", "_")
        patient = ""
        try:
            patient = source_files.patient_of(path.relative_to(folder).as_posix(), pattern)
        except DataError as wrong:
            yield wrong.at(str(path), case=case)
        try:
            annotation = (
                as_stored(root, annotation_file)
                if annotation_file
                else _the_only(annotations.get(name, []), masks_folder / name)
            )
        except DataError as wrong:
            yield wrong.at(str(path), case=case)
            continue
        if patient:
            yield Entry(
                case=case,
                patient=patient,
                image=path,
                annotation=annotation,
                origin=str(path),
                form=form,
                plane=plane,
                key=path.relative_to(folder).as_posix(),
                further=tuple(map(ImageFile, further)),
            )
    if not annotation_file:
        expected = "an image of the same name for each annotation"
        yield from _ignored("mask_without_image", masks_folder, unused, expected)
    expected = f"files of these kinds: {' '.join(SUFFIXES)}"
    yield from _ignored("file_passed_over", folder, ignored, expected)
    expected = "names that end in one of source.channels, each channel of a case once"
    yield from _ignored("channel_unknown", folder, others, expected)


def files(
    *,
    data_dir: str,
    images: str = "images",
    masks: str = "masks",
    annotation_file: str | None = None,
    **_: Any,
) -> list[Path]:
    """Both folders as a whole, because raw data beside a header file counts as well."""
    root = Path(data_dir).expanduser()
    return [as_stored(root, images), as_stored(root, annotation_file or masks)]


def _name(path: Path, folder: Path) -> str:
    """The path below the folder, without suffix."""
    name = path.relative_to(folder).as_posix()
    return name if path.is_dir() else stem(name)


def _visible(folder: Path) -> list[Path]:
    inside = sorted(folder.rglob("*")) if folder.is_dir() else []
    return [p for p in inside if not any(part[0] == "." for part in p.relative_to(folder).parts)]


def _is_dicom(path: Path) -> bool:
    """By suffix; if that says nothing, by the prefix after the preamble (DICOM PS3.10, 7.1)."""
    if path.name.lower().endswith(SUFFIXES) and path.suffix.lower() != ".img":
        return path.name.lower().endswith(DICOM)
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _images(folder: Path, masks_folder: Path) -> tuple[list[Path], list[Path]]:
    """Image files and folders of DICOM series in the order of names, and all other files.

    An image in two files, a header and its pixels, is its header.
    """
    images: dict[Path, None] = {}
    others = []
    for path in _visible(folder):
        if not path.is_file() or is_second(path):
            continue
        if _is_dicom(path):
            inside = path.parent.relative_to(folder)
            masked = masks_folder / inside
            series = path.parent != folder and (masked == path.parent or not masked.is_dir())
            images[path.parent if series else path] = None
        elif path.name.lower().endswith(SUFFIXES):
            images[path] = None
        else:
            others.append(path)
    return list(images), others


def _ignored(code: str, folder: Path, paths: list[Path], expected: str) -> Iterator[DataError]:
    if paths:
        value = f"{len(paths)} ignored, the first is {min(paths).name}"
        hint = "ignore this if it is intended; otherwise convert or rename them"
        yield DataError(warning(code, value, expected, hint, str(folder)))


def _without_masks(paths: list[Path], folder: Path) -> list[Path]:
    """The images of a folder in which masks have the image's name and an ending: a.png, a_mask.png.

    A mask is what has such an ending and an image beside it.
    """
    names = {path: _name(path, folder) for path in paths}
    images = Names(names.values())
    shorter = {path: MASK_ENDING.sub("", name) for path, name in names.items()}
    return [p for p in paths if shorter[p] == names[p] or not images.find(shorter[p])]


def _by_channel(paths: list[Path], folder: Path, channels: list[str]) -> tuple[Cases, list[Path]]:
    """The cases, and the images of no channel; a channel that a case lacks has a path as well."""
    found, others = by_channel({path: _name(path, folder) for path in paths}, channels)
    cases = [
        (name, tuple(of_case.get(c, folder / f"{name}_{c}") for c in channels))
        for name, of_case in found.items()
    ]
    return cases, others


def _annotations(cases: Cases, masks_folder: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """A case's name -> annotation files, and the files that belong to no case.

    Without the pixels of a header file. The same name goes before a name with an ending that says
    what the file is, and a name as it is written before another form of it.
    """
    images = Names(name for name, _ in cases)
    themselves = {path for _, paths in cases for path in paths}
    as_written: dict[str, list[Path]] = {}
    alike: dict[str, list[Path]] = {}
    unused = []
    for path in _visible(masks_folder):
        if not path.is_file() or is_second(path) or {path, path.parent} & themselves:
            continue
        name = _name(path, masks_folder)
        shorter = MASK_ENDING.sub("", name)
        owners = images.find(name) or images.find(shorter)
        for owner in owners:
            found = as_written if owner in (name, shorter) else alike
            found.setdefault(owner, []).append(path)
        unused += [] if owners else [path]
    unused += [path for owner in alike.keys() & as_written.keys() for path in alike[owner]]
    return alike | as_written, unused


def _the_only(paths: list[Path], name: Path) -> Path:
    if len(paths) == 1:
        return paths[0]
    hint = "give image and annotation the same name; a case without tumour needs an empty mask"
    if not paths:
        raise error("annotation_missing", f"no annotation {name}.*", "one for each image", hint)
    names = ", ".join(path.name for path in paths)
    raise error("annotation_ambiguous", f"several annotations: {names}", "one for each image", hint)
