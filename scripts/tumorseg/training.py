"""Training of one cell (recipe, loss, fold): batches, epochs, resumption; Keras only.

Everything random is a function of (seed, fold, epoch), never of what ran before, and the whole
state is stored after each epoch: a killed run goes on and ends bit-identical to one left alone.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tumorseg.augmentation import augment
from tumorseg.case_loss import CaseLoss
from tumorseg.device import Device
from tumorseg.resume import Average, Outcome, restore, store


@dataclass(frozen=True)
class Cases:
    """Packed cases: images (n, size, size, channels) float32, masks (n, size, size, 1) uint8."""

    images: np.ndarray
    masks: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Plan:
    """The settings of one training; the fields are the keys of a recipe in the config."""

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_epochs: float
    weight_average: float
    augmentation: float
    keep_best: bool
    mirrored: bool
    seed: int


@keras.saving.register_keras_serializable("tumorseg")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then constant: the rate at a step does not depend on how many will follow."""

    def __init__(self, rate: float, steps: int) -> None:
        self.rate, self.steps = rate, steps

    def __call__(self, step: Any) -> Any:
        progress = (keras.ops.cast(step, "float32") + 1.0) / max(1, self.steps)
        return self.rate * keras.ops.minimum(1.0, progress)

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "steps": self.steps}


def compile_model(
    model: keras.Model, loss: CaseLoss, plan: Plan, steps_per_epoch: int, machine: Device
) -> None:
    """Adam with the plan's learning rate and warm-up; XLA where the machine gains by it."""
    rate: Any = plan.learning_rate
    if plan.warmup_epochs:
        rate = WarmUp(plan.learning_rate, round(plan.warmup_epochs * steps_per_epoch))
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=machine.xla)


def epoch_batches(
    cases: Cases, loss: CaseLoss, plan: Plan, epoch: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The shuffled, augmented batches of one epoch: a pure function of (seed, epoch)."""
    order = np.random.default_rng([plan.seed, epoch]).permutation(len(cases))
    for start in range(0, len(order), plan.batch_size):
        chosen = np.sort(order[start : start + plan.batch_size])
        images, masks = cases.images[chosen], cases.masks[chosen]
        if plan.augmentation:
            random = np.random.default_rng([plan.seed, epoch, start])
            pairs = [
                augment(image, mask[..., 0], plan.augmentation, random)
                for image, mask in zip(images, masks, strict=True)
            ]
            images = np.stack([image for image, _ in pairs])
            masks = np.stack([mask for _, mask in pairs])[..., None]
        yield np.ascontiguousarray(images), loss.targets(masks)


def predict(
    model: keras.Model, images: np.ndarray, batch_size: int, mirrored: bool = False
) -> np.ndarray:
    """Probabilities (n, size, size, 1) float32, in batches of equal size (one compilation).

    mirrored: the mean of what the network says of an image and of its left-right mirror image.
    """
    if mirrored:
        other = predict(model, images[:, :, ::-1], batch_size)[:, :, ::-1]
        return (predict(model, images, batch_size) + other) / 2
    padding = -len(images) % batch_size
    padded = np.concatenate([images, np.zeros((padding, *images.shape[1:]), images.dtype)])
    parts = [
        keras.ops.convert_to_numpy(model.predict_on_batch(padded[i : i + batch_size]))
        for i in range(0, len(padded), batch_size)
    ]
    return np.concatenate(parts)[: len(images)].astype(np.float32)


def validate(probability: np.ndarray, masks: np.ndarray, loss: CaseLoss) -> dict[str, float]:
    """Loss, pooled IoU and mean Dice of the cases at threshold .5, at network size."""
    truth, found = masks > 0, probability > 0.5
    axes = tuple(range(1, truth.ndim))
    both, total = (truth & found).sum(axes), truth.sum(axes) + found.sum(axes)
    values = loss.call(loss.targets(masks), probability)
    return {
        "val_loss": float(keras.ops.convert_to_numpy(values).mean()),
        "val_iou": float(both.sum() / max(1, (truth | found).sum())),
        "val_dice": float(np.mean(2 * both / np.maximum(total, 1))),
    }


def train(
    model: keras.Model,
    loss: CaseLoss,
    plan: Plan,
    training: Cases,
    validation: Cases,
    *,
    machine: Device,
    state: Path | None = None,
    say: Callable[[str], None] = print,
) -> Outcome:
    """Trains the model by the plan; returns the history and the weights of the chosen epoch.

    keep_best chooses the epoch of the best pooled validation IoU, otherwise the last one.
    state: a file that is written after each epoch and read at the start; None stores nothing.
    A loss that is not finite ends the training with Outcome.failure set.
    """
    steps = -(-len(training) // plan.batch_size)
    with machine.scope():  # the optimizer's variables, too, live on every device
        compile_model(model, loss, plan, steps, machine)
        model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    outcome, average = Outcome(), Average(plan.weight_average)
    if state is not None and state.is_file():
        restore(state, variables, outcome, average)
        say(f"goes on after epoch {len(outcome.history)} of an earlier run")

    def after_step() -> None:
        if plan.weight_average:
            average.update(model.get_weights())

    for epoch in range(len(outcome.history), plan.epochs):
        started = time.perf_counter()
        value = machine.train_epoch(
            model, partial(epoch_batches, training, loss, plan, epoch), steps, after_step
        )
        if not np.isfinite(value):
            outcome.failure = f"the loss became {value} in epoch {epoch + 1}"
            break
        weights = model.get_weights()
        chosen = average.values or weights
        model.set_weights(chosen)
        found = predict(model, validation.images, plan.batch_size, plan.mirrored)
        model.set_weights(weights)
        if not np.isfinite(found).all():  # the last step broke the weights, the loss was finite yet
            outcome.failure = f"the predictions stopped being finite in epoch {epoch + 1}"
            break
        scores = validate(found, validation.masks, loss)
        best = max((row["val_iou"] for row in outcome.history), default=-1.0)
        if not plan.keep_best or scores["val_iou"] > best:
            outcome.weights = [weight.copy() for weight in chosen]
            outcome.chosen_epoch = epoch + 1
        rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
        seconds = time.perf_counter() - started
        row = {"epoch": epoch + 1, "learning_rate": rate, "loss": value, **scores}
        outcome.history.append(row | {"seconds": seconds})
        say(
            f"epoch {epoch + 1}/{plan.epochs}  loss {value:.4g}  val Dice "
            f"{scores['val_dice']:.3f}  val IoU {scores['val_iou']:.3f}  {seconds:.0f} s, "
            f"{(plan.epochs - epoch - 1) * seconds / 60:.1f} min to go"
        )
        if state is not None:
            store(state, variables, outcome, average)
    return outcome
