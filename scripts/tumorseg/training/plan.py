"""The settings of one training; needs no Keras."""

from dataclasses import dataclass

HORIZON = {"constant": False, "cosine": True}


@dataclass(frozen=True)
class Plan:
    """The settings of one training; the fields are the keys of a recipe in the config."""

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
    """Whether the rate at an epoch depends on how many will follow.

    Without a horizon a long run passes through every shorter one, and tuning trains it once.
    """
    return HORIZON[schedule]
