"""The shipped experiments with volumes of public sets read small copies of them, and pack them."""

from pathlib import Path

import layouts
import numpy as np
import pytest
import yaml
from snakemake.utils import update_config

import pack_volumes
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table
from tumorseg.core.images import write_case
from tumorseg.data import reading
from tumorseg.workflow import settings

ROOT = Path(__file__).parents[2]
# Of each experiment: the set, the channels, and voxels of each class in the first case with a
# tumour.
EXPERIMENTS = {
    "brats20": ("brats20", 4, {"whole": 72, "core": 48, "enhancing": 24}),
    "kits19": ("kits19", 1, {"tumour": 24, "kidney": 24}),
    "picai": ("picai", 4, {"": 24}),
    "mixed_focal_2021_brats20": ("brats20", 1, {"": 24}),
    "mixed_focal_2021_kits19": ("kits19", 1, {"tumour": 24, "kidney": 24}),
    "adaptive_focal_2024_picai": ("picai", 4, {"": 24}),
    "adaptive_focal_2024_brats18": ("msd_brain", 4, {"": 72}),
}


def loaded(name: str, data_dir: Path) -> settings.Experiment:
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    own = yaml.safe_load((ROOT / f"experiments/{name}.yaml").read_text(encoding="utf-8"))
    update_config(config, own | {"data_dir": str(data_dir)})
    return settings.load(config, str(ROOT / "config.schema.yaml"))


def cases_of(name: str, folder: Path) -> tuple[settings.Experiment, list]:
    getattr(layouts, EXPERIMENTS[name][0])(folder)
    experiment = loaded(name, folder)
    source = experiment.source | {"exclude": []}  # the small copy lacks the cases to exclude
    items = list(reading.read(source, str(folder), 1))
    errors = [p.line() for item in items for p in item.problems if p.severity == "error"]
    assert errors == []
    return experiment, [case for item in items for case in item.cases]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_shipped_experiment_reads_every_channel_and_class_of_its_set(name, tmp_path):
    _, channels, voxels = EXPERIMENTS[name]
    experiment, cases = cases_of(name, tmp_path)
    assert cases
    for case in cases:
        assert case.image.ndim == 3
        assert len(case.further) == channels - 1
    assert [name or "" for name in experiment.classes or [""]] == list(voxels)
    first = next(case for case in cases if case.mask.any())
    drawn = [first.mask, *(other.mask for other in first.other_classes)]
    assert [int(mask.sum()) for mask in drawn] == list(voxels.values())


def test_the_experiment_of_2024_takes_the_studies_that_experts_graded_first(tmp_path):
    _, every = cases_of("picai", tmp_path)
    _, graded = cases_of("adaptive_focal_2024_picai", tmp_path)
    positive = [case.case for case in every if case.mask.any()]
    assert len(positive) == 3
    # The last one has a label 1 of 2025, which is no grade.
    assert [case.case for case in graded] == positive[:2]
    assert all(case.mask.any() for case in graded)


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if "focal" in name])
def test_a_protocols_small_variant_differs_in_the_data_and_in_size_alone(name, tmp_path):
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for path in (f"experiments/{name}.yaml", f"experiments/small/{name}.yaml"):
        update_config(config, yaml.safe_load((ROOT / path).read_text(encoding="utf-8")))
    small = settings.load(config, str(ROOT / "config.schema.yaml"))
    whole = loaded(name, tmp_path)
    assert small.losses == whole.losses
    assert small.recipes == whole.recipes
    assert small.form == whole.form
    assert small.config["paper"] == whole.config["paper"]
    sized = {"epochs", "steps", "learning_rate"}
    trainings = [
        {
            key: value
            for key, value in of.recipe("published")["training"].items()
            if key not in sized
        }
        for of in (small, whole)
    ]
    assert trainings[0] == trainings[1]


def test_the_prostate_is_packed_with_its_margin_and_without_its_mask_as_an_input(tmp_path):
    experiment, cases = cases_of("picai", tmp_path)
    recipe, case, folder = experiment.recipe("robust"), cases[0], tmp_path / "results"
    row = dict(zip(("depth_px", "height_px", "width_px"), case.image.shape, strict=True))
    row |= {"case": "a", "pixel_depth_mm": 3.0, "pixel_height_mm": 0.5, "pixel_width_mm": 0.5}
    images = [case.image, *(channel.image for channel in case.further)]
    for number, image in enumerate(images, 1):
        place = folder / "stripped" / (f"channel-{number}" if number > 1 else "")
        write_case(place, "a", image, case.affine)
        end = f"_{number}" if number > 1 else ""
        row |= {f"intensity_offset{end}": 0.0, f"intensity_scale{end}": 1.0}
    write_case(folder / "masks", "a", case.mask, case.affine)
    table = "\t".join(row) + "\n" + "\t".join(map(str, row.values())) + "\n"
    (folder / "cases.tsv").write_text(table, encoding="utf-8")

    def pack(margin_mm: float) -> np.ndarray:
        pack_volumes.main(
            cases_table=str(folder / "cases.tsv"),
            stripped_dir=str(folder / "stripped"),
            masks_dir=str(folder / "masks"),
            images_file=str(folder / "images"),
            targets_file=str(folder / "targets"),
            placement_table=str(folder / "placement.tsv"),
            volumes=recipe["volumes"] | {"margin_mm": margin_mm, "intensities": ["zscore"]},
            patch=[1, 1, 1],
            inputs=experiment.inputs("robust"),
            organ=experiment.organ("robust"),
        )
        return np.load(folder / "images/a.npy")

    assert pack(0).shape == (3, 7, 14, 3)  # the box of the gland in the small copy
    assert pack(1).shape == (5, 11, 18, 3)  # a millimetre is a slice, or two pixels
    place = read_table(folder / "placement.tsv").iloc[0]
    assert (place.crop_front, place.depth, place.height) == (0, 5, 20)
    empty = np.zeros_like(images[-1])
    write_case(folder / "stripped/channel-4", "a", empty, case.affine)
    with pytest.raises(UserError, match="case a: the organ's mask is empty"):
        pack(1)
