"""Promises of the training: bit-identical twice over and after a kill, failures told and survived.

The U-Net of 32 px and base width 4, or two convolutions where it does not matter, on twelve made
cases; runs are compared by every weight and every number of the history but the seconds.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from tumorseg.core import device, registry
from tumorseg.loss_kit.keras_loss import CaseLoss
from tumorseg.networks.unet import build
from tumorseg.training import inference, loop
from tumorseg.training.loop import Cases, Training
from tumorseg.training.plan import Plan
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
    """The least network with all that a state must hold: dropout seeds and running statistics."""
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
    """Two convolutions and nothing that depends on how a batch is split."""
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
    return Cases(
        np.array(images, np.float32)[..., None], np.array(masks).astype(np.uint8)[..., None]
    )


def run(
    plan: Plan = PLAN,
    *,
    network: Callable[[], keras.Model] = convolutions,
    loss: str = "bce",
    state: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
    training_cases: Cases | None = None,
) -> Outcome:
    """One training from the start, as scripts/train.py does it."""
    machine = device.start(wanted="cpu", threads=1, seed=plan.seed)
    parts = (training_cases or cases(10, 1), cases(2, 2))
    how = {"machine": machine, "state": state}
    return Training(network(), CaseLoss(loss), plan, *parts, **how).run(say)


def numbers(outcome: Outcome) -> list[list[float]]:
    """The history without the seconds, which nobody can repeat."""
    return [[row[name] for name in HISTORY[:-1]] for row in outcome.history]


def assert_same(first: Outcome, second: Outcome) -> None:
    assert repr(numbers(first)) == repr(numbers(second))  # epoch 1 is not epoch 1.0 in a table
    assert first.chosen_epoch == second.chosen_epoch
    assert len(first.weights) == len(second.weights) > 0
    for one, other in zip(first.weights, second.weights, strict=True):
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()


PLANS = {
    "robust": PLAN,
    "paper": replace(
        PLAN, augmentation=0, weight_average=0, warmup_epochs=0, keep_best=False, mirrored=False
    ),
}


@pytest.fixture(scope="module", params=PLANS)
def uninterrupted(request):
    """A training by each plan that was left alone."""
    plan = PLANS[request.param]
    return plan, run(plan)


def test_two_runs_are_bit_identical(uninterrupted):
    plan, first = uninterrupted
    assert len(first.history) == plan.epochs
    assert_same(first, run(plan))


class KilledError(Exception):
    """Stands for a power cut."""


def killer(after: int) -> Callable[[str], None]:
    """A `say` that dies as an epoch is reported, when it has just been stored."""

    def say(text: str) -> None:
        if text.startswith(f"epoch {after}/"):
            raise KilledError

    return say


def test_a_stopped_run_goes_on_and_ends_bit_identical(uninterrupted, tmp_path):
    plan, whole = uninterrupted
    after = 2
    state = tmp_path / "state.npz"
    with pytest.raises(KilledError):
        run(plan, state=state, say=killer(after))
    said = []
    resumed = run(plan, state=state, say=said.append)
    assert said[0] == f"goes on after epoch {after} of an earlier run"
    assert len(said) == 1 + plan.epochs - after
    assert_same(whole, resumed)


def test_a_unet_killed_with_9_goes_on_and_ends_bit_identical(tmp_path):
    """The kill comes from outside, at any moment after the first epoch is stored."""
    state = tmp_path / "state.npz"
    code = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]\n"
        "import test_training as t\n"
        f"t.run(network=t.unet, state=t.Path({str(state)!r}), say=lambda x: print(x, flush=True))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        told = [child.stdout.readline(), child.stdout.readline()]
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert told[1].startswith("epoch 2/3")
    assert child.returncode == -signal.SIGKILL
    said = []
    resumed = run(network=unet, state=state, say=said.append)
    assert "goes on after epoch" in said[0]
    assert_same(run(network=unet), resumed)


def test_a_finished_state_is_not_trained_again(tmp_path):
    state = tmp_path / "state.npz"
    whole = run(state=state)
    said = []
    assert_same(whole, run(state=state, say=said.append))
    assert said == [f"goes on after epoch {PLAN.epochs} of an earlier run"]


def test_the_network_learns_the_discs():
    plan = replace(PLAN, epochs=12, augmentation=0, learning_rate=5e-3)
    outcome = run(plan)
    assert outcome.history[-1]["loss"] < outcome.history[0]["loss"] / 2
    assert max(row["val_dice"] for row in outcome.history) > 0.7


def test_best_epoch_is_the_first_of_the_highest_validation_iou_and_last_is_last():
    best = run(replace(PLAN, epochs=4))
    ious = [row["val_iou"] for row in best.history]
    assert best.chosen_epoch == 1 + int(np.argmax(ious))
    assert run(replace(PLAN, keep_best=False, epochs=2)).chosen_epoch == 2


def test_learning_rate_rises_over_the_warm_up_and_stays():
    rates = [row["learning_rate"] for row in run().history]
    assert rates == pytest.approx([2e-3] * 3)
    slow = [row["learning_rate"] for row in run(replace(PLAN, warmup_epochs=2)).history]
    assert slow[0] < slow[1] == slow[2] == pytest.approx(2e-3)


def test_a_cosine_falls_from_the_rate_to_zero_at_its_last_step():
    rate = loop.Rate(1.0, 2, 10)
    found = [float(rate(step)) for step in range(11)]
    wanted = [min(1, (s + 1) / 2) * (1 + np.cos(np.pi * s / 10)) / 2 for s in range(11)]
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    rates = [row["learning_rate"] for row in run(replace(PLAN, schedule="cosine")).history]
    assert rates[0] > rates[1] > rates[2]


def every_weight(ready: Training) -> list[np.ndarray]:
    """Network, optimizer and average: all that the next epoch starts from."""
    arrays = [keras.ops.convert_to_numpy(variable) for variable in ready.variables]
    return [*(array.copy() for array in arrays), *(v.copy() for v in ready.average.values)]


@pytest.mark.parametrize("name", PLANS)
def test_a_long_run_passes_through_the_weights_of_a_short_one_bit_for_bit(name):
    """Epoch 3 of 5 against 3 of 3: why tuning trains each value once for all numbers of epochs."""
    found = []
    for epochs in (5, 3):
        machine = device.start(wanted="cpu", threads=1, seed=5)
        plan = replace(PLANS[name], epochs=epochs)
        parts = (cases(10, 1), cases(2, 2))
        ready = Training(unet(), CaseLoss("bce"), plan, *parts, machine=machine)
        for _ in range(3):
            ready.epoch()
        found.append((every_weight(ready), ready.outcome))
    (long, long_outcome), (short, short_outcome) = found
    assert len(long) == len(short) > 100
    assert all(a.tobytes() == b.tobytes() for a, b in zip(long, short, strict=True))
    assert_same(long_outcome, short_outcome)


def test_with_a_horizon_a_long_run_does_not_pass_through_a_short_one():
    plan = replace(PLAN, schedule="cosine")
    long, short = (run(replace(plan, epochs=epochs)) for epochs in (5, 3))
    assert numbers(long)[2] != numbers(short)[2]


def test_weight_decay_shrinks_the_weights():
    plain, decayed = (run(replace(PLAN, weight_decay=decay)) for decay in (0.0, 0.5))
    sizes = [sum(float(np.abs(w).sum()) for w in o.weights[:1]) for o in (plain, decayed)]
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize("weight_average", [0.0, 0.9])
def test_a_loss_that_stops_being_finite_is_a_failure_and_no_crash(weight_average):
    broken = cases(10, 1)
    broken.images[3] = np.nan
    plan = replace(PLAN, weight_average=weight_average, augmentation=0)
    outcome = run(plan, training_cases=broken)
    assert outcome.failure == "the loss became nan in epoch 1"
    assert outcome.history == []


def test_predictions_that_are_not_finite_are_a_failure_and_no_crash(monkeypatch):
    monkeypatch.setattr(loop, "predict", lambda *given: np.full((2, SIZE, SIZE, 1), np.nan))
    outcome = run(PLAN)
    assert outcome.failure == "the predictions stopped being finite in epoch 1"
    assert outcome.history == []


def test_another_seed_is_another_training():
    assert numbers(run()) != numbers(run(replace(PLAN, seed=6)))


def test_epochs_are_shuffled_differently_and_hold_every_case_once():
    part = Cases(np.arange(10, dtype=np.float32).reshape(10, 1, 1, 1), np.zeros((10, 1, 1, 1)))
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
    found = inference.predict(model, images, 3)
    assert found.shape == (5, SIZE, SIZE, 1)
    np.testing.assert_allclose(inference.predict(model, images, 1), found, atol=1e-6)


def test_several_devices_share_every_batch_and_learn_what_one_learns():
    """Two made CPUs stand for two GPUs; TensorFlow makes them only in a process of its own."""
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
        "    made = (t.cases(10, 1), t.cases(2, 2))\n"
        "    ready = t.Training(model, t.CaseLoss('bce'), plan, *made, machine=machine)\n"
        "    outcome = ready.run(say=lambda text: None)\n"
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
    plain, other = (inference.predict(model, view, 2) for view in (images, images[:, :, ::-1]))
    found = inference.predict(model, images, 2, mirrored=True)
    np.testing.assert_allclose(found, (plain + other[:, :, ::-1]) / 2, atol=1e-7)


@pytest.mark.parametrize("loss", registry.names("losses"))
def test_every_loss_of_the_folder_trains(loss):
    """Also those that want more than the mask (boundary) or learn a constant from it (wbce)."""
    made = cases(6, 1)
    machine = device.start(wanted="cpu", threads=1, seed=1)
    function = CaseLoss.fitted(loss, {}, made.masks)
    how = {"epochs": 8, "learning_rate": 0.01, "augmentation": 0, "mirrored": False}
    plan = replace(PLAN, **how)
    ready = Training(plain(), function, plan, made, cases(2, 2), machine=machine)
    outcome = ready.run(say=lambda text: None)
    assert outcome.failure is None
    assert outcome.history[-1]["loss"] < outcome.history[0]["loss"]
