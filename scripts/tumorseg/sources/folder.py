"""Source: your own images without a table, in a folder of images and one of annotations.

An image and its annotation have the same path below their folders, apart from the suffix:
images/p1/a.png belongs to masks/p1/a.png. The annotation's name may also end in _mask, _seg or
the like, and both may be in one folder.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tumorseg.core.cases import Entry
from tumorseg.core.names import comparable
from tumorseg.core.problems import DataError, error, warning
from tumorseg.core.two_files import is_second
from tumorseg.data import source_files

DICOM = (".dcm", ".dicom", ".ima")
SUFFIXES = (
    *(".nii.gz", ".nii", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".mha", ".mhd", ".nrrd"),
    *(".nhdr", ".hdr", ".img", ".mat", *DICOM),
)
# What programs and people append to an image's name to name its annotation.
MASK_ENDING = re.compile(r"[-_. ](masks?|seg|segmentation|labels?)$")


def entries(
    *,
    data_dir: str,
    images: str = "images",
    masks: str = "masks",
    patient_pattern: str | None = None,
    plane: str = "",
    form: str = "auto",
    annotation_file: str | None = None,
    **_: Any,
) -> Iterator[Entry | DataError]:
    """Every image below data_dir/images, by name; a DataError for each one without annotation.

    A sub-folder with DICOM files is one series, unless masks has a sub-folder of the same name.
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

    Raises:
        DataError: the folder has no image, or the pattern is not usable.
    """
    root = Path(data_dir).expanduser()
    pattern = source_files.pattern_of_patients(patient_pattern)
    folder, masks_folder = root / images, root / masks
    image_paths, ignored = _images(folder, masks_folder)
    if folder.resolve() == masks_folder.resolve() and not annotation_file:
        image_paths = _without_masks(image_paths, folder)
        ignored = []  # annotations are among these
    if not image_paths:
        value = "no such folder" if not folder.is_dir() else "no image in this folder"
        hint = "set data_dir and source.images"
        raise error("folder_missing", value, "a folder of images", hint, str(folder))
    annotations, unused = _annotations(image_paths, folder, masks_folder)
    for path in image_paths:
        name = _name(path, folder)
        case = name.replace("/", "_")
        patient = ""
        try:
            patient = source_files.patient_of(path.relative_to(folder).as_posix(), pattern)
        except DataError as wrong:
            yield wrong.at(str(path), case=case)
        try:
            annotation = (
                root / annotation_file
                if annotation_file
                else _the_only(annotations.get(_key(path, folder), []), masks_folder / name)
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
            )
    if not annotation_file:
        yield from _ignored("mask_without_image", masks_folder, unused)
    yield from _ignored("file_passed_over", folder, ignored)


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
    return [root / images, root / (annotation_file or masks)]


def _name(path: Path, folder: Path) -> str:
    """The path below the folder, without suffix."""
    name = path.relative_to(folder).as_posix()
    suffix = next((end for end in SUFFIXES if name.lower().endswith(end)), path.suffix)
    if path.is_dir() or suffix[1:].isdigit():  # DICOM files are often named 1.2.840.12
        return name
    return name[: len(name) - len(suffix)]


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
            series = path.parent != folder and not (masks_folder / inside).is_dir()
            images[path.parent if series else path] = None
        elif path.name.lower().endswith(SUFFIXES):
            images[path] = None
        else:
            others.append(path)
    return list(images), others


def _ignored(code: str, folder: Path, paths: list[Path]) -> Iterator[DataError]:
    if paths:
        value = f"{len(paths)} ignored, the first is {min(paths).name}"
        expected = f"files of these kinds: {' '.join(SUFFIXES)}"
        if code == "mask_without_image":
            expected = "an image of the same name for each annotation"
        hint = "ignore this if it is intended; otherwise convert or rename them"
        yield DataError(warning(code, value, expected, hint, str(folder)))


def _key(path: Path, folder: Path) -> str:
    """The path below the folder, without suffix, as names are compared."""
    return comparable(_name(path, folder))


def _without_masks(paths: list[Path], folder: Path) -> list[Path]:
    """The images of a folder in which masks have the image's name and an ending: a.png, a_mask.png.

    A mask is what has such an ending and an image beside it.
    """
    keys = {_key(path, folder) for path in paths}
    shorter = {path: MASK_ENDING.sub("", _key(path, folder)) for path in paths}
    return [p for p in paths if shorter[p] == _key(p, folder) or shorter[p] not in keys]


def _annotations(
    image_paths: list[Path], folder: Path, masks_folder: Path
) -> tuple[dict[str, list[Path]], list[Path]]:
    """Image's key -> annotation files, and the files that belong to no image.

    Without the pixels of a header file. The same name goes before a name with an ending that says
    what the file is.
    """
    images = {_key(path, folder): path for path in image_paths}
    themselves = set(image_paths)
    annotations: dict[str, list[Path]] = {}
    unused = []
    for path in _visible(masks_folder):
        if not path.is_file() or is_second(path) or path in themselves:
            continue
        key = _key(path, masks_folder)
        shorter = MASK_ENDING.sub("", key)
        if key in images or shorter in images:
            annotations.setdefault(key if key in images else shorter, []).append(path)
        else:
            unused.append(path)
    return annotations, unused


def _the_only(paths: list[Path], name: Path) -> Path:
    if len(paths) == 1:
        return paths[0]
    hint = "give image and annotation the same name; a case without tumour needs an empty mask"
    if not paths:
        raise error("annotation_missing", f"no annotation {name}.*", "one for each image", hint)
    names = ", ".join(path.name for path in paths)
    raise error("annotation_ambiguous", f"several annotations: {names}", "one for each image", hint)
