"""Prints what every network predicts, with weights that no backend chose, as JSON.

    KERAS_BACKEND=jax python tests/unit/network_values.py unet.weights.h5 2 3

in 2 and 3 dimensions, and what a U-Net with dropout predicts with the weights in that file.
test_networks.py compares the backends; JAX, which compiles slowly, in 2-D only. On PyTorch it also
prints the features of our RegUNet and of MONAI's with the same weights, and our linear enlarging
beside PyTorch's interpolation.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import keras
import numpy as np

from tumorseg.core.registry import names
from tumorseg.network_kit.check import Network, answers, filled, images_of
from tumorseg.network_kit.layers import LinearUpSampling


def values(dimensions: Iterable[int]) -> dict[str, list[float]]:
    """Network and dimensions -> a sample of its predictions."""
    found = {}
    for name in names("networks"):
        for number in dimensions:
            network = Network(name, number)
            predicted = answers(filled(network.build()), images_of(network, 1))
            found[f"{name} {number}"] = predicted.ravel()[::7].tolist()
    return found


def trained() -> keras.Model:
    """A U-Net that has all that a weights file may hold: dropout and normalisation."""
    return Network("unet", 2).build(levels=1, dropout=1.0)


def from_file(path: str) -> list[float]:
    """What it predicts with the weights in a file."""
    model = trained()
    model.load_weights(path)
    return answers(model, images_of(Network("unet", 2), 1)).ravel()[::7].tolist()


def monai_regunet(dimensions: int) -> list[list[float]]:
    """A sample of the decoder's features of our RegUNet and of MONAI's, with the same weights.

    MONAI's transposed convolution puts the first voxel of its kernel one voxel further. So its
    image and its kernels are mirrored, and its features mirrored back.
    """
    import torch
    from monai.networks.nets.regunet import RegUNet

    network = Network("regunet", dimensions)
    ours, images = filled(network.build()), images_of(network, 1)
    theirs = RegUNet(dimensions, 2, 8, 3, out_channels=1, extract_levels=(0, 3)).eval()
    theirs.output_block.forward = lambda features, image_size: features[-1]
    axes = tuple(range(2, 2 + dimensions))

    def give(block: str, part: object, convolution: torch.nn.Module, norm: torch.nn.Module) -> None:
        name = block.replace("decoder", "up") if part == "up" else f"{block}_conv{part}"
        (kernel,) = (keras.ops.convert_to_numpy(w) for w in ours.get_layer(name).weights)
        # Keras: (spatial..., in, out), transposed (spatial..., out, in); PyTorch the other way.
        moved = np.moveaxis(kernel, (-1, -2), (0, 1))
        convolution.weight.data = torch.tensor(np.flip(moved, axes).copy())
        of_norm = ours.get_layer(f"{block}_norm{part}").weights
        values = [torch.tensor(keras.ops.convert_to_numpy(weight)) for weight in of_norm]
        norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var = values
        norm.eps = 1e-3

    blocks = {f"encoder{n + 1}": block for n, block in enumerate(theirs.encode_convs)}
    blocks["bottleneck"] = theirs.bottom_block
    blocks |= {f"decoder{3 - n}": block for n, block in enumerate(theirs.decode_convs)}
    for name, (first, residual) in blocks.items():
        give(name, 1, first.conv, first.adn.N)
        for number, (layer, norm) in enumerate(zip(residual.layers, residual.norms, strict=True)):
            give(name, number + 2, layer.conv, norm)
    for number, up in enumerate(theirs.decode_deconvs):
        give(f"decoder{3 - number}", "up", up.conv, up.adn.N)
    with torch.no_grad():
        found = theirs(torch.tensor(np.flip(np.moveaxis(images, -1, 1), axes).copy())).numpy()
    found = np.moveaxis(np.flip(found, axes), 1, -1)
    expected = answers(keras.Model(ours.input, ours.get_layer("probability").input), images)
    return [expected.ravel()[::5].tolist(), found.ravel()[::5].tolist()]


def interpolation(shape: tuple[int, ...]) -> list[list[float]]:
    """Our linear enlarging by 2, and PyTorch's."""
    import torch

    x = np.random.default_rng(3).normal(size=(2, *shape, 3)).astype(np.float32)
    ours = LinearUpSampling((2,) * len(shape))(x)
    theirs = torch.nn.functional.interpolate(
        torch.tensor(np.moveaxis(x, -1, 1)),
        scale_factor=2,
        mode={2: "bilinear", 3: "trilinear"}[len(shape)],
    )
    return [
        keras.ops.convert_to_numpy(ours).ravel().tolist(),
        theirs.moveaxis(1, -1).ravel().tolist(),
    ]


if __name__ == "__main__":
    results = {"keras": keras.backend.backend(), "values": values(list(map(int, sys.argv[2:])))}
    results["from file"] = from_file(sys.argv[1])
    if results["keras"] == "torch":
        results["regunet"] = [monai_regunet(2), monai_regunet(3)]
        results["interpolation"] = [interpolation((5, 3)), interpolation((2, 4, 3))]
    print(json.dumps(results))
