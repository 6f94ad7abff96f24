"""Trains patches of volumes with deep supervision, stopped and not, on one Keras backend.

    KERAS_BACKEND=jax python tests/unit/small_training.py <an empty folder>

test_other_backends.py runs it. The network has all that a state holds, and compiles in a second.
"""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import keras
import test_training as trainings
from keras import layers

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


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    outcome = trainings.assert_resumes(
        replace(trainings.PLAN, **SETTINGS),
        folder,
        network=network,
        training_cases=trainings.balls(folder, [(10, 20, 24), (12, 16, 16)], 1),
        validation_cases=trainings.balls(folder, [(8, 16, 16), (11, 20, 16)], 2),
    )
    assert outcome.history[-1]["loss"] < outcome.history[0]["loss"]
    print(keras.backend.backend(), len(outcome.history), "epochs")
