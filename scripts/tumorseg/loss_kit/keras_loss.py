"""A loss of the folder losses/ as a Keras loss."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from tumorseg.core import registry
from tumorseg.loss_kit import configured


@keras.saving.register_keras_serializable("tumorseg")
class CaseLoss(keras.losses.Loss):
    """A loss function (one value per case) with its constants; averages over the batch once.

    name: the file in losses/. Raises UserError for a constant that is unknown or out of range.
    """

    def __init__(self, name: str, constants: dict[str, Any] | None = None, **settings: Any) -> None:
        super().__init__(name=name, reduction="mean_with_sample_weight", **settings)
        self.constants = dict(constants or {})
        configured.check_constants(name, self.constants)
        module = registry.entry("losses", name)
        self._function = getattr(module, name)
        self._targets = getattr(module, "targets", None)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """One value per case."""
        return self._function(y_true, y_pred, **self.constants)

    def targets(self, masks: np.ndarray) -> np.ndarray:
        """Masks (n, ..., 1) 0/1 to the float32 y_true of this loss: for most losses the masks."""
        return self._targets(masks) if self._targets else masks.astype(np.float32)

    @classmethod
    def fitted(
        cls, name: str, constants: dict[str, Any], masks: Iterable[np.ndarray]
    ) -> "CaseLoss":
        """The loss with constants that it derives from training masks, unless they are given.

        masks: one case after another; most losses read none of them.
        """
        constants_from = getattr(registry.entry("losses", name), "constants_from", None)
        return cls(name, (constants_from(masks) if constants_from else {}) | constants)

    def get_config(self) -> dict[str, Any]:
        """What Keras stores."""
        return {"name": self.name, "constants": self.constants}
