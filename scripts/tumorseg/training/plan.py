"""The settings of one training's optimisation. Needs no Keras."""

from dataclasses import dataclass

HORIZON = {"constant": False, "cosine": True}


@dataclass(frozen=True)
class Plan:
    """How one training proceeds; the fields are the keys of a recipe's `training`, and the seed."""

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
    seed: int


def has_horizon(schedule: str) -> bool:
    """Whether the learning rate at an epoch depends on how many epochs will follow.

    Without a horizon a long training passes through every shorter one, so tuning trains once.
    """
    return HORIZON[schedule]
