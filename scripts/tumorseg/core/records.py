"""The records that settings files and the config carry between steps, as types.

They are plain dictionaries at run time (YAML holds them); the types name their keys once.
"""

from typing import Any, Literal, NotRequired, TypedDict

CHANGES_NO_RESULT = True  # types only (workflow/code_digest.py)


class NetworkSettings(TypedDict):
    """Which network is trained and how large; `parameters` is known once it is built."""

    name: str
    size_px: int
    base_width: int
    parameters: NotRequired[int]


class TrainingSettings(TypedDict):
    """The key `training` of a recipe; config.schema.yaml describes each."""

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str
    warmup_epochs: float
    weight_decay: float
    weight_average: float
    augmentation: float
    keep_best: bool
    mirrored: bool


class RecipeSettings(TypedDict):
    """One of the config's recipes. network: keyword arguments of the network's `build`."""

    preparation: Literal["paper", "robust"]
    channels: int
    network: dict[str, Any]
    training: TrainingSettings


class Search(TypedDict):
    """What is searched for one loss and recipe, as tuning.search_space.resolve returns it.

    A dimension is a list of values or a range {low, high, log}. space: the dimensions that need a
    training of their own; searched: all dimensions, as the report prints them. scored_epochs: the
    numbers of epochs at which each run is scored; epochs: the length of a run. trials: 0 where
    there is nothing to search.
    """

    search: Literal["grid", "random", "optuna"]
    prune: bool
    space: dict[str, Any]
    searched: dict[str, Any]
    scored_epochs: list[int]
    epochs_searched: bool
    epochs: int
    trials: int
    keep_best: bool


class TuningResult(TypedDict):
    """best.yaml: what was searched and which values won; training and constants may be empty."""

    status: str
    training: dict[str, Any]
    constants: dict[str, Any]
    val_iou: NotRequired[float]
    recipe: NotRequired[str]
    loss: NotRequired[str]
    search: NotRequired[str]
    fold: NotRequired[int]
    searched: NotRequired[dict[str, Any]]
    trials: NotRequired[int]


class LossSettings(TypedDict):
    """A configured loss: its name, the file in losses/ and the constants it was trained with."""

    name: str
    function: str
    constants: dict[str, Any]


class TrainingRecord(TypedDict):
    """settings.yaml of one training: all that was set, and how it ended."""

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
