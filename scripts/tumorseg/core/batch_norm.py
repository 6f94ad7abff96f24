"""Batch normalisation through the backend's fused kernel, which Keras leaves unused."""

from typing import Any

import keras

from tumorseg.core.backend import fused_batch_norm


@keras.saving.register_keras_serializable("tumorseg")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras' batch normalisation over the last axis, with its weights, results and defaults.

    2-D or 3-D inputs (batch, ..., channels). Where the kernel cannot do what is asked (another
    backend or axis, float64, no scale or offset, masks), Keras' own computation runs. Statistics
    and weights are float32 in every shorter precision.
    Source: Ioffe & Szegedy 2015.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The normalised inputs; in training the moving averages take the batch's statistics in."""
        learns = bool(training) and self.trainable
        result = None
        dimensions = len(inputs.shape)
        able = self.center and self.scale and not self.synchronized and mask is None
        able = able and dimensions in (4, 5) and self.axis in (-1, dimensions - 1)
        if able and self.compute_dtype != "float64":
            result = fused_batch_norm(
                inputs,
                self.gamma,
                self.beta,
                self.moving_mean,
                self.moving_variance,
                epsilon=self.epsilon,
                training=learns,
            )
        if result is None:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = result
        if learns:
            kept = self.momentum
            self.moving_mean.assign(self.moving_mean * kept + mean * (1.0 - kept))
            self.moving_variance.assign(self.moving_variance * kept + variance * (1.0 - kept))
        return outputs
