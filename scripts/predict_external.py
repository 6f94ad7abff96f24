"""Predicts the outside data with all trainings of a loss together: their mean probability."""

from pathlib import Path
from typing import cast

import yaml

from tumorseg.core import device
from tumorseg.core.files import read_table, write_text
from tumorseg.core.images import of_class, write_case
from tumorseg.core.records import NetworkSettings, RecipeSettings
from tumorseg.evaluation import member_masks
from tumorseg.evaluation.probabilities import STORED_ONE, quantised
from tumorseg.prediction.agreement import MembersMean
from tumorseg.prediction.records import ModelFacts
from tumorseg.training.packed_cases import PackedCases


def main(
    *,
    images_file: str,
    placement_table: str,
    weights: list[str],
    settings_files: list[str],
    predictions_dir: str,
    settings: RecipeSettings,
    network: NetworkSettings,
    seed: int,
    threads: int,
    wanted_device: str,
    threshold: float,
    backend: str = "",
    cases_dir: str = "",
) -> None:
    """Writes <case>.png as `predict_cases` does, and members/<case>.npz, the mask of each training.

    The mean is taken at native size, over all folds and seeds, as `predict` does for new images.
    Failed trainings are left out; where all failed, a file FAILED says so.

    Args:
        images_file, placement_table: the packed outside images and their placement.
        weights, settings_files: one per training, in the same order.
        predictions_dir: written.
        settings, network: the recipe; the network's name and size.
        seed, threads, wanted_device, backend: as for `predict_cases`.
        threshold: of the members' masks, which are of the first class; of exclusive classes the
            likeliest counts.
        cases_dir: the images, whose geometry predictions of volumes get.
    """
    folder, places = Path(predictions_dir), read_table(placement_table)
    facts = [yaml.safe_load(Path(path).read_text(encoding="utf-8")) for path in settings_files]
    used = [n for n, fact in enumerate(facts) if fact["status"] != "failed"]
    if not used:
        write_text(folder / "FAILED", f"all {len(facts)} trainings failed\n")
        return
    machine = device.start(wanted=wanted_device, threads=threads, seed=seed, backend=backend)
    from tumorseg.prediction.ensemble import BATCH, Ensemble  # Keras starts after the device

    model = {"recipe": {"settings": settings}, "network": network}
    model["members"] = [{"file": str(Path(weights[n]).resolve())} for n in used]
    ensemble = Ensemble(Path(), cast(ModelFacts, model), machine)
    members = ["seed-{seed}_fold-{fold}".format(**facts[n]) for n in used]
    classes = network.get("classes", 1)
    likeliest = classes > 1 and network["exclusive"]
    thresholds = None if likeliest else [threshold] * classes
    for place in (of_class(folder, n) for n in range(1, classes + 1)):
        place.mkdir(parents=True, exist_ok=True)
    cases = PackedCases(images_file, places, settings["channels"], cases_dir)
    for images, chosen in cases.batches(list(range(len(places))), BATCH):
        means: list[MembersMean] = []
        for maps in ensemble.probabilities(images):
            native = [
                [case.placement.back(own[..., n]) for n in range(classes)]
                for case, own in zip(chosen, maps, strict=True)
            ]
            means = means or [MembersMean(classes, one[0].shape, thresholds) for one in native]
            for mean, one in zip(means, native, strict=True):
                mean.add(one)
        for mean, case in zip(means, chosen, strict=True):
            for n in range(classes):
                stored = quantised(mean.mean(n))
                write_case(of_class(folder, n + 1), case.name, stored, case.affine, 1 / STORED_ONE)
            member_masks.store(folder / "members", case.name, members, mean.masks)
    print(f"{folder}: {len(places)} cases predicted by {len(used)} trainings together")


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
