"""Layers that Keras does not have: linear enlarging in 2-D and 3-D, recurrent convolution."""

from typing import Any

import keras
from keras import layers, ops

from tumorseg.core.batch_norm import FusedBatchNormalization
from tumorseg.network_kit.parts import CONV


@keras.saving.register_keras_serializable("tumorseg")
class LinearUpSampling(layers.Layer):
    """Doubles axes by linear interpolation between voxel centres; borders are repeated.

    factor: for each spatial axis 1 or 2. The same as PyTorch's interpolate with mode bilinear or
    trilinear and align_corners=False.
    """

    def __init__(self, factor: tuple[int, ...], **options: Any) -> None:
        super().__init__(**options)
        self.factor = tuple(factor)

    def call(self, inputs: Any) -> Any:
        """(batch, spatial..., channels), each spatial axis times its factor."""
        x = inputs
        for axis, factor in enumerate(self.factor, start=1):
            if factor == 1:
                continue
            size = x.shape[axis]
            before = ops.concatenate([_part(x, axis, 0, 1), _part(x, axis, 0, size - 1)], axis)
            after = ops.concatenate([_part(x, axis, 1, size), _part(x, axis, size - 1, size)], axis)
            pairs = ops.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis + 1)
            x = ops.reshape(pairs, (-1, *x.shape[1:axis], 2 * size, *x.shape[axis + 1 :]))
        return x

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of the enlarged tensor."""
        sides = [s and s * f for s, f in zip(shape[1:-1], self.factor, strict=True)]
        return (shape[0], *sides, shape[-1])

    def get_config(self) -> dict[str, Any]:
        """The arguments that build the layer again."""
        return super().get_config() | {"factor": self.factor}


def _part(x: Any, axis: int, start: int, end: int) -> Any:
    return x[(slice(None),) * axis + (slice(start, end),)]


@keras.saving.register_keras_serializable("tumorseg")
class RecurrentConvolution(layers.Layer):
    """A 3x3 convolution that is applied again to its own result plus its input: y = f(x + y).

    f: convolution, batch normalisation if wanted, ReLU; the same weights in each step. The first
    step is y = f(x); `steps` more follow. Source: Liang & Hu 2015; Alom et al. 2018, eq. 3, t = 2.
    """

    def __init__(self, width: int, steps: int = 2, norm: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.width, self.steps, self.norm = width, steps, norm

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Makes the weights; shape: of the input, with `width` channels."""
        if shape[-1] != self.width:
            raise ValueError(f"{shape[-1]} channels, expected {self.width}: the result is added")
        self.convolution = CONV[len(shape) - 2](
            self.width,
            3,
            padding="same",
            use_bias=not self.norm,
            kernel_initializer="he_normal",
            name="conv",
            dtype=self.dtype_policy,
        )
        self.convolution.build(shape)
        self.normalisation = None
        if self.norm:
            self.normalisation = FusedBatchNormalization(
                momentum=0.9, name="norm", dtype=self.dtype_policy
            )
            self.normalisation.build(shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The features after all steps, of the input's shape."""
        y = self._step(inputs, training)
        for _ in range(self.steps):
            y = self._step(inputs + y, training)
        return y

    def _step(self, x: Any, training: bool | None) -> Any:
        y = self.convolution(x)
        if self.normalisation is not None:
            y = self.normalisation(y, training=training)
        return ops.relu(y)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's shape."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """The arguments that build the layer again."""
        own = {"width": self.width, "steps": self.steps, "norm": self.norm}
        return super().get_config() | own
