"""Builds a training from its files, for the rule `train` and for every trial of tuning."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tumorseg.core import device
from tumorseg.core.files import read_table
from tumorseg.data import folds
from tumorseg.training.identity import content_digest
from tumorseg.training.job import TrainingJob
from tumorseg.training.model import build_network, with_channels
from tumorseg.training.plan import Plan

if TYPE_CHECKING:
    from tumorseg.training.loop import Training


def prepare(job: TrainingJob) -> "Training":
    """Starts the device, reads the training and validation cases, builds network and loss.

    The state file's name is a digest of everything that shapes the result, pixels included, so a
    state of other settings is never used.
    """
    machine = device.start(
        wanted=job.wanted_device,
        threads=job.threads,
        seed=job.random_seed,
        precision=job.precision,
    )
    from tumorseg.loss_kit.keras_loss import CaseLoss  # Keras must start after the device
    from tumorseg.training.loop import Cases, Training

    with machine.scope():
        model = build_network(job.network, job.settings)
    table = read_table(job.folds_table)
    folds.check(table)
    order = read_table(job.placement_table)["case"]
    images = np.load(job.images_file, mmap_mode="r")
    targets = np.load(job.targets_file, mmap_mode="r")
    parts, arrays = [], []
    for role in ("train", "validation"):
        rows = folds.positions(table, job.fold, role, order)
        cases = Cases(with_channels(images[rows], job.settings["channels"]), targets[rows])
        parts.append(cases)
        arrays += [cases.images, cases.masks]
    training, validation = parts
    loss = CaseLoss.fitted(job.loss["function"], job.loss["constants"], training.masks)
    plan = Plan(**job.settings["training"], seed=job.random_seed)
    digest = content_digest(job.result_settings(), machine.description(), *arrays)
    state = Path(job.state_dir) / f"{digest}.npz"
    state.parent.mkdir(parents=True, exist_ok=True)
    return Training(model, loss, plan, training, validation, machine=machine, state=state)
