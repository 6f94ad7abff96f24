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


class OwnThresholds(TypedDict):
    """What a training's validation patients chose; thresholds: of each class that may overlap."""

    threshold: float
    thresholds: NotRequired[dict[str, float]]


class Member(OwnThresholds):
    """One training of the model; `file` names its weights in the model's folder."""

    file: str
    seed: int
    fold: int
    loss_constants: dict[str, Any]
    training: TrainingSettings
    sha256: NotRequired[str]


class ModelClass(TypedDict):
    """One of several classes, in the order of the network's outputs.

    label: its value in label maps. threshold: absent where classes are exclusive, because there the
    likeliest counts.
    """

    name: str
    label: int
    threshold: NotRequired[float]


class ModelFacts(TypedDict):
    """model.yaml: what was trained, on what, and how it predicts.

    Attributes:
        classes: where there are several, the primary one first. primary_class: its name, or `mean`.
        class_name: of the only class, where the config names it.
        label_order: names of classes that may overlap, in the order in which their labels are
            painted into one label map; absent where one cannot hold them.
        threshold: mean of the members' own thresholds; absent with several classes.
        threshold_fixed: the experiment's, at which its tables are measured.
        planes: number of cases by plane.
        channel: which of an image's several channels all cases show, from 0; absent where images
            had one, and with `channels`.
        channels: where a case needs several, their names; by the first it is stripped and placed.
        channel_numbers: which of a data set's numbered channels they are, from 0, where known.
        inputs: positions in `channels`, from 1, of those that the network sees.
        overlap: of neighbouring patches; absent where whole slices are predicted.
        test_dice: mean, low and high.
    """

    experiment: str
    loss: ExportedLoss
    recipe: ExportedRecipe
    network: NetworkSettings
    skull_strip: str
    classes: NotRequired[list[ModelClass]]
    class_name: NotRequired[str]
    primary_class: NotRequired[str]
    label_order: NotRequired[list[str]]
    threshold: NotRequired[float]
    threshold_fixed: NotRequired[float]
    planes: dict[str, int]
    channel: NotRequired[int]
    channels: NotRequired[list[str]]
    channel_numbers: NotRequired[list[int]]
    inputs: NotRequired[list[int]]
    overlap: NotRequired[float]
    patients: NotRequired[int]
    cases: NotRequired[int]
    test_dice: NotRequired[dict[str, float]]
    failed_trainings: NotRequired[int]
    versions: NotRequired[dict[str, str]]
    members: list[Member]


# A row of predictions.tsv; a failed image has no numbers. class: absent where there is one class.
# tumour_px: of the mask; tumour_mm2 of a single slice, tumour_ml of a volume, None where unknown.
ImageRow = TypedDict(
    "ImageRow",
    {
        "image": str,
        "class": NotRequired[str],
        "status": Literal["ok", "failed"],
        "plane": str,
        "slices": int | None,
        "height_px": int | None,
        "width_px": int | None,
        "tumour_px": int | None,
        "tumour_mm2": float | None,
        "tumour_ml": float | None,
        "spread": float | None,
        "members_dice": float | None,
        "notes": str,
    },
)


class Thumbnail(TypedDict):
    """A slice as data URL with each class's outline as SVG path; box is (x, y, width, height)."""

    box: list[int]
    image: str
    contours: list[str]


class ImageRecord(TypedDict):
    """What is stored of an image after its prediction.

    identity: of image, model and code, empty for a failed image; files: SHA-256 of the written ones
    by path, relative to the folder of the predictions. rows: one a class.
    """

    identity: str
    files: dict[str, str]
    rows: list[ImageRow]
    picture: Thumbnail | None
