"""The records that the config, settings files and trainings carry, as types.

At run time they are plain dictionaries, because YAML holds them.
"""

from typing import Any, Literal, NotRequired, TypedDict

CHANGES_NO_RESULT = True  # types only (workflow/code_digest.py)


class NetworkSettings(TypedDict):
    """Which network is trained, its size and its outputs; `parameters` is known once it is built.

    patch: (height, width) or (depth, height, width), instead of size_px. levels: poolings, at most.
    classes: their number, 1 where absent; exclusive: whether a pixel has one of them at most.
    encoder: digest of the file with the weights from which the encoder begins.
    """

    name: str
    size_px: int
    base_width: int
    patch: NotRequired[list[int]]
    levels: NotRequired[int]
    classes: NotRequired[int]
    exclusive: NotRequired[bool]
    encoder: NotRequired[str]
    parameters: NotRequired[int]


class TrainingSettings(TypedDict):
    """The key `training` of a recipe; config.schema.yaml describes each field."""

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str
    warmup_epochs: float
    weight_decay: float
    weight_average: float
    augmentation: float
    keep_best: bool | Literal["iou", "dice", "loss"]
    mirrored: bool | Literal["all"]
    optimizer: NotRequired[Literal["adam", "sgd"]]
    momentum: NotRequired[float]
    nesterov: NotRequired[bool]
    plateau_factor: NotRequired[float]
    plateau_patience: NotRequired[int]
    plateau_minimum: NotRequired[float]
    steps: NotRequired[int]
    deep_supervision: NotRequired[bool]


class VolumeSettings(TypedDict):
    """The key `volumes` of a recipe (imaging.volume_input.VolumePreparation)."""

    crop: Literal["none", "head", "nonzero", "organ"]
    organ: NotRequired[str | int]
    margin_mm: NotRequired[float]
    spacing_mm: NotRequired[list[float]]
    order: Literal["linear", "cubic"]
    counted: Literal["nonzero", "head", "all"]
    intensities: list[Any]


class RecipeSettings(TypedDict):
    """One of the config's recipes.

    inputs: the channels of source.channels that the network sees; all where absent. channels: of
    the network's input. network: keyword arguments of the network's `build`.
    """

    preparation: Literal["paper", "robust"]
    inputs: NotRequired[list[str | int]]
    volumes: NotRequired[VolumeSettings]
    channels: int
    network: dict[str, Any]
    training: TrainingSettings


class Search(TypedDict):
    """What tuning searches for one loss and recipe; `tuning.search_space.resolve` builds it.

    A dimension is a list of values or a range {low, high, log}.
    space: the dimensions that need a training of their own.
    searched: all dimensions, as the report prints them.
    scored_epochs: the numbers of epochs at which each trial is scored; epochs: a trial's length.
    trials: how many; 0 where there is nothing to search.
    """

    search: Literal["grid", "random", "optuna"]
    prune: bool
    space: dict[str, Any]
    searched: dict[str, Any]
    scored_epochs: list[int]
    epochs_searched: bool
    epochs: int
    trials: int
    keep_best: bool | Literal["iou", "dice", "loss"]


class TuningResult(TypedDict, total=False):
    """best.yaml: what was searched and which values won. Empty where nothing was tuned."""

    recipe: str
    loss: str
    search: str
    fold: int
    searched: dict[str, Any]
    trials: int
    status: Literal["won", "nothing learned", "nothing to search"]
    training: dict[str, Any]
    constants: dict[str, Any]
    val_iou: float


class LossSettings(TypedDict):
    """A configured loss: its name, its file in losses/, and its constants."""

    name: str
    function: str
    constants: dict[str, Any]


class TrainingRecord(TypedDict):
    """settings.yaml of one training: everything that was set, and how the training ended."""

    status: Literal["ok", "failed"]
    failure: str
    recipe: str
    loss: LossSettings
    network: NetworkSettings
    settings: RecipeSettings
    tuned: TuningResult
    fold: int
    seed: int
    cases: dict[str, int]
    chosen_epoch: int
    training_s: float
    wall_s: float
    finished: str
    threads: int
    machine: str
    device: dict[str, str | int]
    versions: dict[str, str]
    code: str
