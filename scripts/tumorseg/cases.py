"""What a data source yields: one annotated slice of one patient."""

from dataclasses import dataclass
from typing import Any

import numpy as np

PLANES = ("axial", "coronal", "sagittal")


@dataclass(frozen=True)
class Case:
    """One slice and its annotation, as the source has them.

    image: (height, width) uint8 or uint16. annotation: what the form in tumorseg.annotations
    reads: a dict or list for JSON forms, a (height, width) array for `mask`. spacing_mm: side of a
    pixel, NaN where unknown. true_brain: the known brain mask, None where there is none.
    origin: file and row for messages, for instance "samples.tsv row 12". tumour_type: a word for
    subgroups of the results, empty where unknown.
    """

    case: str
    patient: str
    plane: str
    image: np.ndarray
    annotation: Any
    form: str
    spacing_mm: float
    origin: str
    true_brain: np.ndarray | None = None
    tumour_type: str = ""
