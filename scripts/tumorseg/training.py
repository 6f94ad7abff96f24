"""Training of one cell (recipe, loss, fold): batches, callbacks, resumption; Keras only.

Everything random is a function of (seed, fold, epoch), never of what ran before, and the whole
state is stored after each epoch: a killed run goes on and ends bit-identical to one left alone.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tumorseg import registry
from tumorseg.augmentation import augment
from tumorseg.device import stream
from tumorseg.files import write_atomically

HISTORY = ("epoch", "learning_rate", "loss", "val_loss", "val_iou", "val_dice", "seconds")


class CaseLoss(keras.losses.Loss):
    """A pure loss function (one value a case) as Keras wants it; the batch mean is taken here."""

    def __init__(self, name: str, constants: dict[str, float]) -> None:
        super().__init__(name=name, reduction="mean_with_sample_weight")
        self.constants = dict(constants)
        self._function = registry.loss_function(name)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._function(y_true, y_pred, **self.constants)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "constants": self.constants}


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
    seed: int
    xla: bool = True


@dataclass
class Outcome:
    """What a training leaves: one history row an epoch, the weights to use, and why it failed."""

    history: list[dict[str, float]] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    chosen_epoch: int = 0
    failure: str | None = None


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


def compile_model(model: keras.Model, loss: CaseLoss, plan: Plan, steps_per_epoch: int) -> None:
    """Adam with the plan's learning rate and warm-up; XLA where the plan says."""
    rate: Any = plan.learning_rate
    if plan.warmup_epochs:
        rate = WarmUp(plan.learning_rate, round(plan.warmup_epochs * steps_per_epoch))
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=plan.xla)


def epoch_batches(cases: Cases, plan: Plan, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
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
        yield np.ascontiguousarray(images), masks.astype(np.float32)


def predict(model: keras.Model, images: np.ndarray, batch_size: int) -> np.ndarray:
    """Probabilities (n, size, size, 1) float32, in batches of equal size (one compilation)."""
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
    values = loss.call(masks.astype(np.float32), probability)
    return {
        "val_loss": float(keras.ops.convert_to_numpy(values).mean()),
        "val_iou": float(both.sum() / max(1, (truth | found).sum())),
        "val_dice": float(np.mean(2 * both / np.maximum(total, 1))),
    }


def _store(path: Path, arrays: dict[str, np.ndarray]) -> None:
    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    write_atomically(path, write)


class _Epochs(keras.callbacks.Callback):
    """At each epoch's end: validate with the averaged weights, choose, report, store the state."""

    def __init__(
        self, plan: Plan, validation: Cases, loss: CaseLoss, state: Path | None, say: Callable
    ) -> None:
        super().__init__()
        self.plan, self.validation, self.loss = plan, validation, loss
        self.state, self.say = state, say
        self.outcome = Outcome()
        self.average: list[np.ndarray] = []
        self.steps = 0

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def resume(self) -> int:
        """Loads the stored state, if there is one; returns the number of finished epochs."""
        if self.state is None or not self.state.is_file():
            return 0
        with np.load(self.state, allow_pickle=False) as stored:
            for index, variable in enumerate(self._variables()):
                variable.assign(stored[f"variable_{index}"])
            rows = stored["history"].tolist()
            history = [dict(zip(HISTORY, row, strict=True)) for row in rows]
            self.outcome.history = [row | {"epoch": int(row["epoch"])} for row in history]
            self.outcome.chosen_epoch = int(stored["chosen_epoch"])
            self.steps = int(stored["steps"])
            self.outcome.weights = [stored[f"weight_{i}"] for i in range(int(stored["weights"]))]
            self.average = [stored[f"average_{i}"] for i in range(int(stored["averages"]))]
        self.say(f"goes on after epoch {len(self.outcome.history)} of an earlier run")
        return len(self.outcome.history)

    def _store_state(self) -> None:
        variables = [keras.ops.convert_to_numpy(variable) for variable in self._variables()]
        arrays = {f"variable_{i}": value for i, value in enumerate(variables)}
        arrays |= {f"weight_{i}": value for i, value in enumerate(self.outcome.weights)}
        arrays |= {f"average_{i}": value for i, value in enumerate(self.average)}
        rows = [[float(row[name]) for name in HISTORY] for row in self.outcome.history]
        arrays["history"] = np.array(rows)
        arrays["weights"] = np.array(len(self.outcome.weights))
        arrays["averages"] = np.array(len(self.average))
        arrays["chosen_epoch"] = np.array(self.outcome.chosen_epoch)
        arrays["steps"] = np.array(self.steps)
        _store(self.state, arrays)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Moves the average towards the weights, normalisation statistics included."""
        if not self.plan.weight_average:
            return
        self.steps += 1
        # The short memory at the start keeps the untrained weights out of the average.
        decay = min(self.plan.weight_average, self.steps / (self.steps + 10))
        weights = self.model.get_weights()
        if not self.average:
            self.average = [weight.copy() for weight in weights]
        for average, weight in zip(self.average, weights, strict=True):
            average += (1 - decay) * (weight - average)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        loss = float((logs or {}).get("loss", np.nan))
        if not np.isfinite(loss):
            self.outcome.failure = f"the loss became {loss} in epoch {epoch + 1}"
            self.model.stop_training = True
            return
        weights = self.model.get_weights()
        chosen = self.average or weights
        self.model.set_weights(chosen)
        found = predict(self.model, self.validation.images, self.plan.batch_size)
        self.model.set_weights(weights)
        scores = validate(found, self.validation.masks, self.loss)
        best = max((row["val_iou"] for row in self.outcome.history), default=-1.0)
        if not self.plan.keep_best or scores["val_iou"] > best:
            self.outcome.weights = [weight.copy() for weight in chosen]
            self.outcome.chosen_epoch = epoch + 1
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        seconds = time.perf_counter() - self.started
        row = {"epoch": epoch + 1, "learning_rate": rate, "loss": loss, **scores}
        self.outcome.history.append(row | {"seconds": seconds})
        self.say(
            f"epoch {epoch + 1}/{self.plan.epochs}  loss {loss:.4g}  val Dice "
            f"{scores['val_dice']:.3f}  val IoU {scores['val_iou']:.3f}  {seconds:.0f} s, "
            f"{(self.plan.epochs - epoch - 1) * seconds / 60:.1f} min to go"
        )
        if self.state is not None:
            self._store_state()


def train(
    model: keras.Model,
    loss: CaseLoss,
    plan: Plan,
    training: Cases,
    validation: Cases,
    *,
    state: Path | None = None,
    say: Callable[[str], None] = print,
) -> Outcome:
    """Trains the model by the plan; returns the history and the weights of the chosen epoch.

    keep_best chooses the epoch of the best pooled validation IoU, otherwise the last one.
    state: a file that is written after each epoch and read at the start; None stores nothing.
    A loss that is not finite ends the training with Outcome.failure set.
    """
    steps = -(-len(training) // plan.batch_size)
    compile_model(model, loss, plan, steps)
    model.optimizer.build(model.trainable_variables)
    epochs = _Epochs(plan, validation, loss, state, say)
    epochs.set_model(model)
    first = epochs.resume()
    if first >= plan.epochs:
        return epochs.outcome

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for epoch in range(first, plan.epochs):
            yield from epoch_batches(training, plan, epoch)

    model.fit(
        stream(batches, next(epoch_batches(training, plan, first))),
        initial_epoch=first,
        epochs=plan.epochs,
        steps_per_epoch=steps,
        callbacks=[epochs],
        shuffle=False,  # the stream is shuffled already
        verbose=0,
    )
    return epochs.outcome
