"""The training loop: batches, epochs, validation and resumption. Uses Keras only.

Everything random is a function of (seed, fold, epoch, step), never of what ran before, and the
whole state is stored after each epoch: a killed training resumes and ends bit-identical to an
undisturbed one.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import keras
import numpy as np

from tumorseg.core.device import Device
from tumorseg.loss_kit.keras_loss import CaseLoss
from tumorseg.training.cases import Cases
from tumorseg.training.inference import predict_whole
from tumorseg.training.optimizer import compile_model
from tumorseg.training.patches import Patches
from tumorseg.training.plan import Plan, kept_epoch, plateau_rate
from tumorseg.training.state import Average, Outcome, restore, store


def epoch_batches(
    cases: Cases | Patches, loss: CaseLoss, plan: Plan, epoch: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The augmented images of one epoch and the loss's targets, batch by batch."""
    for images, masks in cases.drawn(plan, epoch):
        yield images, loss.targets(masks)


def predicted_classes(probability: np.ndarray, classes: int) -> np.ndarray:
    """Which classes are predicted, (..., classes) bool: those above .5.

    Exclusive classes have a channel more, the background, in front: there the likeliest one is.
    """
    if probability.shape[-1] == classes:
        return probability > 0.5
    return probability.argmax(axis=-1)[..., None] == np.arange(1, classes + 1)


def validate(
    model: keras.Model, cases: Cases | Patches, loss: CaseLoss, plan: Plan
) -> dict[str, float]:
    """Loss, pooled IoU and mean Dice of the cases at the size at which they are packed.

    IoU and Dice are those of `overlaps`. Batch by batch, so that any number of cases fits into
    memory. Empty where a prediction is not finite.
    """
    counts, values = [], []
    for images, masks in cases.batches(plan.batch_size):
        # Windows do not overlap: a validation must not take longer than the epoch that it judges.
        probability = predict_whole(model, images, plan.batch_size, plan.mirrored, overlap=0.0)
        if not np.isfinite(probability).all():
            return {}
        truth, predicted = masks > 0, predicted_classes(probability, masks.shape[-1])
        axes = tuple(range(1, truth.ndim - 1))
        counts.append(np.stack([(truth & predicted).sum(axes), (truth | predicted).sum(axes)]))
        values.append(keras.ops.convert_to_numpy(loss.call(loss.targets(masks), probability)))
    both, either = np.concatenate(counts, axis=1).transpose(0, 2, 1)  # (classes, cases)
    return {"val_loss": float(np.concatenate(values).mean()), **overlaps(both, either)}


def overlaps(both: np.ndarray, either: np.ndarray) -> dict[str, float]:
    """Pooled IoU and mean Dice, as the means of those of the classes, NaN where none is defined.

    As in the results (metrics.overlap), the Dice of a case that has no voxel of a class, and none
    predicted, is undefined: it is left out and counted in val_undefined. So is the IoU of a class
    of which that holds for every case.

    both, either: (classes, cases) voxels in mask and prediction, and in either.
    """
    iou, dice = [], []
    for own, all_, defined in zip(both, either, either > 0, strict=True):
        if defined.any():
            iou.append(own.sum() / all_.sum())
            dice.append(np.mean(2 * own[defined] / (own + all_)[defined]))
    return {
        "val_iou": float(np.mean(iou)) if iou else np.nan,
        "val_dice": float(np.mean(dice)) if dice else np.nan,
        "val_undefined": int(np.count_nonzero(either == 0)),
    }


class Training:
    """One training in progress: `epoch()` trains the next epoch, `outcome` is the result so far.

    The weights of the epoch that plan.keep_best names are chosen. A loss that is not finite ends
    the training and sets outcome.failure.

    Args:
        model: the network, not yet compiled: its weights are the result.
        loss: the loss.
        plan: the settings.
        training: cases to train on.
        validation: cases that score each epoch.
        machine: the device, as `device.start` returned it.
        state: a file that is written after each epoch and read at the start; None stores nothing.
        trained: what is trained where it is not the model itself but one that contains it
            (training/deep_supervision.py).
    """

    def __init__(
        self,
        model: keras.Model,
        loss: CaseLoss,
        plan: Plan,
        training: Cases | Patches,
        validation: Cases | Patches,
        *,
        machine: Device,
        state: Path | None = None,
        trained: keras.Model | None = None,
    ) -> None:
        self.model, self.loss, self.plan, self.machine = model, loss, plan, machine
        self.training, self.validation, self.state = training, validation, state
        self.trained = trained or model
        self.steps = training.steps(plan)
        self.step = 0  # the number of the next one, over all epochs
        with machine.scope():  # the optimizer's variables must live on every device too
            compile_model(self.trained, loss, plan, self.steps, machine)
            self.optimizer = self.trained.optimizer
            self.optimizer.build(self.trained.trainable_variables)
            self.judged = model
            if plan.weight_average:  # a network of their own: no weights need be set back
                self.judged = keras.models.clone_model(model)
            if self.judged is not self.trained:
                self.judged.compile(optimizer=None, jit_compile=machine.xla)
        self.variables = [*self.trained.variables, *self.optimizer.variables]
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
        self.step = epoch * self.steps
        self._set_rate()
        of_epoch = batches, self.steps, self._after_step, (plan.seed, epoch)
        value = self.machine.train_epoch(self.trained, *of_epoch)
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
        rate = float(keras.ops.convert_to_numpy(self.optimizer.learning_rate))
        row = {"epoch": epoch + 1, "learning_rate": rate, "loss": value, **scores}
        outcome.history.append(row | {"seconds": time.perf_counter() - started})
        if kept_epoch(outcome.history, plan.keep_best) == epoch:
            outcome.weights = [weight.copy() for weight in chosen]
            outcome.chosen_epoch = epoch + 1
        if self.state is not None:
            store(self.state, self.variables, outcome, self.average)
        return outcome.history[-1]

    def _set_rate(self) -> None:
        """Sets the rate of the next step where it follows from the validation losses."""
        if self.plan.schedule == "plateau":
            losses = [row["val_loss"] for row in self.outcome.history]
            self.optimizer.learning_rate = plateau_rate(self.plan, losses, self.step, self.steps)

    def _after_step(self) -> None:
        self.step += 1
        self._set_rate()
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
