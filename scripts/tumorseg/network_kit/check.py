"""Checks a network: check_network("unet") runs the battery that every network must pass."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import keras
import numpy as np

from tumorseg.core.registry import entry

SHAPES = {2: (32, 48), 3: (16, 32, 16)}
CHANNELS = 2


class Network(NamedTuple):
    """A network of the registry in 2 or 3 dimensions, small."""

    name: str
    dimensions: int

    def build(self, **options: Any) -> keras.Model:
        """The network from seed 1."""
        keras.utils.set_random_seed(1)
        small = {"shape": SHAPES[self.dimensions], "channels": CHANNELS, "base_width": 8}
        settled = {"levels": 3, "dropout": 0.0, "normalisation": True}
        return entry("networks", self.name).build(**small | settled | options)


def check_network(
    name: str,
    checks: Iterable[Callable[[Network], None]] | None = None,
    dimensions: Iterable[int] = (2, 3),
) -> dict[str, str]:
    """Runs checks on a network; returns check -> "passed" or what is wrong, in which dimensions.

    name: the file in networks/. checks: by default all CHECKS, which take about a minute. Runs on
    the Keras backend in use. A check's docstring says what it promises.

    >>> check_network("unet", [untrained_it_predicts_the_prior], [2])
    {'untrained_it_predicts_the_prior': 'passed'}
    """
    results = {}
    for check in CHECKS if checks is None else checks:
        wrong = []
        for number in dimensions:
            try:
                check(Network(name, number))
            except Exception as error:  # whatever the network raises is the check's result
                wrong.append(f"{number}-D: {type(error).__name__}: {error}")
        results[check.__name__] = "; ".join(wrong) or "passed"
    return results


def require(holds: Any, otherwise: str) -> None:
    """AssertionError with this text unless all of it holds."""
    if not np.all(holds):
        raise AssertionError(otherwise)


def images_of(network: Network, count: int = 2, seed: int = 0) -> np.ndarray:
    """Random images of the network's shape."""
    shape = (count, *SHAPES[network.dimensions], CHANNELS)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def filled(model: keras.Model, seed: int = 0) -> keras.Model:
    """The model with weights that depend neither on its initialisers nor on the backend."""
    random = np.random.default_rng(seed)
    values = []
    for weight in model.weights:
        kind, shape = weight.path.rpartition("/")[2], tuple(weight.shape)
        if kind == "kernel":
            values.append(random.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape))
        elif kind == "gamma":
            values.append(random.uniform(0.5, 1.0, shape))  # keeps the last layer's inputs small
        elif kind == "moving_variance":
            values.append(random.uniform(0.5, 1.5, shape))
        else:
            values.append(random.normal(0, 0.1, shape))
    model.set_weights([value.astype(np.float32) for value in values])
    return model


def answers(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """What the model predicts, as an array."""
    return keras.ops.convert_to_numpy(model(images, training=False))


def one_probability_per_voxel_and_class(network: Network) -> None:
    """Every form of outputs, square, oblong and flat inputs; other shapes are refused in words."""
    of: dict[int, list[tuple[int, ...]]] = {2: [(32, 32), (16, 64)], 3: [(16,) * 3, (4, 32, 32)]}
    sides = of[network.dimensions]
    forms: list[dict[str, Any]] = [{}, {"classes": 2}, {"classes": 2, "exclusive": True}]
    for shape, form in zip([*sides, sides[0]], forms, strict=True):
        model = filled(network.build(shape=shape, **form))
        random = np.random.default_rng(1).normal(size=(1, *shape, CHANNELS))
        p = answers(model, random.astype(np.float32))
        outputs = form.get("classes", 1) + bool(form.get("exclusive"))
        require(p.shape == (1, *shape, outputs), f"{shape}: predicts the shape {p.shape}")
        require((p >= 0) & (p <= 1) & np.isfinite(p), f"{shape}: no probabilities")
        require(np.ptp(p) > 1e-3, f"{shape}: the same probability everywhere")
        if form.get("exclusive"):
            require(np.abs(p.sum(-1) - 1) < 1e-5, "exclusive classes do not sum to 1")
    try:
        network.build(shape=(37,) * network.dimensions)
    except ValueError as error:
        require("use 32 or" in str(error), f"refuses a side of 37 without naming another: {error}")
    else:
        raise AssertionError("accepts a side of 37")


def untrained_it_predicts_the_prior(network: Network) -> None:
    """For an image of zeros, whatever the prior."""
    zeros = np.zeros_like(images_of(network, 1))
    for prior in (0.5, 0.02):
        p = answers(network.build(foreground_prior=prior), zeros)
        require(np.abs(p - prior) < 1e-5, f"prior {prior}: predicts {p.min()} to {p.max()}")


def cases_are_independent(network: Network) -> None:
    """A case is predicted the same alone and in a batch.

    To rounding: kernels differ with the size of a batch (7e-5 for r2unet on PyTorch).
    """
    model, images = filled(network.build()), images_of(network, 3)
    alone = np.concatenate([answers(model, images[i : i + 1]) for i in range(3)])
    require(np.abs(answers(model, images) - alone) < 1e-3, "a case depends on its batch")


def every_weight_learns(network: Network) -> None:
    """One training step changes every trainable weight, with and without batch normalisation."""
    for normalisation in (True, False):
        model = filled(network.build(normalisation=normalisation))
        model.compile(
            keras.optimizers.SGD(1.0), keras.losses.BinaryCrossentropy(), run_eagerly=True
        )
        before = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
        images = images_of(network, 2)
        model.train_on_batch(images, (images[..., :1] > 0.5).astype(np.float32))
        for variable, old in zip(model.trainable_variables, before, strict=True):
            new = keras.ops.convert_to_numpy(variable)
            require(np.isfinite(new), f"{variable.path} is not finite after one step")
            moved = np.abs(new - old).max() > 1e-7
            require(moved, f"{variable.path} does not learn (normalisation {normalisation})")


def deep_supervision_shares_the_weights(network: Network) -> None:
    """The further outputs are probabilities, and none of the network's weights is new."""
    model = network.build()
    before = len(model.weights)
    further = entry("networks", network.name).deep_outputs(model)
    require(bool(further), "no further outputs at three levels")
    require(len(model.weights) == before, "the network itself has new weights")
    both = keras.Model(model.input, [*model.outputs, *further])
    for p in both(images_of(network, 1)):
        sides = zip(p.shape[1:-1], model.output_shape[1:-1], strict=True)
        require(all(whole % side == 0 for side, whole in sides), f"an output of shape {p.shape}")


def the_seed_decides_everything(network: Network) -> None:
    """Two networks of one seed are the same and predict the same, to the last bit."""
    first, second = network.build(), network.build()
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        require(one == other, "initial weights differ")
    images = images_of(network)
    require(answers(first, images) == answers(second, images), "predictions differ")


def survives_a_copy(network: Network) -> None:
    """Keras can write its architecture, build it again and copy the weights."""
    model, images = filled(network.build()), images_of(network)
    for copied in (keras.models.model_from_json(model.to_json()), keras.models.clone_model(model)):
        copied.set_weights(model.get_weights())
        require(answers(copied, images) == answers(model, images), "a copy predicts otherwise")


def bfloat16_is_close(network: Network) -> None:
    """In bfloat16 its outputs are still float32, and near those of float32."""
    images = images_of(network)
    before = keras.config.dtype_policy()
    expected = answers(filled(network.build()), images)
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        p = answers(filled(network.build()), images)
    finally:
        keras.config.set_dtype_policy(before)
    require(p.dtype == np.float32, f"outputs are {p.dtype}")
    difference = np.abs(p - expected).mean()
    require(difference < 0.02, f"differs by {difference:.3f} on average")


def training_lowers_the_loss(network: Network) -> None:
    """Forty steps of Adam bring the loss below half that of the best constant prediction."""
    model, images = network.build(), images_of(network)
    grid = np.indices(SHAPES[network.dimensions])
    ball = sum((g - n / 2) ** 2 for g, n in zip(grid, SHAPES[network.dimensions], strict=True)) < 30
    images[..., 0] += 3 * ball
    truth = np.repeat(ball[None, ..., None], len(images), axis=0).astype(np.float32)
    share = truth.mean()
    constant = -share * np.log(share) - (1 - share) * np.log(1 - share)
    loss = keras.losses.BinaryCrossentropy()
    model.compile(keras.optimizers.Adam(3e-2), loss)
    for _ in range(40):
        model.train_on_batch(images, truth)
    prediction = keras.ops.convert_to_numpy(model(images, training=True))
    last = float(keras.ops.convert_to_numpy(loss(truth, prediction)))
    require(last < 0.5 * constant, f"the loss is {last:.3f}; a constant has {constant:.3f}")


CHECKS = (
    one_probability_per_voxel_and_class,
    untrained_it_predicts_the_prior,
    cases_are_independent,
    every_weight_learns,
    deep_supervision_shares_the_weights,
    the_seed_decides_everything,
    survives_a_copy,
    bfloat16_is_close,
    training_lowers_the_loss,
)
