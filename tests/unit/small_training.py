"""Trains patches of volumes with deep supervision, stopped and not, on one Keras backend.

    KERAS_BACKEND=jax python tests/unit/small_training.py <an empty folder>

test_other_backends.py runs it. The network has all that a state holds, and compiles in a second.
On JAX, which makes itself four devices, each batch is divided, and the losses are those of one.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={(DEVICES := 4)}"

import keras
import numpy as np
import test_training as trainings
from keras import layers

from tumorseg.core.backend import divided, value_and_gradient
from tumorseg.core.batch_norm import FusedBatchNormalization

SETTINGS = {"steps": 4, "batch_size": 2, "deep_supervision": True, "learning_rate": 0.05}


def network() -> keras.Model:
    """The names by which networks/unet.py finds the resolutions below, and one convolution each."""
    image = keras.Input((8, 16, 16, 1))
    low = layers.AveragePooling3D(2, name="pool1")(image)
    low = layers.Conv3D(2, 1, use_bias=False)(low)
    low = layers.Dropout(0.2)(FusedBatchNormalization(name="pool2")(low))
    low = layers.Activation("relu", name="decoder2_relu2")(low)
    high = layers.Concatenate(name="pool3")([image, layers.UpSampling3D(2)(low)])
    last = layers.Conv3D(1, 1, activation="sigmoid", dtype="float32", name="probability")
    return keras.Model(image, last(high))


def check_batch_normalisation() -> None:
    """Value, gradient and averages of a step are those of Keras' layer, in 2-D and 3-D."""
    for shape in ((4, 6, 5, 3), (2, 3, 6, 5, 3)):
        x, target = np.random.default_rng(1).normal(3, 2, (2, *shape)).astype(np.float32)
        steps = []
        for kind in (layers.BatchNormalization, FusedBatchNormalization):
            layer = kind(momentum=0.9)
            layer.build(shape)
            layer(x, training=True)

            def product(at, layer=layer, target=target):
                return keras.ops.sum(keras.ops.multiply(layer(at, training=True), target))

            found = [*layer.get_weights()]
            if keras.backend.backend() == "torch":  # JAX's fused layer is Keras' own
                found += value_and_gradient(product, x)
            steps.append(found)
        for theirs, ours in zip(*steps, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def check_devices() -> None:
    """Each device gets an equal part of a batch, or all of one that has no equal parts."""
    plan = replace(trainings.PLAN, batch_size=DEVICES, epochs=2)
    shared = trainings.run(plan)  # of 10 cases: batches of 4, 4 and 2
    parts = {
        size: [part.data.shape[0] for part in divided(np.zeros((size, 2, 2, 1))).addressable_shards]
        for size in (8, 4, 2)
    }
    assert parts == {8: [2] * 4, 4: [1] * 4, 2: [2] * 4}, parts
    alone = trainings.run(plan, batch=1)
    for name in ("loss", "val_loss", "val_dice"):
        pairs = [[row[name] for row in outcome.history] for outcome in (shared, alone)]
        np.testing.assert_allclose(*pairs, rtol=1e-4)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    check_batch_normalisation()
    if keras.backend.backend() == "jax":
        check_devices()
    outcome = trainings.assert_resumes(
        replace(trainings.PLAN, **SETTINGS),
        folder,
        network=network,
        training_cases=trainings.balls(folder, [(10, 20, 24), (12, 16, 16)], 1),
        validation_cases=trainings.balls(folder, [(8, 16, 16), (11, 20, 16)], 2),
    )
    assert outcome.history[-1]["loss"] < outcome.history[0]["loss"]
    print(keras.backend.backend(), len(outcome.history), "epochs")
