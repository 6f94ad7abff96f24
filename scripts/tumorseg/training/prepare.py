"""A training made ready from its files: what the rule train and every trial of tuning share."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tumorseg.core import device
from tumorseg.core.files import read_table
from tumorseg.data import folds
from tumorseg.training import identity
from tumorseg.training import model as training_model

if TYPE_CHECKING:
    from tumorseg.training.loop import Training


@dataclass(frozen=True)
class Cell:
    """All that shapes one training; `settings` is a recipe, `state_dir` keeps what a kill needs.

    Cases of the fold's test patients are not read at all.
    """

    images_file: str
    targets_file: str
    placement_table: str
    folds_table: str
    settings: dict[str, Any]
    loss_function: str
    constants: dict[str, Any]
    network: dict[str, Any]
    fold: int
    seed: int
    threads: int
    wanted_device: str
    state_dir: str
    code: str


FILES = ("images_file", "targets_file", "placement_table", "folds_table", "state_dir")


def prepare(cell: Cell) -> "Training":
    """Starts the device, reads the training and validation cases, builds network and loss.

    A digest of all that shapes the result, the cases' pixels included, names the file of the
    state, so a state of other settings is never used.
    """
    machine = device.start(wanted=cell.wanted_device, threads=cell.threads, seed=cell.seed)
    from tumorseg.loss_kit.keras_loss import CaseLoss
    from tumorseg.training import loop
    from tumorseg.training import plan as training_plan

    with machine.scope():
        model = training_model.build_network(cell.network, cell.settings)
    table = read_table(cell.folds_table)
    folds.check(table)
    order = read_table(cell.placement_table)["case"]
    images = np.load(cell.images_file, mmap_mode="r")
    targets = np.load(cell.targets_file, mmap_mode="r")
    parts = []
    for role in ("train", "validation"):
        rows = folds.positions(table, cell.fold, role, order)
        channels = training_model.with_channels(images[rows], cell.settings["channels"])
        parts.append(loop.Cases(channels, targets[rows]))
    loss = CaseLoss.fitted(cell.loss_function, cell.constants, parts[0].masks)
    plan = training_plan.Plan(**cell.settings["loop"], seed=cell.seed)
    asked = {name: value for name, value in asdict(cell).items() if name not in FILES}
    state = Path(cell.state_dir) / f"{identity.digest(asked, machine.description(), *parts)}.npz"
    state.parent.mkdir(parents=True, exist_ok=True)
    return loop.Training(model, loss, plan, *parts, machine=machine, state=state)
