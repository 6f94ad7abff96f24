"""Promises of the losses' three forms: binary, overlapping and exclusive classes, 2-D and 3-D."""

from itertools import permutations

import keras
import numpy as np
import numpy_class_losses
import numpy_losses
import pytest

from tumorseg.core import registry
from tumorseg.core.backend import value_and_gradient
from tumorseg.core.errors import UserError
from tumorseg.loss_kit import configured
from tumorseg.loss_kit.keras_loss import CaseLoss, with_background

LOSSES = registry.names("losses")
WITH_LOGITS = [name for name in LOSSES if "from_logits" in configured.loss_constants(name)]
WITH_FLAG = [name for name in LOSSES if "background" in configured.loss_constants(name)]
SHAPES = {"2-D": (3, 7, 6), "3-D": (2, 4, 5, 3)}
FORMS_OF_CLASSES = ("overlapping", "exclusive")


def case(form: str, classes: int = 2, shape: tuple[int, ...] = SHAPES["2-D"], seed: int = 1):
    """Masks (*shape, classes) and probabilities of the form's channels; every class occurs."""
    random = np.random.default_rng(seed)
    if form != "exclusive":
        masks = (random.random((*shape, classes)) < 0.3).astype(float)
        return masks, random.uniform(1e-3, 1 - 1e-3, masks.shape)
    labels = random.integers(0, classes + 1, shape)
    p = np.exp(random.normal(0, 1, (*shape, classes + 1)))
    return np.eye(classes + 1)[labels][..., 1:], p / p.sum(-1, keepdims=True)


def value(name: str, form: str, masks, p, **constants) -> np.ndarray:
    loss = CaseLoss(name, constants, form)
    return keras.ops.convert_to_numpy(loss.call(loss.targets(masks).astype(p.dtype), p))


# The formula of each form

WITH_CONSTANTS = [
    *((name, {}) for name in LOSSES if name != "wbce"),
    ("wbce", {"weight": 3.0}),
    ("mixed_focal", {"lamda": 0.3, "beta": 0.8}),
    ("combo", {"alpha": 0.2, "beta": 0.9}),
    ("unified_focal", {"asymmetric": True, "gamma": 0.3}),
    ("afl_paper", {"smoothness": False}),
    ("boundary", {"weight": 0.5}),
]
OF_FORM = {
    "overlapping": [
        ("wbce", {"weight": [3.0, 0.5]}),
        ("focal", {"alpha": [0.6, 0.1], "gamma": 1.0}),
    ],
    "exclusive": [
        ("wbce", {"weight": [1.0, 3.0, 0.5]}),
        ("focal", {"alpha": [0.1, 0.6, 0.3], "gamma": 1.0}),
        ("mixed_focal_simple", {"alpha": [0.1, 0.6, 0.3]}),
        ("unified_focal", {"asymmetric": True, "background": False}),
        *((name, {"background": False}) for name in WITH_FLAG),
        *((name, {"class_sum": True}) for name in WITH_FLAG if name != "combo"),
        ("afl_code", {"background": False, "class_sum": True}),
    ],
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(
    ("form", "name", "constants"),
    [(form, *loss) for form in OF_FORM for loss in WITH_CONSTANTS + OF_FORM[form]],
    ids=str,
)
def test_every_form_equals_the_formula_in_plain_numpy(form, name, constants, shape):
    masks, p = case(form, shape=shape)
    y = with_background(masks) if form == "exclusive" else masks
    formula = getattr(numpy_class_losses, form)
    expected = [formula(name, *pair, **constants) for pair in zip(y, p, strict=True)]
    np.testing.assert_allclose(value(name, form, masks, p, **constants), expected, rtol=1e-9)


# Overlapping classes


@pytest.mark.parametrize("name", LOSSES)
def test_overlapping_classes_are_the_mean_of_each_class_alone(name):
    masks, p = case("overlapping", 3)
    alone = [value(name, "binary", masks[..., k : k + 1], p[..., k : k + 1]) for k in range(3)]
    np.testing.assert_allclose(
        value(name, "overlapping", masks, p), np.mean(alone, axis=0), rtol=1e-15, atol=1e-16
    )


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", LOSSES)
def test_one_overlapping_class_is_the_binary_loss_bit_for_bit(name, shape):
    masks, p = case("binary", 1, shape)
    p = p.astype(np.float32)
    p.flat[:4] = [0, 1, 0, 1]
    results = []
    for form in ("binary", "overlapping"):
        loss = CaseLoss(name, form=form)
        truth = loss.targets(masks)
        results.append((truth, *value_and_gradient(lambda x, y=truth, f=loss: f.call(y, x), p)))
    for binary, overlapping in zip(*results, strict=True):
        np.testing.assert_array_equal(overlapping, binary)


# The order of classes


@pytest.mark.parametrize("form", FORMS_OF_CLASSES)
@pytest.mark.parametrize("name", LOSSES)
def test_the_order_of_classes_changes_nothing(name, form):
    masks, p = case(form, 3)
    first = p.shape[-1] - 3  # the background's channel
    expected = value(name, form, masks, p)
    for order in map(list, permutations(range(3))):
        channels = [*range(first), *(first + k for k in order)]
        permuted = value(name, form, masks[..., order], p[..., channels])
        np.testing.assert_allclose(permuted, expected, rtol=1e-12)


@pytest.mark.parametrize(("name", "constant"), [("wbce", "weight"), ("focal", "alpha")])
@pytest.mark.parametrize("form", FORMS_OF_CLASSES)
def test_a_list_of_constants_goes_with_its_classes(name, constant, form):
    masks, p = case(form, 2)
    first = p.shape[-1] - 2
    numbers = [0.9, 0.2, 0.6][1 - first :]
    expected = value(name, form, masks, p, **{constant: numbers})
    order = [*range(first), first + 1, first]
    moved = {constant: [numbers[k] for k in order]}
    permuted = value(name, form, masks[..., ::-1], p[..., order], **moved)
    np.testing.assert_allclose(permuted, expected, rtol=1e-12)
    unmoved = value(name, form, masks[..., ::-1], p[..., order], **{constant: numbers})
    assert (np.abs(unmoved - expected) > 1e-6).all()


# Exclusive classes

AS_BINARY = {  # (binary constants, exclusive constants) with which a softmax of two is a sigmoid
    "bce": ({}, {}),
    "wbce": ({"weight": 3.0}, {"weight": 3.0}),
    "focal": ({"alpha": 0.6}, {"alpha": [0.4, 0.6]}),
    "dice_focal": ({"alpha": 0.6}, {"alpha": [0.4, 0.6], "background": False}),
    "mixed_focal": ({"beta": 0.8}, {"beta": 0.8, "background": False}),
    "mixed_focal_simple": ({"alpha": 0.6}, {"alpha": [0.4, 0.6], "background": False}),
    "combo": ({"beta": 0.8}, {"beta": 0.8, "background": False}),
    "unified_focal": ({"asymmetric": True}, {"asymmetric": True}),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", LOSSES)
def test_one_exclusive_class_is_the_binary_loss(name, shape):
    """By default for cross-entropy and unified focal, else without the background."""
    binary, exclusive = AS_BINARY.get(name, ({}, {"background": False}))
    masks, p = case("binary", 1, shape)
    two = np.concatenate([1 - p, p], axis=-1)
    np.testing.assert_allclose(
        value(name, "exclusive", masks, two, **exclusive),
        value(name, "binary", masks, p, **binary),
        rtol=1e-6,
    )


def test_the_targets_of_exclusive_classes_have_the_background_in_front():
    masks = np.zeros((1, 2, 2, 2), np.uint8)
    masks[0, 0, 0, 0] = masks[0, 1, 1, 1] = 1
    targets = CaseLoss("bce", form="exclusive").targets(masks)
    assert targets.dtype == np.float32
    np.testing.assert_array_equal(targets[0, ..., 0], [[0, 1], [1, 0]])
    np.testing.assert_array_equal(targets[..., 1:], masks)


@pytest.mark.parametrize("form", FORMS_OF_CLASSES)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_boundary_loss_gets_the_distances_of_every_class(form, shape):
    masks, p = case(form, shape=shape)
    y = with_background(masks) if form == "exclusive" else masks
    targets = CaseLoss("boundary", form=form).targets(masks)
    channels = p.shape[-1]
    assert targets.shape == (*shape, 2 * channels)
    np.testing.assert_array_equal(targets[..., :channels], y)
    for k in range(channels):
        expected = [numpy_losses.border_distance(mask) for mask in y[..., k]]
        np.testing.assert_allclose(targets[..., channels + k], expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, bool, float])
def test_exclusive_classes_that_share_a_pixel_are_refused(dtype):
    masks = np.zeros((1, 4, 4, 2), dtype)
    masks[0, 1, 1] = 1
    with pytest.raises(UserError, match="2 of them share a pixel, but they are exclusive"):
        CaseLoss("dice", form="exclusive").targets(masks)
    assert CaseLoss("dice", form="overlapping").targets(masks).sum() == 2


# Logits


@pytest.mark.parametrize("form", FORMS_OF_CLASSES)
@pytest.mark.parametrize("name", WITH_LOGITS)
def test_logits_give_what_their_probabilities_give(name, form):
    masks, p = case(form)
    logits = np.log(p) + 3.0 if form == "exclusive" else np.log(p / (1 - p))
    expected = value(name, form, masks, p)
    np.testing.assert_allclose(
        value(name, form, masks, logits, from_logits=True), expected, rtol=1e-9
    )


# In a network


@pytest.mark.parametrize("form", FORMS_OF_CLASSES)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", ["dice_ce", "wbce", "unified_focal", "afl_balanced", "boundary"])
def test_a_network_trains_with_classes(name, form, shape):
    masks, p = case(form, shape=shape)
    loss = CaseLoss.fitted(name, {}, masks.astype(np.uint8), form)
    if form == "exclusive":
        last = keras.layers.Softmax()
        inputs = np.log(p)
    else:
        last = keras.layers.Activation("sigmoid")
        inputs = np.log(p / (1 - p))
    dense = keras.layers.Dense(p.shape[-1], kernel_initializer="identity")
    model = keras.Sequential([keras.Input(inputs.shape[1:]), dense, last])
    model.compile("adam", loss)
    targets = loss.targets(masks)
    before = model.train_on_batch(inputs.astype(np.float32), targets)
    expected = keras.ops.convert_to_numpy(loss.call(targets, p.astype(np.float32))).mean()
    assert before == pytest.approx(expected, rel=1e-4)
    assert model.test_on_batch(inputs.astype(np.float32), targets) < before


# Constants


def test_weights_of_cross_entropy_come_from_the_training_masks_of_each_class():
    masks = np.zeros((2, 4, 4, 3), np.uint8)  # 32 pixels: 8, 2 and none
    masks[0, :2, :, 0] = 1
    masks[0, 2, :2, 1] = 1

    def weights(form: str) -> list[float]:
        return CaseLoss.fitted("wbce", {}, iter(masks), form).constants["weight"]

    assert weights("overlapping") == [24 / 8, 30 / 2, 1.0]
    assert weights("exclusive") == [1.0, 22 / 8, 22 / 2, 1.0]
    assert CaseLoss.fitted("wbce", {}, iter(masks[..., :1])).constants == {"weight": 3.0}
    given = CaseLoss.fitted("wbce", {"weight": 2.0}, iter(masks), "exclusive")
    assert given.constants == {"weight": 2.0}


@pytest.mark.parametrize(
    ("form", "numbers", "complaint"),
    [
        ("overlapping", [0.1, 0.2, 0.3], "focal: alpha has 3 numbers for 2 classes"),
        ("exclusive", [0.1, 0.2], "2 class weights for 3 classes"),
    ],
)
def test_a_list_of_the_wrong_length_is_refused(form, numbers, complaint):
    masks, p = case(form)
    with pytest.raises(ValueError, match=complaint):
        value("focal", form, masks, p, alpha=numbers)


@pytest.mark.parametrize(
    ("losses", "form", "classes", "complaint"),
    [
        ({"focal": {"alpha": [0.1, 0.2, 0.7]}}, "binary", 1, "alpha needs 2 numbers, not 3"),
        ({"wbce": {"weight": [1, 2]}}, "overlapping", 3, "weight needs 3 numbers, not 2"),
        ({"wbce": {"weight": [1, 2]}}, "exclusive", 2, "weight needs 3 numbers, not 2"),
        ({"dice": {"background": True}}, "binary", 1, "loss dice: remove 'background'; only excl"),
        ({"own": {"loss": "iou", "class_sum": True}}, "overlapping", 2, "loss own: remove 'class"),
    ],
)
def test_the_config_is_checked_against_the_form(losses, form, classes, complaint):
    with pytest.raises(UserError, match=complaint):
        configured.configured_losses(losses, form, classes)


def test_a_config_of_exclusive_classes_is_accepted():
    losses = {
        "focal": {"alpha": [0.1, 0.2, 0.7]},
        "dice": {"background": False},
        "afl_paper": {"background": False, "class_sum": True},
    }
    accepted = configured.configured_losses(losses, "exclusive", 2)
    assert accepted == {name: (name, constants) for name, constants in losses.items()}


# Wrong input


@pytest.mark.parametrize(
    ("form", "channels", "complaint"),
    [
        ("binary", 2, "the form binary needs y_pred with 1 channel, not"),
        ("exclusive", 1, "the form exclusive needs y_pred with 1 \\+ K channels, not"),
    ],
)
def test_a_network_of_another_form_is_refused(form, channels, complaint):
    y = np.zeros((2, 4, 4, channels), np.float32)
    y[..., 0] = 1
    with pytest.raises(ValueError, match=complaint):
        CaseLoss("dice", form=form).call(y, np.full_like(y, 0.5))


def test_an_unknown_form_is_refused_with_those_that_exist():
    with pytest.raises(UserError, match="no form 'softmax'; there are: binary, overlapping, exc"):
        CaseLoss("dice", form="softmax")
    with pytest.raises(UserError, match="no form 'softmax'"):
        CaseLoss.fitted("wbce", {}, iter([]), "softmax")


@pytest.mark.parametrize("form", FORMS_OF_CLASSES)
@pytest.mark.parametrize("name", ["bce", "boundary", "afl_code"])
def test_what_is_not_made_of_real_numbers_is_refused_in_a_sentence(name, form):
    masks, p = case(form)
    loss = CaseLoss(name, form=form)
    truth = loss.targets(masks)
    for wrong in (str, object, complex):
        with pytest.raises(TypeError, match=f"{name}: y_true must hold real numbers"):
            loss.call(truth.astype(wrong), p)
        with pytest.raises(TypeError, match=f"{name}: y_pred must hold real numbers"):
            loss.call(truth, p.astype(wrong))
    for nothing in (None, "word"):
        with pytest.raises(TypeError, match=name):
            loss.call(truth, nothing)
        with pytest.raises(TypeError, match=name):
            loss.call(nothing, p)
    np.testing.assert_array_equal(loss.call(truth.tolist(), p.tolist()), loss.call(truth, p))


@pytest.mark.parametrize("form", configured.FORMS)
def test_the_stored_form_is_the_form(form):
    stored = CaseLoss("dice", {}, form).get_config()
    assert CaseLoss.from_config(stored).form == form
    del stored["form"]  # as models before forms were stored
    assert CaseLoss.from_config(stored).form == "binary"
