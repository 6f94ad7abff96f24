"""The schedules of the learning rate that a recipe may name; `training.Rate` computes them."""

HORIZON = {"constant": False, "cosine": True}


def has_horizon(schedule: str) -> bool:
    """Whether the rate at an epoch depends on how many will follow.

    Without a horizon a long run passes through every shorter one, and tuning trains it once.
    """
    return HORIZON[schedule]
