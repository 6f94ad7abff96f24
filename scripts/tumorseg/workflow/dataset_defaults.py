"""What the config does not say of a data set with a dataset.json, and the data set does.

nnU-Net's users and the Decathlon's have named channels, labels and regions there; they write none
of it again.
"""

import re
from typing import Any

from tumorseg.core.errors import UserError
from tumorseg.core.names import comparable
from tumorseg.core.problems import DataError
from tumorseg.data import dataset_choices, dataset_files, dataset_json, source_files

MOST_CLASSES = 32  # as in config.schema.yaml


def fill(config: dict[str, Any]) -> None:
    """Sets source.channels, classes, overlapping and primary_class as dataset.json says.

    Nothing is set that the config says itself: `source.sequence` or `source.channels` choose
    channels, `classes` or `source.labels` what is segmented. Where dataset.json cannot be read
    nothing is set either: the check and the import say why.

    Raises UserError for more labels than there can be classes.
    """
    source = config["source"]
    if source["kind"] != "nnunet":
        return
    try:
        folder = dataset_files.data_set_in(source_files.data_folder(config["data_dir"]))
    except DataError:
        return
    about, _ = dataset_json.read(folder)
    if not ("sequence" in source or "channels" in source) and len(about.channels) > 1:
        source["channels"] = channels_of(about.channels)
    if config.get("classes") or "labels" in source:
        return
    classes = classes_of(about.labels)
    if len(classes) > MOST_CLASSES:
        raise UserError(
            f"config: classes: {folder / dataset_json.NAME} has {len(classes)} labels, and there "
            f"can be {MOST_CLASSES} classes; name those to segment under classes, and the others "
            "as background under source.labels"
        )
    if len(classes) > 1:
        config["classes"] = classes
        numbers = [number for own in classes.values() for number in own]
        config["overlapping"] |= len(set(numbers)) < len(numbers)  # true may be the config's own
        config["primary_class"] = config["primary_class"] or "mean"


def channels_of(channels: dict[int, str]) -> list[str]:
    """All channels by their names, or by their numbers where names are not clear.

    channels: number -> name, of dataset.json. nnU-Net's names say how to normalise, so that several
    may have the same.
    """
    names = list(channels.values())
    clear = len({comparable(name) for name in names} - {""}) == len(names)
    return names if clear else list(map(str, channels))


def classes_of(labels: dict[str, tuple[int, ...]]) -> dict[str, list[str]]:
    """Each label or region as a class: name -> its numbers.

    labels: name -> numbers, of dataset.json. Background and `ignore` are no classes. What a name of
    a class may not have becomes a hyphen.
    """
    classes: dict[str, list[str]] = {}
    for name, numbers in labels.items():
        own = sorted(set(numbers) - {0})
        if own and name != dataset_choices.IGNORE:
            short = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_") or "class"
            while short == "mean" or short in classes:
                short += "-" + "-".join(map(str, own))
            classes[short] = list(map(str, own))
    return classes
