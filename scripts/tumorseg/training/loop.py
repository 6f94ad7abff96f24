"""The training loop: batches, epochs, validation and resumption. Uses Keras only.

Everything random is a function of (seed, fold, epoch), never of what ran before, and the whole
state is stored after each epoch: a killed training resumes and ends bit-identical to an
undisturbed one.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tumorseg.core.device import Device
from tumorseg.loss_kit.keras_loss import CaseLoss
from tumorseg.training.adam import FusedAdam
from tumorseg.training.augmentation import augment
from tumorseg.training.cases import Cases
from tumorseg.training.inference import predict
from tumorseg.training.plan import Plan, has_horizon
from tumorseg.training.state import Average, Outcome, restore, store


@keras.saving.register_keras_serializable("tumorseg")
class Rate(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate: linear warm-up, then constant or, with a horizon, a half cosine down to 0.

    Without a horizon the rate at a step does not depend on how many steps will follow: a training
    of 30 epochs passes through the same weights with which one of 10 epochs ends.
    """

    def __init__(self, rate: float, warmup_steps: int, horizon_steps: int = 0) -> None:
        self.rate, self.warmup_steps, self.horizon_steps = rate, warmup_steps, horizon_steps

    def __call__(self, step: Any) -> Any:
        step = keras.ops.cast(step, "float32")
        rate = self.rate * keras.ops.minimum(1.0, (step + 1.0) / max(1, self.warmup_steps))
        if self.horizon_steps:
            share = keras.ops.minimum(1.0, step / self.horizon_steps)
            rate = rate * (1.0 + keras.ops.cos(share * np.pi)) / 2.0
        return rate

    def get_config(self) -> dict[str, Any]:
        names = ("rate", "warmup_steps", "horizon_steps")
        return {name: getattr(self, name) for name in names}


def compile_model(
    model: keras.Model, loss: CaseLoss, plan: Plan, steps_per_epoch: int, machine: Device
) -> None:
    """Compiles with Adam, the plan's schedule and decoupled weight decay.

    Source: Loshchilov & Hutter 2019.

    Args:
        model: the network; compiled in place.
        loss: the loss.
        plan: learning rate, schedule and weight decay.
        steps_per_epoch: to convert the schedule's epochs into steps.
        machine: decides whether XLA compiles.
    """
    rate: Any = plan.learning_rate
    if plan.warmup_epochs or has_horizon(plan.schedule):
        horizon = plan.epochs * steps_per_epoch if has_horizon(plan.schedule) else 0
        rate = Rate(plan.learning_rate, round(plan.warmup_epochs * steps_per_epoch), horizon)
    optimizer = FusedAdam(rate, weight_decay=plan.weight_decay or None)
    model.compile(optimizer, loss, jit_compile=machine.xla)


def epoch_batches(
    cases: Cases, loss: CaseLoss, plan: Plan, epoch: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The shuffled, augmented batches of one epoch; they depend on (seed, epoch) only."""
    order = np.random.default_rng([plan.seed, epoch]).permutation(len(cases))
    for start in range(0, len(order), plan.batch_size):
        chosen = np.sort(order[start : start + plan.batch_size])
        images, masks = cases.at(chosen)
        if plan.augmentation:
            random = np.random.default_rng([plan.seed, epoch, start])
            pairs = [
                augment(image, mask[..., 0], plan.augmentation, random)
                for image, mask in zip(images, masks, strict=True)
            ]
            images = np.stack([image for image, _ in pairs])
            masks = np.stack([mask for _, mask in pairs])[..., None]
        yield np.ascontiguousarray(images), loss.targets(masks)


def validate(model: keras.Model, cases: Cases, loss: CaseLoss, plan: Plan) -> dict[str, float]:
    """Loss, pooled IoU and mean Dice of the cases at threshold .5, at network size.

    Batch by batch, so that any number of cases fits into memory. Empty where a prediction is not
    finite.
    """
    counts, values = [], []
    for images, masks in cases.batches(plan.batch_size):
        probability = predict(model, images, plan.batch_size, plan.mirrored)
        if not np.isfinite(probability).all():
            return {}
        truth, predicted = masks > 0, probability > 0.5
        axes = tuple(range(1, truth.ndim))
        counts.append(np.stack([(truth & predicted).sum(axes), (truth | predicted).sum(axes)]))
        values.append(keras.ops.convert_to_numpy(loss.call(loss.targets(masks), probability)))
    both, either = np.concatenate(counts, axis=1)
    return {
        "val_loss": float(np.concatenate(values).mean()),
        "val_iou": float(both.sum() / max(1, either.sum())),
        "val_dice": float(np.mean(2 * both / np.maximum(both + either, 1))),
    }


class Training:
    """One training in progress: `epoch()` trains the next epoch, `outcome` is the result so far.

    With plan.keep_best the weights of the best pooled validation IoU are chosen, otherwise the
    last ones. A loss that is not finite ends the training and sets outcome.failure.

    Args:
        model: the network, not yet compiled.
        loss: the loss.
        plan: the settings.
        training: cases to train on.
        validation: cases that score each epoch.
        machine: the device, as `device.start` returned it.
        state: a file that is written after each epoch and read at the start; None stores nothing.
    """

    def __init__(
        self,
        model: keras.Model,
        loss: CaseLoss,
        plan: Plan,
        training: Cases,
        validation: Cases,
        *,
        machine: Device,
        state: Path | None = None,
    ) -> None:
        self.model, self.loss, self.plan, self.machine = model, loss, plan, machine
        self.training, self.validation, self.state = training, validation, state
        self.steps = -(-len(training) // plan.batch_size)
        with machine.scope():  # the optimizer's variables must live on every device too
            compile_model(model, loss, plan, self.steps, machine)
            model.optimizer.build(model.trainable_variables)
            self.judged = model
            if plan.weight_average:  # a network of their own: no weights need be set back
                self.judged = keras.models.clone_model(model)
                self.judged.compile(optimizer=None, jit_compile=machine.xla)
        self.variables = [*model.variables, *model.optimizer.variables]
        self.outcome, self.average = Outcome(), Average(plan.weight_average)
        if state is not None and state.is_file():
            restore(state, self.variables, self.outcome, self.average)

    @property
    def finished(self) -> bool:
        """Whether no epoch is left, or the training failed."""
        return bool(self.outcome.failure) or len(self.outcome.history) >= self.plan.epochs

    def epoch(self) -> dict[str, float] | None:
        """Trains and validates one epoch; returns its row of the history, None where it failed."""
        model, plan, outcome = self.model, self.plan, self.outcome
        started, epoch = time.perf_counter(), len(outcome.history)
        batches = partial(epoch_batches, self.training, self.loss, plan, epoch)
        value = self.machine.train_epoch(model, batches, self.steps, self._after_step)
        if not np.isfinite(value):
            outcome.failure = f"the loss became {value} in epoch {epoch + 1}"
            return None
        chosen = self.average.values or model.get_weights()
        if self.judged is not model:
            self.judged.set_weights(chosen)
        scores = validate(self.judged, self.validation, self.loss, plan)
        if not scores:  # the last step broke the weights, not yet the loss
            outcome.failure = f"the predictions were not finite in epoch {epoch + 1}"
            return None
        best = max((row["val_iou"] for row in outcome.history), default=-1.0)
        if not plan.keep_best or scores["val_iou"] > best:
            outcome.weights = [weight.copy() for weight in chosen]
            outcome.chosen_epoch = epoch + 1
        rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
        row = {"epoch": epoch + 1, "learning_rate": rate, "loss": value, **scores}
        outcome.history.append(row | {"seconds": time.perf_counter() - started})
        if self.state is not None:
            store(self.state, self.variables, outcome, self.average)
        return outcome.history[-1]

    def _after_step(self) -> None:
        if self.plan.weight_average:
            self.average.step(self.model.get_weights)

    def run(self, report: Callable[[str], None] = print) -> Outcome:
        """Trains all epochs that are left; reports a line after each."""
        if self.outcome.history:
            report(f"resumes after epoch {len(self.outcome.history)} of an earlier run")
        while not self.finished:
            row = self.epoch()
            if row is None:
                break
            minutes_left = (self.plan.epochs - row["epoch"]) * row["seconds"] / 60
            report(
                f"epoch {row['epoch']}/{self.plan.epochs}  loss {row['loss']:.4g}  val Dice "
                f"{row['val_dice']:.3f}  val IoU {row['val_iou']:.3f}  {row['seconds']:.0f} s, "
                f"{minutes_left:.1f} min left"
            )
        return self.outcome
