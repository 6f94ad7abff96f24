"""What the labels of an annotation count as for each of the configured classes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from tumorseg.core.cases import Case, Drawn


def class_meanings(
    classes: Mapping[str, Iterable[str]], backgrounds: Mapping[str, str]
) -> list[dict[str, str]]:
    """For each class, what each label counts as: tumour if it is of the class, else background.

    classes: name -> labels; backgrounds: labels of no class -> background.

    >>> class_meanings({"whole": ["1", "4"], "core": ["4"]}, {"2": "background"})[1]
    {'1': 'background', '4': 'tumour', '2': 'background'}
    """
    every = dict.fromkeys(label for labels in classes.values() for label in labels)
    return [
        {label: "tumour" if label in set(labels) else "background" for label in every}
        | dict(backgrounds)
        for labels in classes.values()
    ]


def with_classes(case: Case, classes: Mapping[str, Iterable[str]]) -> Case:
    """A case that a source makes, with a mask for each class; unchanged without classes."""
    if not classes or case.labels is None:
        return case
    numbers = ([int(label) for label in labels] for labels in classes.values())
    masks = [np.isin(case.labels, own).astype(np.uint8) for own in numbers]
    others = tuple(Drawn(None, mask) for mask in masks[1:])
    return replace(case, parts=None, mask=masks[0], other_classes=others)
