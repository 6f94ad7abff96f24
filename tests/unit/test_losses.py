"""Promises of the losses: checks, values by hand, identities, plain NumPy, other libraries."""

import math

import keras
import numpy as np
import numpy_losses
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorseg.core import registry
from tumorseg.core.errors import UserError
from tumorseg.loss_kit import configured
from tumorseg.loss_kit.check import CHECKS, check_loss
from tumorseg.loss_kit.keras_loss import CaseLoss
from tumorseg.losses.boundary import targets
from tumorseg.losses.wbce import constants_from

LOSSES = registry.names("losses")
WITH_LOGITS = [name for name in LOSSES if "from_logits" in configured.loss_constants(name)]


def value(name: str, truth, probability, **constants) -> np.ndarray:
    """One value per case, for arrays without a channel (cases, ...)."""
    y, p = (np.asarray(part, float)[..., None] for part in (truth, probability))
    loss = CaseLoss(name, constants)
    return keras.ops.convert_to_numpy(loss.call(loss.targets(y).astype(float), p))


def batch(seed: int, shape: tuple[int, ...] = (3, 7, 6)) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return (random.random(shape) < 0.3).astype(float), random.uniform(1e-3, 1 - 1e-3, shape)


def classes(seed: int, count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """One-hot truth and softmax probabilities (2, 5, 4, count)."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, count, (2, 5, 4))
    p = np.exp(random.normal(0, 1, (2, 5, 4, count)))
    return np.eye(count)[labels], p / p.sum(-1, keepdims=True)


def of_classes(name: str, y: np.ndarray, p: np.ndarray, **constants) -> np.ndarray:
    return keras.ops.convert_to_numpy(CaseLoss(name, constants, "exclusive").call(y, p))


# The battery


@pytest.fixture(scope="module")
def battery():
    return {name: check_loss(name) for name in LOSSES}


@pytest.mark.parametrize("check", [check.__name__ for check in CHECKS])
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_passes_the_battery(battery, name, check):
    assert battery[name][check] == "passed"


def test_the_battery_finds_what_is_wrong(monkeypatch):
    """A loss that pools the batch, one that is upside down, one that checks no input."""
    ops = keras.ops
    wrong = {
        "cases_are_independent": lambda y, p: ops.mean((y - p) ** 2) + 0 * p[:, 0, 0, 0],
        "truth_is_the_minimum": lambda y, p: -ops.mean((y - p) ** 2, axis=(1, 2, 3)),
        "wrong_input_is_rejected": lambda y, p: ops.mean((y - p) ** 2, axis=(1, 2, 3)),
    }
    checks = {check.__name__: check for check in CHECKS}
    for name, function in wrong.items():

        def call(self, y, p, function=function):
            return function(y[..., :1], p)

        monkeypatch.setattr(CaseLoss, "call", call)
        assert check_loss("bce", [checks[name]])[name] != "passed"


# Values and identities


@pytest.mark.parametrize(
    ("name", "constants", "truth", "probability", "expected"),
    [
        ("bce", {}, [[1]], [[0.25]], [math.log(4)]),
        ("bce", {}, [[0]], [[0.25]], [math.log(4 / 3)]),
        ("bce", {}, [[1, 1], [0, 0]], [[0.9, 0.8]] * 2, [-math.log(0.72) / 2, -math.log(0.02) / 2]),
        ("wbce", {"weight": 3}, [[1, 0]], [[0.25, 0.5]], [(3 * math.log(4) + math.log(2)) / 2]),
        ("focal", {"alpha": 0.6}, [[1]], [[0.25]], [0.6 * 0.75**2 * math.log(4)]),
        ("focal", {"alpha": 0.6}, [[0]], [[0.25]], [0.4 * 0.25**2 * math.log(4 / 3)]),
        ("dice", {}, [[1, 1, 0, 0]], [[1, 0.5, 0.5, 0]], [1 - 1.5 / 2]),
        ("iou", {}, [[1, 1, 0, 0]], [[1, 0.5, 0.5, 0]], [1 - 1.5 / 2.5]),
        (
            "tversky",
            {},
            [[1, 1, 0, 0]],
            [[1, 0.5, 0, 0]],
            [1 - 1.5 / 1.85],
        ),  # .7 on the false negative
        (
            "tversky",
            {},
            [[1, 1, 0, 0]],
            [[1, 1, 0.5, 0]],
            [1 - 2 / 2.15],
        ),  # .3 on the false positive
        ("focal_tversky", {"gamma": 2}, [[1, 1, 0, 0]], [[1, 1, 0.5, 0]], [(0.15 / 2.15) ** 0.5]),
        ("cosine_tversky", {"delta": 0.5}, [[1, 1, 0]], [[1, 0, 1]], [math.cos(math.pi / 4)]),
        ("combo", {}, [[1, 0]], [[0.5, 0.5]], [0.25 * math.log(2) - 0.25]),
        ("dice_ce", {}, [[1, 0]], [[0.5, 0.5]], [0.5 + math.log(2)]),
        ("combo_simple", {}, [[1, 0]], [[0.5, 0.5]], [math.log(2) - 0.5]),
        ("dice_focal", {}, [[1, 0]], [[0.5, 0.5]], [0.5 + 0.125 * math.log(2)]),
    ],
)
def test_values_by_hand(name, constants, truth, probability, expected):
    values = value(name, np.array(truth)[:, None], np.array(probability)[:, None], **constants)
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-6)  # the smoothing is 1e-6


def test_the_adaptive_losses_by_hand():
    """One row of four pixels; the first is tumour: share 1/4, gradient 1, 1/2, 0, 0."""
    truth, probability = np.array([[[1, 0, 0, 0]]]), np.full((1, 1, 4), 0.5)
    gamma = 0.25 + 1.5 / 4
    for name, on, off in (
        ("afl_paper", 0.75, 0.75),
        ("afl_code", 0.25, 0.75),
        ("afl_balanced", 0.75, 0.25),
    ):
        expected = (on + 3 * off) / 4 * 0.5**gamma * math.log(2)
        np.testing.assert_allclose(value(name, truth, probability), [expected], rtol=1e-9)


def test_the_boundary_loss_by_hand():
    """Three pixels in a row are tumour: distances 2 1 0 -1 0 1 2."""
    mask = np.zeros((1, 3, 7, 1))
    mask[0, :, 2:5] = 1
    distance = targets(mask)[0, 1, :, 1]
    np.testing.assert_array_equal(distance, [2, 1, 0, -1, 0, 1, 2])
    everywhere = value("boundary", mask[..., 0], np.ones((1, 3, 7)), weight=1.0)
    dice = 1 - 2 * 9 / (9 + 21)
    mean = targets(mask)[0, ..., 1].mean()
    np.testing.assert_allclose(everywhere, [dice + mean], rtol=1e-6)
    np.testing.assert_array_equal(targets(np.zeros((1, 4, 4, 1)))[..., 1], 0)


IDENTITIES = {
    "focal, gamma 0 and alpha .5, is bce / 2": lambda y, p: (
        value("focal", y, p, alpha=0.5, gamma=0.0),
        value("bce", y, p) / 2,
    ),
    "wbce of weight 1 is bce": lambda y, p: (value("wbce", y, p), value("bce", y, p)),
    "tversky of delta .5 is dice": lambda y, p: (
        value("tversky", y, p, delta=0.5),
        value("dice", y, p),
    ),
    "focal_tversky of gamma 1 is tversky": lambda y, p: (
        value("focal_tversky", y, p, gamma=1.0),
        value("tversky", y, p),
    ),
    "iou is 2 dice / (1 + dice)": lambda y, p: (
        value("iou", y, p),
        2 * value("dice", y, p) / (1 + value("dice", y, p)),
    ),
    "dice_ce minus 1 is combo_simple": lambda y, p: (
        value("dice_ce", y, p) - 1,
        value("combo_simple", y, p),
    ),
    "combo is the sum of its parts": lambda y, p: (
        value("combo", y, p, alpha=0.3),
        0.3 * value("bce", y, p) / 2 - 0.7 * (1 - value("dice", y, p)),
    ),
    "dice_focal is the sum of its parts": lambda y, p: (
        value("dice_focal", y, p),
        value("dice", y, p) + value("focal", y, p),
    ),
    "mixed_focal_simple is the sum of its parts": lambda y, p: (
        value("mixed_focal_simple", y, p),
        value("focal_tversky", y, p) + value("focal", y, p),
    ),
    "mixed_focal at lambda 0 is focal_tversky": lambda y, p: (
        value("mixed_focal", y, p, lamda=0.0),
        value("focal_tversky", y, p),
    ),
    "mixed_focal at lambda 1 is focal over classes and alpha": lambda y, p: (
        value("mixed_focal", y, p, lamda=1.0, alpha=1.0, beta=0.25),
        value("focal", y, p),
    ),
    "unified_focal at lambda 1 and gamma 0 is delta-weighted bce": lambda y, p: (
        value("unified_focal", y, p, lamda=1.0, gamma=0.0, delta=0.5),
        value("bce", y, p) / 2,
    ),
    "unified_focal at lambda 1 is focal with alpha delta": lambda y, p: (
        value("unified_focal", y, p, lamda=1.0, gamma=1.0),
        value("focal", y, p, alpha=0.6, gamma=1.0),
    ),
    "unified_focal at gamma 0 is the same asymmetric": lambda y, p: (
        value("unified_focal", y, p, gamma=0.0),
        value("unified_focal", y, p, gamma=0.0, asymmetric=True),
    ),
    "afl_paper with all parts off is bce": lambda y, p: (
        value("afl_paper", y, p, class_balance=False, volume=False, smoothness=False),
        value("bce", y, p),
    ),
    "afl_code with all parts off is bce": lambda y, p: (
        value("afl_code", y, p, class_balance=False, volume=False, smoothness=False),
        value("bce", y, p),
    ),
    "afl_balanced with all parts off is bce": lambda y, p: (
        value("afl_balanced", y, p, class_balance=False, volume=False, smoothness=False),
        value("bce", y, p),
    ),
    "boundary of weight 0 is dice": lambda y, p: (
        value("boundary", y, p, weight=0.0),
        value("dice", y, p),
    ),
}


@pytest.mark.parametrize("identity", IDENTITIES)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_identities(identity, seed):
    left, right = IDENTITIES[identity](*batch(seed))
    np.testing.assert_allclose(left, right, rtol=2e-5)


WITH_CONSTANTS = [
    *((name, {}) for name in LOSSES if name != "wbce"),
    ("wbce", {"weight": 3.0}),
    ("focal", {"alpha": 0.6, "gamma": 0.5}),
    ("mixed_focal", {"lamda": 0.3, "beta": 0.8, "gamma_dice": 2.0}),
    ("combo", {"alpha": 0.2, "beta": 0.9}),
    ("cosine_tversky", {"gamma": 2.0}),
    ("unified_focal", {"asymmetric": True, "gamma": 0.3}),
    ("afl_paper", {"smoothness": False}),
    ("afl_balanced", {"class_balance": False}),
]


@pytest.mark.parametrize(("name", "constants"), WITH_CONSTANTS, ids=lambda part: str(part))
@pytest.mark.parametrize("shape", [(3, 7, 6), (2, 4, 5, 3)], ids=["2-D", "3-D"])
def test_values_equal_the_formula_in_plain_numpy(name, constants, shape):
    truth, probability = batch(17, shape)
    function = getattr(numpy_losses, name)
    expected = [function(y, p, **constants) for y, p in zip(truth, probability, strict=True)]
    np.testing.assert_allclose(value(name, truth, probability, **constants), expected, rtol=1e-9)


# Logits and classes


@pytest.mark.parametrize("name", WITH_LOGITS)
def test_logits_give_what_their_probabilities_give(name):
    truth, probability = batch(23)
    logits = np.log(probability / (1 - probability))
    values = value(name, truth, logits, from_logits=True)
    np.testing.assert_allclose(values, value(name, truth, probability), rtol=1e-9)


def test_extreme_logits_keep_their_loss_and_gradient_in_float32():
    from tumorseg.core.backend import value_and_gradient

    loss = CaseLoss("bce", {"from_logits": True})
    truth = np.array([[[1.0]], [[0.0]]], np.float32)
    logits = np.array([[[-90.0]], [[200.0]]], np.float32)
    values, gradient = value_and_gradient(lambda z: loss.call(truth, z), logits)
    np.testing.assert_allclose(values, [90, 200], rtol=1e-6)
    np.testing.assert_allclose(gradient.ravel(), [-1, 1], rtol=1e-6)


def test_three_classes_by_the_formula():
    y, p = classes(31)
    gaps = [[numpy_losses.dice(y[i, ..., c], p[i, ..., c]) for c in range(3)] for i in range(2)]
    cross_entropy = -(y * np.log(p)).sum(-1).mean((1, 2))
    np.testing.assert_allclose(of_classes("bce", y, p), cross_entropy, rtol=1e-9)
    np.testing.assert_allclose(of_classes("dice", y, p), np.mean(gaps, 1), rtol=1e-9)
    np.testing.assert_allclose(
        of_classes("dice", y, p, background=False), np.mean(np.array(gaps)[:, 1:], 1), rtol=1e-9
    )
    alpha = np.array([0.1, 0.2, 0.7])
    by_class = -(alpha * y * (1 - p) ** 2 * np.log(p)).sum(-1).mean((1, 2))
    values = of_classes("focal", y, p, alpha=[0.1, 0.2, 0.7])
    np.testing.assert_allclose(values, by_class, rtol=1e-9)
    logits = np.log(p) + 3.0
    np.testing.assert_allclose(
        of_classes("dice_ce", y, logits, from_logits=True), of_classes("dice_ce", y, p), rtol=1e-9
    )


@pytest.mark.parametrize("name", ["dice", "iou", "tversky", "focal_tversky", "cosine_tversky"])
def test_the_sum_over_classes_is_the_mean_times_their_number(name):
    y, p = classes(37)
    summed = of_classes(name, y, p, class_sum=True)
    np.testing.assert_allclose(summed, 3 * of_classes(name, y, p), rtol=1e-12)


def test_combo_simple_is_dice_ce_minus_the_number_of_summed_classes():
    y, p = classes(41)
    for flags, difference in (
        ({}, 1),
        ({"class_sum": True}, 3),
        ({"class_sum": True, "background": False}, 2),
    ):
        simple = of_classes("combo_simple", y, p, **flags)
        expected = of_classes("dice_ce", y, p, **flags) - difference
        np.testing.assert_allclose(simple, expected, rtol=1e-9)


# Constants and configuration


@pytest.mark.parametrize(
    ("name", "constants", "complaint"),
    [
        ("focal", {"alpha": 1.5}, "alpha must lie from 0 to 1, not 1.5"),
        ("focal", {"gamma": -1}, "gamma must lie from 0 to 10, not -1"),
        ("focal", {"gamma": "2"}, "gamma must be a number, not '2'"),
        ("focal", {"beta": 1}, "no 'beta'; its constants: alpha, gamma, from_logits"),
        ("tversky", {"delta": [0.1, 0.9]}, "delta must be one number"),
        ("focal_tversky", {"gamma": 0}, "gamma must lie from 0.1 to 10, not 0"),
        ("afl_paper", {"volume": 1}, "volume must be true or false, not 1"),
        ("dice", {"background": "no"}, "background must be true or false"),
    ],
)
def test_a_wrong_constant_is_rejected_when_the_loss_is_built(name, constants, complaint):
    with pytest.raises(UserError, match=complaint):
        CaseLoss(name, constants)


def test_a_wrong_constant_is_rejected_in_a_direct_call():
    from tumorseg.losses.focal import focal

    y, p = np.ones((1, 2, 1)), np.full((1, 2, 1), 0.5)
    with pytest.raises(ValueError, match="focal: alpha must lie from 0 to 1, not 3"):
        focal(y, p, alpha=3)
    with pytest.raises(ValueError, match="3 class weights for 2 classes"):
        focal(y, p, alpha=[0.2, 0.3, 0.5])


def test_labels_other_than_0_and_1_are_rejected_with_advice():
    with pytest.raises(ValueError, match="it contains 255; divide a 0/255 mask by 255"):
        value("bce", [[255, 0]], [[0.5, 0.5]])


def test_variants_of_a_loss_have_names_of_their_own():
    losses = configured.configured_losses(
        {"bce": None, "focal": {"gamma": 2.0, "alpha": 0.6}, "mild": {"loss": "focal", "gamma": 1}}
    )
    assert losses == {
        "bce": ("bce", {}),
        "focal": ("focal", {"alpha": 0.6, "gamma": 2.0}),
        "mild": ("focal", {"gamma": 1}),
    }


@pytest.mark.parametrize(
    ("losses", "complaint"),
    [
        ({"focl": {}}, "no 'focl'; there are: .*focal"),
        ({"mine": {"loss": "focl"}}, "no 'focl'"),
        ({"focal": {"alpha": 2}}, "alpha must lie from 0 to 1"),
        ({"bce": {"from_logits": True}}, "networks return probabilities"),
        ({"dice_ce": {}, "combo_simple": {}}, "dice_ce and combo_simple give the same training"),
        (
            {"focal": {}, "lin": {"loss": "focal", "alpha": 0.25, "gamma": 2}},
            "focal and lin give the same training",
        ),
        ({"focal": {"gamma": 1}, "f": {"loss": "focal", "gamma": 1}}, "focal and f give the same"),
    ],
)
def test_a_wrong_choice_of_losses_is_rejected_with_one_line(losses, complaint):
    with pytest.raises(UserError, match=complaint):
        configured.configured_losses(losses)


def test_weighted_cross_entropy_derives_its_weight_from_the_training_masks():
    masks = np.zeros((2, 4, 4, 1), np.uint8)
    masks[0, 0, :2] = 1
    assert constants_from(masks) == {"weight": 15.0}
    assert CaseLoss.fitted("wbce", {}, masks).constants == {"weight": 15.0}
    assert CaseLoss.fitted("wbce", {"weight": 2.0}, masks).constants == {"weight": 2.0}
    assert CaseLoss.fitted("bce", {}, masks).constants == {}


def test_a_loss_works_in_a_keras_model_in_two_lines():
    from tumorseg.losses.focal import focal

    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 1)])
    model.compile("adam", focal)
    truth, p = batch(3, (4, 8, 8))
    model.layers[0].set_weights([np.zeros((1, 1, 1, 1)), np.full(1, 0.25)])
    result = model.evaluate(p[..., None], truth[..., None], verbose=0)
    assert result == pytest.approx(value("focal", truth, np.full_like(p, 0.25)).mean(), rel=1e-5)


# Keras' own losses


def test_keras_agrees_where_it_computes_the_same():
    truth, probability = batch(47)
    y, p = truth[..., None].astype("float32"), probability[..., None].astype("float32")

    def theirs(loss) -> np.ndarray:
        values = keras.ops.convert_to_numpy(loss(y, p))
        return values.reshape(len(y), -1).mean(1)

    same = {
        "bce": keras.losses.BinaryCrossentropy(reduction=None),
        "focal": keras.losses.BinaryFocalCrossentropy(
            apply_class_balancing=True, alpha=0.25, gamma=2.0, reduction=None
        ),
    }
    for name, loss in same.items():
        np.testing.assert_allclose(value(name, truth, probability), theirs(loss), rtol=1e-4)
    dice = keras.losses.Dice(axis=(1, 2, 3), reduction=None)(y, p)
    np.testing.assert_allclose(
        value("dice", truth, probability), keras.ops.convert_to_numpy(dice), rtol=1e-5
    )


def test_keras_differs_in_these_ways():
    truth, probability = batch(53)
    y, p = truth[..., None].astype("float32"), probability[..., None].astype("float32")
    pooled = float(keras.losses.Dice()(y, p))  # one Dice over the whole batch
    alone = value("dice", truth, probability)
    assert abs(pooled - alone.mean()) > 1e-4
    np.testing.assert_allclose(
        pooled, numpy_losses.dice(truth, probability), rtol=1e-4
    )  # the batch as one case
    # By its documentation alpha weighs false positives and beta false negatives. In fact alpha
    # weighs false negatives, as our delta does.
    theirs = keras.losses.Tversky(alpha=0.7, beta=0.3, axis=(1, 2, 3), reduction=None)(y, p)
    ours = value("tversky", truth, probability, delta=0.7)
    np.testing.assert_allclose(ours, keras.ops.convert_to_numpy(theirs), rtol=1e-4)
    # Without apply_class_balancing alpha is ignored.
    unbalanced = keras.losses.BinaryFocalCrossentropy(alpha=0.9, reduction=None)
    values = keras.ops.convert_to_numpy(unbalanced(y, p)).reshape(len(y), -1).mean(1)
    np.testing.assert_allclose(values, 2 * value("focal", truth, probability, alpha=0.5), rtol=1e-4)


@pytest.mark.parametrize("name", ["bce", "focal", "dice", "boundary"])
def test_what_is_not_made_of_real_numbers_is_refused_in_a_sentence(name):
    loss = CaseLoss(name)
    truth = loss.targets(np.eye(6, dtype=np.uint8)[None, ..., None])
    probability = np.full((1, 6, 6, 1), 0.4, np.float32)
    for wrong in (str, object, complex):
        with pytest.raises(TypeError, match=f"{name}: y_true must hold real numbers"):
            loss.call(truth.astype(wrong), probability)
        with pytest.raises(TypeError, match=f"{name}: y_pred must hold real numbers"):
            loss.call(truth, probability.astype(wrong))
    for nothing in (None, "word"):
        with pytest.raises(TypeError, match=name):
            loss.call(truth, nothing)
    with pytest.raises(ValueError, match="no pixel"):
        loss.call(truth[:, :0], probability[:, :0])
