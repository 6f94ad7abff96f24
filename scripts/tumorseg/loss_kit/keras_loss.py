"""A loss of the registry as Keras wants it."""

from typing import Any

import keras
import numpy as np

from tumorseg.core import registry
from tumorseg.loss_kit import configured


@keras.saving.register_keras_serializable("tumorseg")
class CaseLoss(keras.losses.Loss):
    """A pure loss function (one value a case) with its constants; takes the batch mean once.

    name: the file in losses/. Raises ValueError at once for a constant out of range.
    """

    def __init__(self, name: str, constants: dict[str, Any] | None = None, **settings: Any) -> None:
        super().__init__(name=name, reduction="mean_with_sample_weight", **settings)
        self.constants = dict(constants or {})
        configured.check_constants(name, self.constants)
        module = registry.entry("losses", name)
        self._function = getattr(module, name)
        self._targets = getattr(module, "targets", None)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._function(y_true, y_pred, **self.constants)

    def targets(self, masks: np.ndarray) -> np.ndarray:
        """Masks (n, ..., 1) 0/1 to the float32 y_true of this loss: mostly themselves."""
        return self._targets(masks) if self._targets else masks.astype(np.float32)

    @classmethod
    def fitted(cls, name: str, constants: dict[str, Any], masks: np.ndarray) -> "CaseLoss":
        """With the constants that the loss takes from the training masks, unless they are given."""
        found = getattr(registry.entry("losses", name), "constants_from", lambda masks: {})
        return cls(name, found(masks) | constants)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "constants": self.constants}
