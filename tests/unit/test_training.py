"""Promises of the training: it repeats and resumes bit-identically, and it reports failures.

Tests train a U-Net of 32 px and base width 4, or two convolutions where that is enough, on twelve
synthetic cases. Trainings are compared by every weight and every history number but the seconds.
"""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from tumorseg.core import device, registry
from tumorseg.core.case_index import indexed
from tumorseg.core.errors import UserError
from tumorseg.core.places import SCRIPTS
from tumorseg.loss_kit.keras_loss import CaseLoss
from tumorseg.networks.unet import build
from tumorseg.training import loop
from tumorseg.training.cases import Cases
from tumorseg.training.deep_supervision import deeply_supervised
from tumorseg.training.inference import predict
from tumorseg.training.loop import Training
from tumorseg.training.optimizer import Rate, compile_model
from tumorseg.training.patches import Patches
from tumorseg.training.plan import Plan, kept_epoch, plateau_rate
from tumorseg.training.state import HISTORY, Outcome

SIZE = 32
PLAN = Plan(
    epochs=3,
    batch_size=4,
    learning_rate=2e-3,
    schedule="constant",
    warmup_epochs=1,
    weight_decay=0.0,
    weight_average=0.9,
    augmentation=1.0,
    keep_best=True,
    mirrored=True,
    seed=5,
)
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def unet() -> keras.Model:
    return build(size_px=SIZE, base_width=4, dropout=1.0, normalisation=True, foreground_prior=0.01)


def convolutions() -> keras.Model:
    """The smallest network whose state holds everything: dropout seeds and running statistics."""
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            layers.Conv2D(4, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dropout(0.2),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid", dtype="float32"),
        ]
    )


def plain() -> keras.Model:
    """Two convolutions; nothing in them depends on how a batch is split."""
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid", dtype="float32"),
        ]
    )


def cases(count: int, seed: int) -> Cases:
    """Noise with a bright disc, and the disc."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    images, masks = [], []
    for _ in range(count):
        y, x, radius = *random.uniform(9, 23, 2), random.uniform(3, 8)
        disc = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
        images.append(random.normal(0, 0.3, disc.shape) + 2 * disc)
        masks.append(disc)
    masks = np.array(masks).astype(np.uint8)
    return Cases(np.array(images, np.float32)[..., None], masks[..., None], np.arange(count))


def run(
    plan: Plan = PLAN,
    *,
    network: Callable[[], keras.Model] = convolutions,
    loss: str = "bce",
    state: Path | None = None,
    report: Callable[[str], None] = lambda text: None,
    training_cases: Cases | Patches | None = None,
    validation_cases: Cases | Patches | None = None,
    precision: str = "float32",
    batch: int = 0,
) -> Outcome:
    """One training as scripts/train.py does it. batch: as in `device.start`; 0 for the plan's."""
    settings = {"seed": plan.seed, "precision": precision, "batch": batch or plan.batch_size}
    machine = device.start(wanted="cpu", threads=1, **settings)
    parts = (training_cases or cases(10, 1), validation_cases or cases(2, 2))
    model = network()
    trained = deeply_supervised(model, "unet") if plan.deep_supervision else None
    options = {"machine": machine, "state": state, "trained": trained}
    return Training(model, CaseLoss(loss), plan, *parts, **options).run(report)


def numbers(outcome: Outcome) -> list[list[float]]:
    """The history without the seconds, which differ in every run."""
    return [[row[name] for name in HISTORY[:-1]] for row in outcome.history]


def assert_same(first: Outcome, second: Outcome) -> None:
    assert repr(numbers(first)) == repr(numbers(second))  # epoch 1 is not epoch 1.0 in a table
    assert first.chosen_epoch == second.chosen_epoch
    assert len(first.weights) == len(second.weights) > 0
    for a, b in zip(first.weights, second.weights, strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()


PLANS = {
    "robust": PLAN,
    "paper": replace(
        PLAN, augmentation=0, weight_average=0, warmup_epochs=0, keep_best=False, mirrored=False
    ),
}


@pytest.fixture(scope="module", params=PLANS)
def uninterrupted(request):
    """An undisturbed training with each plan."""
    plan = PLANS[request.param]
    return plan, run(plan)


def test_two_runs_are_bit_identical(uninterrupted):
    plan, first = uninterrupted
    assert len(first.history) == plan.epochs
    assert_same(first, run(plan))


class KilledError(Exception):
    """Stands for a power cut."""


def killer(after: int) -> Callable[[str], None]:
    """A `report` that fails when an epoch is reported, which is just after it was stored."""

    def report(text: str) -> None:
        if text.startswith(f"epoch {after}/"):
            raise KilledError

    return report


def test_a_stopped_training_resumes_and_ends_bit_identical(uninterrupted, tmp_path):
    plan, undisturbed = uninterrupted
    after = 2
    state = tmp_path / "state.npz"
    with pytest.raises(KilledError):
        run(plan, state=state, report=killer(after))
    lines = []
    resumed = run(plan, state=state, report=lines.append)
    assert lines[0] == f"resumes after epoch {after} of an earlier run"
    assert len(lines) == 1 + plan.epochs - after
    assert_same(undisturbed, resumed)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_unet_killed_with_sigkill_resumes_and_ends_bit_identical(tmp_path, precision):
    """The kill comes from outside, at any moment after the second epoch is stored."""
    options = {"network": unet, "precision": precision}
    state = tmp_path / "state.npz"
    code = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]\n"
        "import test_training as t\n"
        f"state = t.Path({str(state)!r})\n"
        f"t.run(network=t.unet, precision={precision!r}, state=state,\n"
        "      report=lambda text: print(text, flush=True))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        printed = [child.stdout.readline(), child.stdout.readline()]
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert printed[1].startswith("epoch 2/3")
    assert child.returncode == -signal.SIGKILL
    lines = []
    resumed = run(state=state, report=lines.append, **options)
    assert "resumes after epoch" in lines[0]
    assert_same(run(**options), resumed)
    device.start(wanted="cpu", threads=1, seed=1)  # so that later tests compute in float32 again


def assert_resumes(plan: Plan, folder: Path, **options) -> Outcome:
    """A training that is stopped after its second epoch ends like an undisturbed one."""
    state, undisturbed = folder / "state.npz", run(plan, **options)
    with pytest.raises(KilledError):
        run(plan, state=state, report=killer(2), **options)
    lines = []
    assert_same(undisturbed, run(plan, state=state, report=lines.append, **options))
    assert lines[0] == "resumes after epoch 2 of an earlier run"
    return undisturbed


CHOICES = {
    "sgd and polynomial": {"optimizer": "sgd", "schedule": "polynomial", "weight_decay": 1e-4},
    "sgd and plateau": {"optimizer": "sgd", "schedule": "plateau", "momentum": 0.9},
    "cosine and the best Dice": {"schedule": "cosine", "keep_best": "dice"},
    "the lowest loss": {"keep_best": "loss"},
}


@pytest.mark.parametrize("choice", CHOICES)
def test_a_training_with_every_choice_resumes_and_ends_bit_identical(tmp_path, choice):
    assert_resumes(replace(PLAN, **CHOICES[choice]), tmp_path)


def test_a_plateau_lowers_the_rate_by_the_validation_losses_and_resumes(tmp_path):
    settings = {"schedule": "plateau", "plateau_patience": 1, "plateau_factor": 0.5}
    plan = replace(PLAN, **settings, learning_rate=0.3, epochs=5, weight_average=0)
    history = assert_resumes(plan, tmp_path).history
    losses = [row["val_loss"] for row in history]
    expected = [plateau_rate(plan, losses[:epoch], 9, 3) for epoch in range(5)]
    assert [row["learning_rate"] for row in history] == pytest.approx(expected)
    assert expected[-1] < 0.3


def balls(folder: Path, sides: list[tuple[int, ...]], seed: int) -> Patches:
    """Noise with a bright ball in volumes of these sides, and the ball, in files."""
    random, files, index = np.random.default_rng(seed), [], []
    for number, side in enumerate(sides):
        grid = np.stack(np.meshgrid(*map(np.arange, side), indexing="ij"), axis=-1)
        centre = [random.uniform(0.3, 0.7) * n for n in side]
        ball = (np.linalg.norm(grid - centre, axis=-1) < random.uniform(2, 4))[..., None]
        image = (random.normal(0, 0.3, ball.shape) + 2 * ball).astype(np.float32)
        files.append([folder / f"{seed}-{number}-{name}.npy" for name in ("image", "mask")])
        for path, array in zip(files[-1], (image, ball.astype(np.uint8)), strict=True):
            np.save(path, array)
        index.append(indexed(image, ball))
    images, masks = zip(*files, strict=True)
    return Patches(images, masks, index, (8, 16, 16), (2.0, 1.0, 1.0))


def small_3d() -> keras.Model:
    return build(shape=(8, 16, 16), base_width=2, levels=3, dropout=0.5, normalisation=True)


def test_patches_of_volumes_train_with_deep_supervision_resume_and_learn(tmp_path):
    settings = {"epochs": 6, "steps": 5, "batch_size": 2, "deep_supervision": True}
    plan = replace(PLAN, **settings, learning_rate=2e-2, mirrored=False)
    outcome = assert_resumes(
        plan,
        tmp_path,
        network=small_3d,
        training_cases=balls(tmp_path, [(10, 20, 24), (6, 18, 18), (12, 16, 16)], 1),
        validation_cases=balls(tmp_path, [(8, 16, 16), (11, 20, 16)], 2),
    )
    assert outcome.history[-1]["loss"] < outcome.history[0]["loss"]
    shapes = [weight.shape for weight in outcome.weights]
    assert shapes == [tuple(weight.shape) for weight in small_3d().weights]


def test_deep_supervision_weighs_each_resolution_half_as_much_as_the_one_above():
    model = build(size_px=32, base_width=2, dropout=0.0)
    trained = deeply_supervised(model, "unet")
    loss, part = CaseLoss("bce"), cases(3, 1)
    compile_model(trained, loss, PLAN, 3, device.start(wanted="cpu", threads=1, seed=1))
    images, masks = part.at(slice(None))
    targets, outputs = loss.targets(masks), trained(images)
    assert [output.shape[1] for output in outputs] == [32, 16, 8]
    np.testing.assert_array_equal(outputs[0], model(images))
    shrunk = [targets, targets[:, 1::2, 1::2], targets[:, 2::4, 2::4]]
    values = [float(keras.ops.mean(loss.call(y, p))) for y, p in zip(shrunk, outputs, strict=True)]
    expected = np.dot(values, [4, 2, 1]) / 7
    assert float(trained.compute_loss(y=targets, y_pred=outputs)) == pytest.approx(expected)
    assert float(trained.train_on_batch(images, targets)) == pytest.approx(expected, rel=1e-4)
    shallow = build(shape=(16, 16), levels=2)
    assert deeply_supervised(shallow, "unet") is shallow  # it has no resolution between


def test_a_finished_state_is_not_trained_again(tmp_path):
    state = tmp_path / "state.npz"
    finished = run(state=state)
    lines = []
    assert_same(finished, run(state=state, report=lines.append))
    assert lines == [f"resumes after epoch {PLAN.epochs} of an earlier run"]


def test_the_network_learns_the_discs():
    plan = replace(PLAN, epochs=12, augmentation=0, learning_rate=5e-3)
    outcome = run(plan)
    assert outcome.history[-1]["loss"] < outcome.history[0]["loss"] / 2
    assert max(row["val_dice"] for row in outcome.history) > 0.7


def test_keep_best_chooses_the_first_epoch_of_the_highest_validation_iou_else_the_last():
    best = run(replace(PLAN, epochs=4))
    ious = [row["val_iou"] for row in best.history]
    assert best.chosen_epoch == 1 + int(np.argmax(ious))
    assert run(replace(PLAN, keep_best=False, epochs=2)).chosen_epoch == 2


def test_an_epoch_is_kept_by_what_is_asked_for_and_of_equal_ones_the_first():
    names = ("val_iou", "val_dice", "val_loss")
    scores = [(0.1, 0.4, 0.9), (0.3, 0.2, 0.8), (0.3, 0.4, 0.7), (0.2, 0.1, 0.7)]
    history = [dict(zip(names, row, strict=True)) for row in scores]
    kept = [kept_epoch(history, choice) for choice in (True, False, "iou", "dice", "loss")]
    assert kept == [1, 3, 1, 0, 2]
    history[0]["val_loss"] = history[2]["val_loss"] = float("nan")
    assert kept_epoch(history, "loss") == 3
    assert kept_epoch(history[:1], "loss") == 0


def test_the_rate_on_a_plateau_falls_each_time_that_the_loss_was_not_lower_for_its_patience():
    settings = {"learning_rate": 1.0, "plateau_factor": 0.1, "plateau_patience": 2}
    plan = replace(PLAN, **settings, warmup_epochs=0)
    losses = [3.0, 2.0, 2.0, 2.5, 1.9, float("nan"), 2.0, 1.9, 1.95]
    rates = [plateau_rate(plan, losses[:epoch], 100, 10) for epoch in range(10)]
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.001])
    limited = replace(plan, plateau_minimum=0.03)
    rates = [plateau_rate(limited, losses[:epoch], 100, 10) for epoch in range(10)]
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.03, 0.03, 0.03])
    slow = replace(plan, warmup_epochs=1.5)
    rates = [plateau_rate(slow, [], step, 10) for step in (0, 7, 14, 20)]
    assert rates == pytest.approx([1 / 15, 8 / 15, 1, 1])


def test_sgd_is_that_of_nnu_net_and_its_rate_falls_with_the_power_of_nine_tenths():
    plan = replace(PLAN, optimizer="sgd", schedule="polynomial", learning_rate=0.01, epochs=4)
    plan = replace(plan, weight_decay=3e-5, warmup_epochs=0)
    model = plain()
    compile_model(model, CaseLoss("bce"), plan, 5, device.start(wanted="cpu", threads=1, seed=1))
    settings = model.optimizer.get_config()
    assert (settings["momentum"], settings["nesterov"]) == (0.99, True)
    assert (settings["global_clipnorm"], settings["weight_decay"]) == (12.0, 3e-5)
    rate = model.optimizer._learning_rate
    rates = [float(rate(step)) for step in range(21)]
    np.testing.assert_allclose(rates, [0.01 * (1 - n / 20) ** 0.9 for n in range(21)], atol=1e-8)
    again = Rate.from_config(rate.get_config())
    assert [float(again(step)) for step in range(21)] == rates


def test_an_epoch_of_more_steps_than_a_pass_goes_on_with_the_next_pass():
    images = np.arange(12, dtype=np.float32).reshape(12, 1, 1, 1)
    cases, plan = Cases(images, images, np.arange(12)), replace(PLAN, augmentation=0)

    def drawn(steps: int, epochs: int) -> list[list[int]]:
        own = replace(plan, steps=steps)
        batches = [batch for epoch in range(epochs) for batch in cases.drawn(own, epoch)]
        return [images.astype(int).ravel().tolist() for images, _ in batches]

    of_passes = drawn(0, 3)
    assert drawn(4, 2) == of_passes[:8]
    assert drawn(2, 3) == of_passes
    for first in (0, 3, 6):
        assert sorted(np.concatenate(of_passes[first : first + 3])) == list(range(12))


def test_learning_rate_rises_over_the_warm_up_and_stays():
    rates = [row["learning_rate"] for row in run().history]
    assert rates == pytest.approx([2e-3] * 3)
    slow = [row["learning_rate"] for row in run(replace(PLAN, warmup_epochs=2)).history]
    assert slow[0] < slow[1] == slow[2] == pytest.approx(2e-3)


def test_a_cosine_falls_from_the_rate_to_zero_at_its_last_step():
    rate = Rate(1.0, 2, 10)
    rates = [float(rate(step)) for step in range(11)]
    expected = [min(1, (s + 1) / 2) * (1 + np.cos(np.pi * s / 10)) / 2 for s in range(11)]
    np.testing.assert_allclose(rates, expected, atol=1e-6)
    rates = [row["learning_rate"] for row in run(replace(PLAN, schedule="cosine")).history]
    assert rates[0] > rates[1] > rates[2]


def every_weight(ready: Training) -> list[np.ndarray]:
    """Network, optimizer and average: everything from which the next epoch starts."""
    arrays = [keras.ops.convert_to_numpy(variable) for variable in ready.variables]
    return [*(array.copy() for array in arrays), *(v.copy() for v in ready.average.values)]


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANS)
def test_a_long_run_passes_through_the_weights_of_a_short_one_bit_for_bit(name):
    """Epoch 3 of 5 equals 3 of 3; so tuning trains each value once for all numbers of epochs."""
    trainings = []
    for epochs in (5, 3):
        machine = device.start(wanted="cpu", threads=1, seed=5)
        plan = replace(PLANS[name], epochs=epochs)
        parts = (cases(10, 1), cases(2, 2))
        ready = Training(unet(), CaseLoss("bce"), plan, *parts, machine=machine)
        for _ in range(3):
            ready.epoch()
        trainings.append((every_weight(ready), ready.outcome))
    (long, long_outcome), (short, short_outcome) = trainings
    assert len(long) == len(short) > 100
    assert all(a.tobytes() == b.tobytes() for a, b in zip(long, short, strict=True))
    assert_same(long_outcome, short_outcome)


@pytest.mark.slow
def test_with_a_horizon_a_long_run_does_not_pass_through_a_short_one():
    plan = replace(PLAN, schedule="cosine")
    long, short = (run(replace(plan, epochs=epochs)) for epochs in (5, 3))
    assert numbers(long)[2] != numbers(short)[2]


def test_weight_decay_shrinks_the_weights():
    plain, decayed = (run(replace(PLAN, weight_decay=decay)) for decay in (0.0, 0.5))
    sizes = [sum(float(np.abs(w).sum()) for w in o.weights[:1]) for o in (plain, decayed)]
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize("weight_average", [0.0, 0.9])
def test_a_loss_that_is_not_finite_is_reported_as_a_failure(weight_average):
    broken = cases(10, 1)
    broken.images[3] = np.nan
    plan = replace(PLAN, weight_average=weight_average, augmentation=0)
    outcome = run(plan, training_cases=broken)
    assert outcome.failure == "the loss became nan in epoch 1"
    assert outcome.history == []


def test_predictions_that_are_not_finite_are_reported_as_a_failure(monkeypatch):
    monkeypatch.setattr(
        loop, "predict_whole", lambda *given, **more: np.full((2, SIZE, SIZE, 1), np.nan)
    )
    outcome = run(PLAN)
    assert outcome.failure == "the predictions were not finite in epoch 1"
    assert outcome.history == []


class NoLoss:
    """The loss of a validation whose loss does not matter."""

    targets = staticmethod(lambda masks: masks)
    call = staticmethod(lambda targets, probability: np.zeros(len(targets)))


def scores_of(monkeypatch, masks: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """What a validation finds for cases of these masks, predicted with these probabilities."""
    part = Cases(np.zeros((*masks.shape[:-1], 1), np.float32), masks, np.arange(len(masks)))
    batches = iter([probability[:4], probability[4:]])
    monkeypatch.setattr(loop, "predict_whole", lambda *given, **more: next(batches))
    network = SimpleNamespace(input_shape=(None, *masks.shape[1:-1], 1))
    return loop.validate(network, part, NoLoss(), PLAN)


@pytest.mark.parametrize("sides", [(9, 8), (3, 5, 4)])
def test_scores_of_several_classes_are_the_means_of_those_of_each(monkeypatch, sides):
    random = np.random.default_rng(1)
    masks = (random.random((6, *sides, 3)) > 0.6).astype(np.uint8)
    probability = random.random(masks.shape).astype(np.float32)
    alone = [
        scores_of(monkeypatch, masks[..., n : n + 1], probability[..., n : n + 1]) for n in range(3)
    ]
    for order in ([0, 1, 2], [2, 0, 1]):
        together = scores_of(monkeypatch, masks[..., order], probability[..., order])
        for name in ("val_iou", "val_dice"):
            assert together[name] == pytest.approx(np.mean([each[name] for each in alone]))


def test_a_class_that_is_neither_there_nor_predicted_is_left_out_and_counted(monkeypatch):
    """As in the results: no Dice of 0 for finding nothing where there is nothing."""
    masks = np.zeros((6, 9, 8, 2), np.uint8)
    masks[:3, 2:6, 2:6, 0] = 1  # three cases have the first class, none the second
    probability = masks * 0.9
    perfect = scores_of(monkeypatch, masks, probability)
    assert (perfect["val_iou"], perfect["val_dice"], perfect["val_undefined"]) == (1, 1, 3 + 6)
    probability[5, 0, 0] = 0.9  # found where it is not: that is a 0
    worse = scores_of(monkeypatch, masks, probability)
    assert worse["val_dice"] == pytest.approx((3 / 4 + 0) / 2)
    assert worse["val_iou"] == pytest.approx((48 / 49 + 0) / 2)
    assert worse["val_undefined"] == 2 + 5
    nothing = scores_of(monkeypatch, masks * 0, probability * 0)
    assert np.isnan([nothing["val_iou"], nothing["val_dice"]]).all()
    assert kept_epoch([nothing, worse, perfect], "dice") == 2


def test_a_volume_larger_than_the_patch_is_validated_whole_in_windows(tmp_path):
    """A network that returns its input: what is predicted is known."""
    network = keras.Sequential(
        [keras.Input((8, 16, 16, 1)), layers.Activation("linear", dtype="float32")]
    )
    network.compile(jit_compile=False)
    volumes = balls(tmp_path, [(8, 16, 16), (13, 21, 16), (5, 30, 9)], 3)
    for image, mask in zip(volumes.images, volumes.masks, strict=True):
        np.save(image, np.load(mask).astype(np.float32) * 0.75)
    scores = loop.validate(network, volumes, NoLoss(), PLAN)
    assert (scores["val_iou"], scores["val_dice"]) == (1, 1)
    np.save(volumes.masks[1], 1 - np.load(volumes.masks[1]))
    assert loop.validate(network, volumes, NoLoss(), PLAN)["val_dice"] == pytest.approx(2 / 3)


def test_of_exclusive_classes_the_likeliest_is_predicted_and_the_background_comes_first(
    monkeypatch,
):
    random = np.random.default_rng(2)
    labels = random.integers(0, 4, (6, 5, 4, 3))
    masks = (labels[..., None] == [1, 2, 3]).astype(np.uint8)
    softmax = random.dirichlet([0.7] * 4, labels.shape).astype(np.float32)
    predicted = (softmax.argmax(axis=-1)[..., None] == [1, 2, 3]).astype(np.float32)
    assert (softmax.max(axis=-1) < 0.5).any()
    assert scores_of(monkeypatch, masks, softmax) == scores_of(monkeypatch, masks, predicted)
    one = (labels[..., None] > 0).astype(np.uint8)
    pair = np.stack([softmax[..., 0], 1 - softmax[..., 0]], axis=-1)
    assert scores_of(monkeypatch, one, pair) == scores_of(monkeypatch, one, pair[..., 1:])


def test_another_seed_gives_another_training():
    assert numbers(run()) != numbers(run(replace(PLAN, seed=6)))


def test_each_epoch_has_its_own_order_and_contains_every_case_once():
    numbers = np.arange(10)
    images = numbers.astype(np.float32).reshape(10, 1, 1, 1)
    part = Cases(images, np.zeros((10, 1, 1, 1)), numbers)
    plan = replace(PLAN, augmentation=0)
    orders = []
    for epoch in (0, 1, 0):
        batches = [
            images.ravel() for images, _ in loop.epoch_batches(part, CaseLoss("bce"), plan, epoch)
        ]
        assert [len(batch) for batch in batches] == [4, 4, 2]
        assert sorted(np.concatenate(batches)) == list(range(10))
        orders.append([set(batch) for batch in batches])
    assert orders[0] == orders[2] != orders[1]


def test_prediction_does_not_depend_on_the_batch():
    model = build(size_px=SIZE, base_width=2)
    model.compile(jit_compile=False)
    images = cases(5, 3).images
    probability = predict(model, images, 3)
    assert probability.shape == (5, SIZE, SIZE, 1)
    np.testing.assert_allclose(predict(model, images, 1), probability, atol=1e-6)


def test_several_devices_share_every_batch_and_learn_the_same_as_one():
    """Two logical CPUs stand for two GPUs; TensorFlow can only create them in a new process."""
    code = (
        "import tensorflow as tf\n"
        "one = tf.config.LogicalDeviceConfiguration()\n"
        "cpu = tf.config.list_physical_devices('CPU')[0]\n"
        "tf.config.set_logical_device_configuration(cpu, [one, one])\n"
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]\n"
        "import test_training as t\n"
        "strategy = tf.distribute.MirroredStrategy(['/cpu:0', '/cpu:1'])\n"
        "for shared in (None, strategy):\n"
        "    t.keras.utils.set_random_seed(5)\n"
        "    machine = t.device.Device('cpu', 2, 'float32', 'tensorflow', shared)\n"
        "    with machine.scope():\n"
        "        model = t.plain()\n"
        "    plan = t.replace(t.PLAN, augmentation=0)\n"
        "    parts = (t.cases(10, 1), t.cases(2, 2))\n"
        "    ready = t.Training(model, t.CaseLoss('bce'), plan, *parts, machine=machine)\n"
        "    outcome = ready.run(report=lambda text: None)\n"
        "    print('losses', *[row['loss'] for row in outcome.history])\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    lines = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("losses")]
    alone, shared = np.array(lines, float)
    assert len(alone) == PLAN.epochs
    np.testing.assert_allclose(shared, alone, rtol=1e-4)


def test_a_mirrored_prediction_is_the_mean_of_both_views():
    model = build(size_px=SIZE, base_width=2)
    model.compile(jit_compile=False)
    images = cases(3, 4).images
    plain, mirror = (predict(model, view, 2) for view in (images, images[:, :, ::-1]))
    both = predict(model, images, 2, mirrored=True)
    np.testing.assert_allclose(both, (plain + mirror[:, :, ::-1]) / 2, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("loss", registry.names("losses"))
def test_every_loss_of_the_folder_trains(loss):
    """Also those that need more than the mask (boundary) or derive a constant of it (wbce)."""
    training_cases = cases(6, 1)
    machine = device.start(wanted="cpu", threads=1, seed=1)
    function = CaseLoss.fitted(loss, {}, training_cases.each_mask())
    settings = {"epochs": 8, "learning_rate": 0.01, "augmentation": 0, "mirrored": False}
    plan = replace(PLAN, **settings)
    ready = Training(plain(), function, plan, training_cases, cases(2, 2), machine=machine)
    outcome = ready.run(report=lambda text: None)
    assert outcome.failure is None
    assert outcome.history[-1]["loss"] < outcome.history[0]["loss"]


@pytest.mark.parametrize("kind", ["gpu", "tpu"])
def test_a_device_that_is_not_there_is_one_line_for_the_user(kind):
    code = (
        "import os\nfrom tumorseg.core import device\n"
        f"try: device.start(wanted={kind!r}, threads=1, seed=1)\n"
        "finally: print(os.environ['CUDA_VISIBLE_DEVICES'])"
    )
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS), "CUDA_VISIBLE_DEVICES": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    message = f"UserError: training.device is {kind}, but there is none; set it to auto"
    assert done.stderr.strip().splitlines()[-1].endswith(message)
    assert done.stdout == "7\n"  # the GPU that a cluster gave to the job is left as it is


def test_a_training_whose_disk_was_full_keeps_its_state_and_ends_bit_identical(
    uninterrupted, tmp_path, monkeypatch
):
    plan, undisturbed = uninterrupted
    state, write, calls = tmp_path / "state.npz", np.savez, []

    def full(file, **arrays):
        calls.append(file)
        if len(calls) == 2:
            file.write(b"half of the state")
            raise OSError(errno.ENOSPC, "No space left on device")
        write(file, **arrays)

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(UserError, match=r"state.npz: .*the disk is full \(it needs .* are free\)"):
        run(plan, state=state)
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]
    lines = []
    assert_same(undisturbed, run(plan, state=state, report=lines.append))
    assert lines[0] == "resumes after epoch 1 of an earlier run"
