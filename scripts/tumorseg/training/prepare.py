"""Builds a training from its files, for the rule `train` and for every trial of tuning."""

from pathlib import Path
from typing import TYPE_CHECKING

from tumorseg.core import device
from tumorseg.training.fold_cases import cases_of_fold
from tumorseg.training.identity import content_digest
from tumorseg.training.job import TrainingJob
from tumorseg.training.model import build_network, form_of
from tumorseg.training.plan import Plan

if TYPE_CHECKING:
    from tumorseg.training.loop import Training


def prepare(job: TrainingJob, gpus: int = 1) -> "Training":
    """Starts the device, opens the training and validation cases, builds network and loss.

    The state file's name is a digest of everything that shapes the result, pixels included, so a
    state of other settings is never used.

    gpus: of this training alone, where it runs on GPUs; they share every batch.
    """
    machine = device.start(
        wanted=job.wanted_device,
        threads=job.threads,
        seed=job.random_seed,
        backend=job.backend,
        precision=job.precision,
        width=job.network["base_width"],
        gpu_count=max(1, gpus),
        batch=job.settings["training"]["batch_size"],
    )
    from tumorseg.loss_kit.keras_loss import CaseLoss  # Keras must start after the device
    from tumorseg.network_kit.encoder_weights import load_resnet50
    from tumorseg.training.deep_supervision import deeply_supervised
    from tumorseg.training.loop import Training

    plan = Plan(**job.settings["training"], seed=job.random_seed)
    with machine.scope():
        model = build_network(job.network, job.settings)
        trained = deeply_supervised(model, job.network["name"]) if plan.deep_supervision else None
    if job.encoder_file:
        load_resnet50(model, job.encoder_file)
    training, validation = cases_of_fold(job)
    name, constants = job.loss["function"], job.loss["constants"]
    loss = CaseLoss.fitted(name, constants, training.each_mask(), form_of(job.network))
    cases = training.digest(), validation.digest()
    digest = content_digest(job.result_settings(), machine.description(), cases)
    state = Path(job.state_dir) / f"{digest}.npz"
    state.parent.mkdir(parents=True, exist_ok=True)
    parts = model, loss, plan, training, validation
    return Training(*parts, machine=machine, state=state, trained=trained)
