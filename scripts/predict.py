"""Predicts new images with an exported model, in their own geometry."""

import os
from pathlib import Path

import pandas as pd

from tumorseg.core import device
from tumorseg.core.digests import sha256
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_table, write_text
from tumorseg.prediction import exported_model, new_images, overview
from tumorseg.prediction.work import Work
from tumorseg.privacy.local import local_only


def folder_of(local_dir: Path, images: Path) -> Path:
    """The folder for these images' predictions, named as they are; marked, and theirs alone."""
    name = images.resolve().name.removesuffix(".gz")
    folder = local_dir / "predictions" / (name if images.is_dir() else Path(name).stem)
    local_only(local_dir)
    source = folder / "SOURCE.txt"
    if source.exists() and source.read_text(encoding="utf-8").strip() != str(images.resolve()):
        raise UserError(
            f"{folder}: holds the predictions of other images of the same name (SOURCE.txt); move "
            "it away or rename your folder"
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
) -> None:
    """Writes a mask and a probability an image, predictions.tsv and overview.html.

    images: file, folder or table; model: folder of an exported model, model_dir where empty. Images
    that cannot be read do not stop the others; at the end they raise a UserError.
    """
    if not images:
        raise UserError(
            "config: images: say what to predict, --config images=<file, folder or table>"
        )
    source = Path(images).expanduser()
    model_folder = Path(model or str(model_dir)).expanduser()
    facts = exported_model.read(model_folder)
    found, left_out = new_images.find(source)
    folder = folder_of(Path(local_dir), source)

    def start() -> "Ensemble":  # noqa: F821 - Keras may only start after the device is set up
        device.start(wanted=wanted_device, threads=threads, seed=1)
        from tumorseg.prediction.ensemble import Ensemble

        return Ensemble(model_folder, facts)

    version = f"{code} {sha256(model_folder / exported_model.FACTS)}"
    work = Work(folder, facts, version, start)
    work.run(found)
    others = ", ".join(f"{count} {suffix}" for suffix, count in left_out.most_common())
    others = f"Files that are no images were left out: {others}." if others else ""
    rows = [record["row"] for record in work.records(found)]
    write_table(pd.DataFrame(rows, columns=list(overview.COLUMNS)), folder / "predictions.tsv")
    page = folder / "overview.html"
    overview.write_page(page, overview.lines_of(facts, others), work.records(found))
    print("Research use only: not for diagnosis, nor for any decision about a patient.")
    print(f"{page}: {work.done} images predicted, {work.kept} were up to date. {others}".strip())
    if work.failed:
        raise UserError(
            f"{work.failed} of {len(found)} images could not be predicted: see the lines above, or "
            f"{folder / 'predictions.tsv'}"
        )


if "snakemake" in globals():
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
