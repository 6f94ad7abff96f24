"""The trainings of an exported model as one: what each of them says of a slice."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.errors import UserError
from tumorseg.training import model
from tumorseg.training.identity import versions

BATCH = 8  # slices at a time; fewer are padded, so that the network is compiled once


class Ensemble:
    """One Keras network and the weights of every member; needs a started device.

    facts: as `exported_model.read` gives them. Raises UserError where weights are of another
    network than the facts say, or than this version builds.
    """

    def __init__(self, folder: Path, facts: dict[str, Any]) -> None:
        settings = facts["recipe"]["settings"]
        self.channels, self.mirrored = settings["channels"], settings["training"]["mirrored"]
        network = {name: facts["network"][name] for name in ("name", "size_px", "base_width")}
        self.model = model.build_network(network, settings)
        self.model.compile(optimizer=None, jit_compile=False)
        self.weights = [self._read(folder / member["file"], facts) for member in facts["members"]]

    def _read(self, path: Path, facts: dict[str, Any]) -> list[np.ndarray]:
        try:
            # Keras only warns where it leaves first weights in place.
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)
                self.model.load_weights(path)
        except (UserWarning, ValueError, KeyError, OSError) as error:
            reason = (str(error).strip().splitlines() or ["unreadable"])[0]
            theirs = facts.get("versions", {}).get("keras", "unknown")
            raise UserError(
                f"{path}: these weights do not fit the network of model.yaml as Keras "
                f"{versions()['keras']} builds it (exported with Keras {theirs}): {reason}; "
                "use the versions that model.yaml names"
            ) from None
        return self.model.get_weights()

    def probabilities(self, squares: np.ndarray) -> np.ndarray:
        """(members, n, size, size) float32 of n prepared slices, (n, size, size)."""
        from tumorseg.training import inference  # Keras may only start after the device is set up

        inputs = model.with_channels(squares[..., None], self.channels)
        found = np.empty((len(self.weights), *squares.shape), np.float32)
        for number, weights in enumerate(self.weights):
            self.model.set_weights(weights)
            found[number] = inference.predict(self.model, inputs, BATCH, self.mirrored)[..., 0]
        return found
