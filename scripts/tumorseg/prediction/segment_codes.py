"""What a DICOM segment is, as codes, chosen by the words of its class's name.

All codes are from pydicom's dictionary of the standard's: categories of context group 7150, types
of 7159 (lesions) and 7192 (anatomical structures).
"""

import re

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

_ABNORMAL, _ANATOMY = codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.AnatomicalStructure
# Words -> category and type. The first row of which the name has a word counts: an enhancing tumour
# is an enhancing lesion, and the tumour of a kidney is a neoplasm.
KNOWN: tuple[tuple[str, Code, Code], ...] = (
    ("nonenhancing", _ABNORMAL, codes.NCIt.NonEnhancingLesion),
    ("enhancing", _ABNORMAL, codes.NCIt.EnhancingLesion),
    ("necrosis necrotic", _ABNORMAL, codes.SCT.Necrosis),
    ("oedema edema", _ABNORMAL, codes.SCT.Edema),
    (
        "tumour tumours tumor tumors neoplasm neoplasms cancer",
        _ABNORMAL,
        codes.SCT.Neoplasm,
    ),
    ("lesion lesions", _ABNORMAL, codes.SCT.Lesion),
    ("kidney kidneys", _ANATOMY, codes.SCT.Kidney),
    ("liver", _ANATOMY, codes.SCT.Liver),
    ("prostate", _ANATOMY, codes.SCT.Prostate),
    ("hippocampus", _ANATOMY, codes.SCT.Hippocampus),
)
# With these a name means something else than its other words.
_CHANGING = {"no", "non", "not", "without", "and", "or", "with", "plus"}


def codes_of(name: str) -> tuple[Code, Code]:
    """Category and type of a class by its name; those of tissue where no word says more."""
    words = {word.lower() for word in re.findall("[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}
    if {"non", "enhancing"} <= words:
        words = words - {"non"} | {"nonenhancing"}
    for known, category, kind in KNOWN:
        if words & set(known.split()) and not words & _CHANGING:
            return category, kind
    return codes.SCT.Tissue, codes.SCT.Tissue
