"""Deep supervision: in training the lower levels of a network predict too. Uses Keras only.

As in nnU-Net (Isensee et al. 2021), the loss is the weighted mean of the losses at every resolution
but the lowest; each has half the weight of the one above. The further outputs exist while training
only: the network that is validated, stored and predicts is the one without them, and its weights
file is the same as without deep supervision.
"""

from typing import Any

import keras

from tumorseg.core.registry import entry


class DeeplySupervised(keras.Model):
    """A network whose outputs are those of another, at full resolution and at lower ones.

    It is given targets of full resolution. Lower resolutions get every second, fourth... of them.
    """

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The weighted mean of the losses at each resolution."""
        shares = [0.5**n for n in range(len(y_pred))]
        losses = [
            self.loss(_shrunk(y, output.shape), output) * (share / sum(shares))
            for share, output in zip(shares, y_pred, strict=True)
        ]
        return sum(losses[1:], start=losses[0])


def _shrunk(targets: Any, shape: tuple[int, ...]) -> Any:
    """Targets (batch, spatial..., n) at the grid of another shape, by taking some of them."""
    steps = [side // ours for side, ours in zip(targets.shape[1:-1], shape[1:-1], strict=True)]
    return targets[(slice(None), *(slice(step // 2, None, step) for step in steps))]


def deeply_supervised(model: keras.Model, network: str) -> keras.Model:
    """The model to train: `model` and the further outputs that the network of this name has.

    It shares the model's variables. A model of two levels has no further outputs and is returned.
    """
    further = entry("networks", network).deep_outputs(model)
    return DeeplySupervised(model.input, [*model.outputs, *further]) if further else model
