"""What an exported model and a predicted image are described by, as types.

They are plain dictionaries at run time: YAML holds the model's, JSON the images'.
"""

from typing import Any, Literal, NotRequired, TypedDict

from tumorseg.core.records import NetworkSettings, RecipeSettings, TrainingSettings

CHANGES_NO_RESULT = True  # types only (workflow/code_digest.py)


class ExportedLoss(TypedDict):
    """The loss of all members: its name in the config and its file in losses/."""

    name: str
    function: NotRequired[str]


class ExportedRecipe(TypedDict):
    """The recipe of all members."""

    name: str
    settings: RecipeSettings


class Member(TypedDict):
    """One training of the model; `file` names its weights in the model's folder."""

    file: str
    seed: int
    fold: int
    threshold: float
    loss_constants: dict[str, Any]
    training: TrainingSettings
    sha256: NotRequired[str]


class ModelFacts(TypedDict):
    """model.yaml: what was trained, on what, and how it predicts.

    threshold: mean of the members' own thresholds. planes: number of cases by plane. channel: which
    of an image's several channels all cases show, from 0; absent where images had one. test_dice:
    mean, low and high. Predicting does not need the keys that may be absent.
    """

    experiment: str
    loss: ExportedLoss
    recipe: ExportedRecipe
    network: NetworkSettings
    skull_strip: str
    threshold: float
    threshold_fixed: NotRequired[float]
    planes: dict[str, int]
    channel: NotRequired[int]
    patients: NotRequired[int]
    cases: NotRequired[int]
    test_dice: NotRequired[dict[str, float]]
    failed_trainings: NotRequired[int]
    versions: NotRequired[dict[str, str]]
    members: list[Member]


class TumourSize(TypedDict):
    """Pixels of the mask; mm2 of a single slice, ml of a volume, None where unknown."""

    tumour_px: int | None
    tumour_mm2: float | None
    tumour_ml: float | None


class ImageRow(TumourSize):
    """A row of predictions.tsv; a failed image has no numbers."""

    image: str
    status: Literal["ok", "failed"]
    plane: str
    slices: int | None
    height_px: int | None
    width_px: int | None
    spread: float | None
    members_dice: float | None
    notes: str


class Thumbnail(TypedDict):
    """A slice as data URL with the outline as SVG path; box is (x, y, width, height)."""

    box: list[int]
    image: str
    contour: str


class ImageRecord(TypedDict):
    """What is stored of an image after its prediction.

    identity: of image, model and code, empty for a failed image; files: SHA-256 of the written ones
    by path, relative to the folder of the predictions.
    """

    identity: str
    files: dict[str, str]
    row: ImageRow
    picture: Thumbnail | None
