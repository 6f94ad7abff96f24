"""The optimizer of a plan and its learning rate. Uses Keras only."""

from typing import Any

import keras
import numpy as np

from tumorseg.core.device import Device
from tumorseg.loss_kit.keras_loss import CaseLoss
from tumorseg.training.adam import adam
from tumorseg.training.plan import Plan, has_horizon

LARGEST_GRADIENT = 12.0  # of stochastic gradient descent, as in nnU-Net (Isensee et al. 2021)
POWER = 0.9  # of the polynomial schedule


@keras.saving.register_keras_serializable("tumorseg")
class Rate(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate: linear warm-up, then constant or, with a horizon, falling to 0 at its end.

    It falls as half a cosine, or with a power as (1 - share of the horizon) ** power.

    Without a horizon the rate at a step does not depend on how many steps will follow: a training
    of 30 epochs passes through the same weights with which one of 10 epochs ends.
    """

    def __init__(
        self, rate: float, warmup_steps: int, horizon_steps: int = 0, power: float = 0.0
    ) -> None:
        self.rate, self.warmup_steps = rate, warmup_steps
        self.horizon_steps, self.power = horizon_steps, power

    def __call__(self, step: Any) -> Any:
        step = keras.ops.cast(step, "float32")
        rate = self.rate * keras.ops.minimum(1.0, (step + 1.0) / max(1, self.warmup_steps))
        if self.horizon_steps:
            share = keras.ops.minimum(1.0, step / self.horizon_steps)
            if self.power:
                return rate * keras.ops.power(1.0 - share, self.power)
            rate = rate * (1.0 + keras.ops.cos(share * np.pi)) / 2.0
        return rate

    def get_config(self) -> dict[str, Any]:
        names = ("rate", "warmup_steps", "horizon_steps", "power")
        return {name: getattr(self, name) for name in names}


def compile_model(
    model: keras.Model, loss: CaseLoss, plan: Plan, steps_per_epoch: int, machine: Device
) -> None:
    """Compiles with the plan's optimizer, schedule and decoupled weight decay.

    Source: Loshchilov & Hutter 2019. With the schedule `plateau` the rate is a variable that the
    loop sets (plan.plateau_rate).

    Args:
        model: the network; compiled in place.
        loss: the loss.
        plan: optimizer, learning rate, schedule and weight decay.
        steps_per_epoch: to convert the schedule's epochs into steps.
        machine: decides whether XLA compiles.
    """
    rate: Any = plan.learning_rate
    falls = has_horizon(plan.schedule)
    if falls or (plan.warmup_epochs and plan.schedule != "plateau"):
        horizon = plan.epochs * steps_per_epoch if falls else 0
        power = POWER if plan.schedule == "polynomial" else 0.0
        rate = Rate(plan.learning_rate, round(plan.warmup_epochs * steps_per_epoch), horizon, power)
    options: dict[str, Any] = {"weight_decay": plan.weight_decay or None}
    if plan.optimizer == "sgd":
        options |= {"momentum": plan.momentum, "nesterov": plan.nesterov}
        options["global_clipnorm"] = LARGEST_GRADIENT
        optimizer: keras.optimizers.Optimizer = keras.optimizers.SGD(rate, **options)
    else:
        optimizer = adam(rate, **options)
    model.compile(optimizer, loss, jit_compile=machine.xla)
