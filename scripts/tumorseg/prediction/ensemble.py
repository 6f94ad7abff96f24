"""The trained networks of an exported model, applied to images one after another."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tumorseg.core.device import Device
from tumorseg.core.errors import UserError
from tumorseg.prediction.records import ModelFacts
from tumorseg.training import model
from tumorseg.training.identity import versions
from tumorseg.training.windows import OVERLAP

# Slices or patches at a time; a smaller batch is padded, so that the network is compiled once.
BATCH = 8


class Ensemble:
    """One Keras network and the weights of every member; the device must be started before.

    facts: as returned by exported_model.read; machine: the device. Raises UserError if weights do
    not fit the network that this version builds from the facts.
    """

    def __init__(self, folder: Path, facts: ModelFacts, machine: Device) -> None:
        settings = facts["recipe"]["settings"]
        self.channels, self.mirrored = settings["channels"], settings["training"]["mirrored"]
        self.classes = facts["network"].get("classes", 1)
        self.overlap = facts.get("overlap", OVERLAP)
        self.model = model.build_network(facts["network"], settings)
        self.model.compile(optimizer=None, jit_compile=machine.xla)
        self.weights = [self._read(folder / member["file"], facts) for member in facts["members"]]

    def _read(self, path: Path, facts: ModelFacts) -> list[np.ndarray]:
        try:
            # If weights are missing in the file, Keras keeps its initial ones and only warns.
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)
                self.model.load_weights(path)
        except (UserWarning, ValueError, KeyError, OSError) as error:
            reason = (str(error).strip().splitlines() or ["unreadable"])[0]
            exported_with = facts.get("versions", {}).get("keras", "unknown")
            raise UserError(
                f"{path}: the weights do not fit the network in model.yaml as built by Keras "
                f"{versions()['keras']} (exported with Keras {exported_with}): {reason}; "
                "install the versions listed in model.yaml"
            ) from None
        return self.model.get_weights()

    def probabilities(self, images: np.ndarray) -> Iterator[np.ndarray]:
        """Each member's maps, (n, spatial..., classes), of images (n, spatial..., channels)."""
        from tumorseg.training import inference  # Keras may only start after the device is set up

        inputs = model.with_channels(images, self.channels)
        for weights in self.weights:
            self.model.set_weights(weights)
            maps = inference.predict_whole(self.model, inputs, BATCH, self.mirrored, self.overlap)
            yield inference.of_classes(maps, self.classes)
