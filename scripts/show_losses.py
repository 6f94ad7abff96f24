"""Draws each loss: value and gradient against the probability of the true class."""

from typing import Any

from tumorseg.core import device
from tumorseg.reporting.figure_style import save_svg


def main(*, losses_svg: str, losses: dict[str, list[Any]], form: str, classes: int) -> None:
    """Draws every loss of the experiment.

    losses: name -> [function, constants]; form, classes: what the networks predict.
    """
    device.start(wanted="cpu", threads=1, seed=0)
    from tumorseg.reporting.loss_figures import (
        loss_figure,  # Keras may only start after the device is set up
    )

    given = {name: tuple(settings) for name, settings in losses.items()}
    save_svg(loss_figure(given, form, classes), losses_svg)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
