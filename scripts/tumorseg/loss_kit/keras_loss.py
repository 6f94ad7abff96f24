"""A loss of the folder losses/ as a Keras loss, in each of its forms."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from tumorseg.core import registry
from tumorseg.core.errors import UserError
from tumorseg.loss_kit import configured
from tumorseg.loss_kit.parts import each_class, over_classes


def with_background(masks: np.ndarray) -> np.ndarray:
    """Masks (..., K) 0/1 of exclusive classes to (..., 1 + K): the background in front.

    Raises UserError where two classes share a pixel.
    """
    classes = masks.sum(axis=-1, keepdims=True)
    if (classes > 1).any():
        raise UserError(
            f"classes: {int(classes.max())} of them share a pixel, but they are exclusive; "
            "define them without common labels, or make them overlapping"
        )
    return np.concatenate([(1 - classes).astype(masks.dtype), masks], axis=-1)


@keras.saving.register_keras_serializable("tumorseg")
class CaseLoss(keras.losses.Loss):
    """A loss function (one value per case) with its constants; averages over the batch once.

    Args:
        name: the file in losses/.
        constants: those that differ from the loss's defaults. One that may be a list then has a
            number for each class: binary and exclusive with the background's in front, overlapping
            without.
        form: of K classes.
            binary: K = 1; one channel, a sigmoid.
            overlapping: K channels, a sigmoid each. The value is the mean over the classes of the
                binary loss of each channel alone, whatever the loss.
            exclusive: 1 + K channels, a softmax over the background and the classes. The value is
                the loss's own formula for several classes or, where it has none, the mean over all
                channels of the binary loss of each against the rest (parts.case_loss). `background:
                false` leaves the background out of a mean over classes, `class_sum: true` sums.

    Raises UserError for a form or a constant that is unknown or out of range.
    """

    def __init__(
        self,
        name: str,
        constants: dict[str, Any] | None = None,
        form: str = "binary",
        **settings: Any,
    ) -> None:
        super().__init__(name=name, reduction="mean_with_sample_weight", **settings)
        self.constants, self.form = dict(constants or {}), form
        configured.check_form(form)
        configured.check_constants(name, self.constants)
        module = registry.entry("losses", name)
        self._function = getattr(module, name)
        self._targets = getattr(module, "targets", None)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """One value per case. Raises ValueError where y_pred has not the channels of the form."""
        y_true, y_pred = (
            part if hasattr(part, "shape") else np.asarray(part) for part in (y_true, y_pred)
        )
        shape = y_pred.shape
        if min(len(y_true.shape), len(shape)) < 3:  # no batches: the function says what is wrong
            return self._function(y_true, y_pred, **self.constants)
        if self.form != "overlapping":
            if (shape[-1] == 1) != (self.form == "binary"):
                expected = "1 channel" if self.form == "binary" else "1 + K channels"
                raise ValueError(
                    f"{self.name}: the form {self.form} needs y_pred with {expected}, not "
                    f"{tuple(shape)}"
                )
            return self._function(y_true, y_pred, **self.constants)
        values = [
            self._function(*pair, **self._constants_of(number, shape[-1]))
            for number, pair in enumerate(each_class(y_true, y_pred))
        ]
        return over_classes(keras.ops.stack(values, axis=1), True, False)

    def _constants_of(self, number: int, classes: int) -> dict[str, Any]:
        """The constants of one of the overlapping classes: of a list, its own number."""
        constants = dict(self.constants)
        for constant, value in constants.items():
            if isinstance(value, list | tuple):
                if len(value) != classes:
                    raise ValueError(
                        f"{self.name}: {constant} has {len(value)} numbers for {classes} classes"
                    )
                constants[constant] = value[number]
        return constants

    def targets(self, masks: np.ndarray) -> np.ndarray:
        """Masks (n, ..., K) 0/1 to the float32 y_true of this loss and form, (n, ..., channels).

        For most losses these are the masks; exclusive: with the background in front. What a loss
        needs in addition follows for all channels. Raises UserError where exclusive classes share
        a pixel.
        """
        if self.form == "exclusive":
            masks = with_background(masks)
        if self._targets is None:
            return masks.astype(np.float32)
        each = [self._targets(masks[..., k : k + 1]) for k in range(masks.shape[-1])]
        return np.stack(each, axis=-1).reshape(*masks.shape[:-1], -1)

    @classmethod
    def fitted(
        cls,
        name: str,
        constants: dict[str, Any],
        masks: Iterable[np.ndarray],
        form: str = "binary",
    ) -> "CaseLoss":
        """The loss with constants that it derives from training masks, unless they are given.

        masks: one case after another, (..., K) 0/1; most losses read none of them.
        """
        configured.check_form(form)
        constants_from = getattr(registry.entry("losses", name), "constants_from", None)
        derived = {}
        if constants_from is not None:
            given = map(with_background, masks) if form == "exclusive" else masks
            derived = constants_from(given, form)
        return cls(name, derived | constants, form)

    def get_config(self) -> dict[str, Any]:
        """What Keras stores."""
        return {"name": self.name, "constants": self.constants, "form": self.form}
