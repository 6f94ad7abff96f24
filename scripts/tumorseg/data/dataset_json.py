"""Reads dataset.json, in which nnU-Net and the Medical Segmentation Decathlon describe a data set.

nnU-Net 2 has channel_names, labels (name -> number, or a region's numbers) and file_ending; nnU-Net
1 and the Decathlon have modality, labels (number -> name) and the list training.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tumorseg.core import json_text
from tumorseg.core.problems import DataError, error, quoted

NAME = "dataset.json"
MAX_BYTES = 2**26
# Endings of image files; the first that fits a name is its ending.
ENDINGS = (
    *(".nii.gz", ".nii", ".nrrd", ".mha"),
    *(".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg"),
)


@dataclass(frozen=True)
class DatasetInfo:
    """What dataset.json says; a part that is absent or damaged is empty or None.

    Attributes:
        channels: number -> name.
        labels: name -> its numbers in the label files; background included.
        file_ending: of all images and labels.
        training: case -> names of its image and of its label, without folder and ending.
        paths: case -> paths of its images, by channel, and of its label; from `dataset`.
        case_count: numTraining.
    """

    channels: dict[int, str] = field(default_factory=dict)
    labels: dict[str, tuple[int, ...]] = field(default_factory=dict)
    file_ending: str | None = None
    training: dict[str, tuple[str, str]] | None = None
    paths: dict[str, tuple[list[Path], Path]] | None = None
    case_count: int | None = None


def read(folder: Path) -> tuple[DatasetInfo, list[DataError]]:
    """What folder/dataset.json says, and an error for each part that cannot be used."""
    path = folder / NAME
    try:
        content = _content(path)
    except DataError as missing:
        return DatasetInfo(), [missing]
    parts: dict[str, Any] = {}
    problems = []
    for part, (parse, keys, expected) in PARTS.items():
        try:
            parts[part] = parse(content)
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            value = f"{keys}: missing, or not as expected"
            hint = "correct it as nnU-Net's documentation, dataset_format.md, shows"
            problems.append(error("dataset_json", value, expected, hint, str(path)))
    if parts.get("paths") is not None:
        parts["paths"] = {
            case: ([folder / image for image in images], folder / label)
            for case, (images, label) in parts["paths"].items()
        }
    return DatasetInfo(**parts), problems


def split(name: str, ending: str | None = None) -> tuple[str, str]:
    """A file's name without ending, and its ending: `ending` or one of ENDINGS, else empty."""
    for end in (ending or "", *ENDINGS):
        if end and name.lower().endswith(end.lower()):
            return name[: -len(end)], name[-len(end) :]
    return name, ""


def without_number(name: str) -> str:
    """A name without nnU-Net's channel number, its last five characters; empty if it has none."""
    stem, line, number = name.rpartition("_")
    return stem if line and len(number) == 4 and number.isdecimal() else ""


def _content(path: Path) -> dict[str, Any]:
    expected, hint = "dataset.json of nnU-Net or the Decathlon", "copy it again, or correct it"
    try:
        size = path.stat().st_size if path.is_file() else -1
        if size < 0:
            raise error("dataset_json", "no such file", expected, hint, str(path))
        if size > MAX_BYTES:
            fault = f"a file of {size} bytes"
            raise error("dataset_json", fault, f"at most {MAX_BYTES} bytes", hint, str(path))
        content = json_text.loads(path.read_bytes())
    except OSError:
        hint = "check its permissions"
        raise error("dataset_json", "cannot be read", "a readable file", hint, str(path)) from None
    except json.JSONDecodeError as wrong:
        fault = f"not JSON from line {wrong.lineno}, column {wrong.colno}" if size else "empty"
        raise error("dataset_json", fault, expected, hint, str(path)) from None
    except json_text.RepeatedKeyError as wrong:
        fault, hint = f"the key {quoted(wrong.key)} twice in one object", "keep the right one"
        raise error("dataset_json", fault, "each key once", hint, str(path)) from None
    except (ValueError, RecursionError):
        raise error("dataset_json", "not JSON", expected, hint, str(path)) from None
    if not isinstance(content, dict):
        raise error("dataset_json", "no JSON object", expected, hint, str(path))
    return content


def _number(value: Any) -> int:
    return int(str(value))  # 1 and "1", but neither 1.5 nor true


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _channels(content: dict[str, Any]) -> dict[int, str]:
    names = content["channel_names"] if "channel_names" in content else content["modality"]
    channels = {_number(number): str(name) for number, name in names.items()}
    if sorted(channels) != list(range(len(channels))) or not channels:
        raise ValueError
    return dict(sorted(channels.items()))


def _labels(content: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    labels: dict[str, tuple[int, ...]] = {}
    for key, value in content["labels"].items():
        if key.isdecimal() and isinstance(value, str):  # as in version 1
            labels[value] = (*labels.get(value, ()), int(key))
        else:
            labels[key] = tuple(map(_number, value if isinstance(value, list) else [value]))
    if not any(any(numbers) for name, numbers in labels.items() if name != "ignore"):
        raise ValueError
    return labels


def _file_ending(content: dict[str, Any]) -> str | None:
    ending = content.get("file_ending")
    if ending is not None and not _text(ending).startswith("."):
        raise ValueError
    return ending


def _training(content: dict[str, Any]) -> dict[str, tuple[str, str]] | None:
    """A case has its label's name, or its image's where the two names differ."""
    if not content.get("training"):
        return None
    cases: dict[str, tuple[str, str]] = {}
    for item in content["training"]:
        image, label = (_name(item[key], content.get("file_ending")) for key in ("image", "label"))
        if without_number(image) == label:
            image = label
        if cases.setdefault(image, (image, label)) != (image, label):
            raise ValueError
    return cases


def _name(path: Any, ending: Any) -> str:
    return split(PurePosixPath(_text(path).replace("\\", "/")).name, ending)[0]


def _paths(content: dict[str, Any]) -> dict[str, tuple[list[str], str]] | None:
    if not content.get("dataset"):
        return None
    return {
        case: (
            [os.path.expandvars(_text(image)) for image in files["images"]],
            os.path.expandvars(_text(files["label"])),
        )
        for case, files in content["dataset"].items()
    }


def _case_count(content: dict[str, Any]) -> int | None:
    return _number(content["numTraining"]) if "numTraining" in content else None


# Part of DatasetInfo -> its reader, which raises for a damaged part; its keys; what is expected.
PARTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str, str]] = {
    "channels": (_channels, "channel_names or modality", '{"0": "T1", "1": "T2"}, numbers from 0'),
    "labels": (
        _labels,
        "labels",
        '{"background": 0, "tumour": 1, "both": [1, 2]}, or {"0": "background", "1": "tumour"}',
    ),
    "file_ending": (_file_ending, "file_ending", '".nii.gz" or another ending'),
    "training": (_training, "training", '[{"image": "./imagesTr/a.nii.gz", "label": ...}, ...]'),
    "paths": (_paths, "dataset", '{"case": {"images": [paths], "label": path}, ...}'),
    "case_count": (_case_count, "numTraining", "the number of cases"),
}
