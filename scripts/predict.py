"""Predicts new images with an exported model; results have the geometry of each image."""

from pathlib import Path

import pandas as pd

from tumorseg.core import device
from tumorseg.core.digests import sha256
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_table, write_text
from tumorseg.core.names import stem
from tumorseg.prediction import exported_model, new_images, overview
from tumorseg.prediction.model_channels import Channels
from tumorseg.prediction.work import Work
from tumorseg.privacy.local import local_only


def folder_of(local_dir: Path, images: Path) -> Path:
    """The folder for the predictions of these images, named after them and marked as local.

    Raises UserError if it holds predictions of other images with the same name.
    """
    name = images.resolve().name
    folder = local_dir / "predictions" / (name if images.is_dir() else stem(name))
    local_only(local_dir)
    source = folder / "SOURCE.txt"
    if source.exists() and source.read_text(encoding="utf-8").strip() != str(images.resolve()):
        raise UserError(
            f"{folder}: it holds predictions of other images of the same name (see SOURCE.txt); "
            "move it away, or rename the folder or file of your images"
        )
    local_only(folder)
    write_text(source, f"{images.resolve()}\n")
    return folder


def main(
    *,
    images: str,
    local_dir: str,
    model: str = "",
    model_dir: str | list[str] = "",
    threads: int,
    wanted_device: str,
    code: str,
    backend: str = "",
) -> None:
    """Writes masks and probabilities of each image, predictions.tsv and overview.html.

    Args:
        images: a file, a folder or a table.
        local_dir: predictions go to its subfolder `predictions`.
        model, model_dir: the folder of an exported model; the second if the first is empty.
        threads: CPU threads.
        wanted_device: auto, cpu, gpu or tpu; backend: tensorflow, jax or torch.
        code: digest of the code; when it changes, all images are predicted again.

    Raises:
        UserError: nothing to predict, an unusable model, or, after all other images are done,
            images that could not be predicted.
    """
    if not images:
        expected = "--config images=<file, folder or table>"
        raise UserError(f"config: images: no images are named; expected {expected}")
    source = Path(images).expanduser()
    model_folder = Path(model or str(model_dir)).expanduser()
    facts = exported_model.read(model_folder)
    to_predict, left_out = new_images.find(source, Channels.of(facts))
    folder = folder_of(Path(local_dir), source)

    def load_members() -> "Ensemble":  # noqa: F821 - Keras starts after the device is set up
        machine = device.start(wanted=wanted_device, threads=threads, seed=1, backend=backend)
        from tumorseg.prediction.ensemble import Ensemble

        return Ensemble(model_folder, facts, machine)

    version = f"{code} {sha256(model_folder / exported_model.FACTS)}"
    work = Work(folder, facts, version, load_members)
    work.run(to_predict)
    remarks = work.remarks()
    if counts := ", ".join(f"{count} {suffix}" for suffix, count in left_out.most_common()):
        remarks.append(f"Ignored files: {counts}.")
    rows = [row for record in work.records(to_predict) for row in record["rows"]]
    write_table(pd.DataFrame(rows, columns=overview.columns(facts)), folder / "predictions.tsv")
    page, lines = folder / "overview.html", [*overview.model_lines(facts), *remarks]
    overview.write_page(page, lines, work.records(to_predict), facts)
    print("Research use only: not for diagnosis, nor for any decision about a patient.")
    print(f"{page}: {work.done} images predicted, {work.kept} were up to date.", *remarks)
    if work.failed:
        raise UserError(
            f"{work.failed} of {len(to_predict)} images could not be predicted: see the lines "
            f"ERROR above, or the column notes in {folder / 'predictions.tsv'}"
        )


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
