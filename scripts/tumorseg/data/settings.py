"""The keys of the config's `source` as types; config.schema.yaml describes each."""

from typing import Literal, Required, TypedDict

CHANGES_NO_RESULT = True  # types only (workflow/code_digest.py)


class SliceSettings(TypedDict, total=False):
    """What counts as tumour, and which slices of a volume become cases.

    classes: the config's `classes`, the primary one first; absent where there is one without name.
    """

    labels: dict[str, str]
    classes: dict[str, list[str]]
    planes: list[str]
    slices: Literal["tumour", "all", "largest"]
    slices_per_volume: int
    negatives: bool | Literal["leave_out"]
    dimensions: Literal[2, 3]


class SourceSettings(SliceSettings, total=False):
    """`kind` is one of tumorseg.sources; a source uses the keys that it knows."""

    kind: Required[str]
    exclude: list[str]
    patients_similar: Literal["error", "accept"]
    patients: int
    height_px: int
    width_px: int
    table: str
    columns: dict[str, str]
    form: str
    annotation_file: str
    images: str
    masks: str
    patient_pattern: str
    plane: str
    sequence: str | int
    channels: list[str | int]
