"""What each backend does in its own way: operations for which Keras has none or a slower one.

Only this module, core/backends.py and core/device.py name a backend.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def value_and_gradient(
    function: Callable[[Any], Any], at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The values of a keras.ops function at an array, and the gradient of their sum there.

    Keras has no function for gradients; each backend has its own.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        x = tf.convert_to_tensor(at)
        with tf.GradientTape() as tape:
            tape.watch(x)
            values = function(x)
        gradient = tape.gradient(values, x)
    elif backend == "jax":
        import jax

        values = function(at)
        gradient = jax.grad(lambda x: function(x).sum())(at)
    else:
        import torch

        x = torch.tensor(at, requires_grad=True)
        values = function(x)
        (gradient,) = torch.autograd.grad(values.sum(), x)
    to_numpy = keras.ops.convert_to_numpy
    return to_numpy(values), to_numpy(gradient)


def fused_batch_norm(
    x: Any, scale: Any, offset: Any, mean: Any, variance: Any, *, epsilon: float, training: bool
) -> tuple[Any, Any, Any] | None:
    """Batch normalisation over all axes but the last in one kernel; None if the backend has none.

    x: (batch, ..., channels) of any float type, 2-D or 3-D; the rest (channels,) float32. In
    training x is normalised with its own mean and variance, otherwise with those given. Returns
    the normalised x, and the mean and the biased variance that normalised it.
    """
    backend = keras.backend.backend()
    if backend == "torch":
        return _torch_batch_norm(x, scale, offset, mean, variance, epsilon, training)
    if backend != "tensorflow":  # XLA fuses Keras' own computation
        return None
    import tensorflow as tf

    # The kernel takes (batch, height, width, channels): depth goes into the height.
    shape = tf.shape(x)
    flat = x if len(x.shape) == 4 else tf.reshape(x, [shape[0], -1, shape[-2], x.shape[-1]])
    none = tf.zeros([0], tf.float32)
    y, used_mean, used_variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=flat,
        scale=scale,
        offset=offset,
        mean=none if training else mean,
        variance=none if training else variance,
        epsilon=epsilon,
        is_training=training,
        data_format="NHWC",
    )
    if training:  # the kernel returns the variance of a sample, n / (n - 1) of the biased one
        count = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
        used_variance = used_variance * (count - 1.0) / count
    return (y if len(x.shape) == 4 else tf.reshape(y, shape)), used_mean, used_variance


def _torch_batch_norm(
    x: Any, scale: Any, offset: Any, mean: Any, variance: Any, epsilon: float, training: bool
) -> tuple[Any, Any, Any]:
    """As `fused_batch_norm`. The moved axes are views: channels stay last in memory."""
    import torch

    weight, bias, mean, variance = (each.value for each in (scale, offset, mean, variance))
    moved = torch.movedim(x, -1, 1)
    if not training:
        options = {"training": False, "eps": epsilon}
        y = torch.nn.functional.batch_norm(moved, mean, variance, weight, bias, **options)
        return torch.movedim(y, 1, -1), mean, variance
    y, mean, deviation = torch.native_batch_norm(
        moved, weight, bias, None, None, True, 0.0, epsilon
    )
    with torch.no_grad():
        variance = deviation**-2 - epsilon  # it returns 1 / sqrt(variance + epsilon)
    return torch.movedim(y, 1, -1), mean.detach(), variance


def has_fused_adam() -> bool:
    """Whether `fused_adam_step` does anything; the other backends pass over the memory once too."""
    return keras.backend.backend() == "tensorflow"


def fused_adam_step(
    variable: Any,
    momentum: Any,
    velocity: Any,
    gradient: Any,
    *,
    rate: Any,
    powers: tuple[Any, Any],
    adam: Any,
) -> None:
    """One step of Adam on one variable, in one kernel that passes over the memory once.

    Args:
        variable: the backend's variable; momentum, velocity: Keras' variables of the optimizer.
        gradient: dense, of the same shape.
        rate: the learning rate, float32.
        powers: beta_1 and beta_2 to the power of this step's number, from 1.
        adam: the optimizer, for beta_1, beta_2 and epsilon.

    For a backend of `has_fused_adam`.
    """
    import tensorflow as tf

    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=momentum.value.handle,
        v=velocity.value.handle,
        beta1_power=powers[0],
        beta2_power=powers[1],
        lr=rate,
        beta1=adam.beta_1,
        beta2=adam.beta_2,
        epsilon=adam.epsilon,
        grad=gradient,
    )


def seed_epoch(seed: tuple[int, int]) -> None:
    """Makes the random numbers of an epoch a function of these numbers alone.

    On PyTorch, Keras draws dropout from a generator that no variable of the model holds.
    """
    if keras.backend.backend() == "torch":
        import torch

        torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))


def divide_batches(devices: list[str]) -> None:
    """From now on, JAX divides every batch among these devices; a single one gets it whole.

    The variables of a model built after it are on every device. Each computes its part of a batch,
    and all sums over the batch (loss, gradient, batch normalisation) are over the whole of it, so a
    training is the same, up to rounding, on any number of devices. A batch that has no equal parts,
    as the last of an epoch may be, is computed whole by every device.

    devices: Keras' names, such as "tpu:0".
    """
    if len(devices) == 1:
        keras.distribution.set_distribution(None)
        return

    class Batches(keras.distribution.DataParallel):
        def get_data_layout(self, data_shape: tuple[int, ...]) -> Any:
            if data_shape[0] % len(devices) == 0:
                return super().get_data_layout(data_shape)
            return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)

    keras.distribution.set_distribution(Batches(devices=devices, auto_shard_dataset=False))


def divided(batch: Any) -> Any:
    """A batch for predict_on_batch, on the devices of `divide_batches`.

    Keras divides those of train_on_batch itself.
    """
    distribution = keras.distribution.distribution()
    if distribution is None:
        return batch
    import jax

    return jax.device_put(batch, distribution.get_data_layout(batch.shape).backend_layout)
