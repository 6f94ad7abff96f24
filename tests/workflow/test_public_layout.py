"""A shipped experiment reads its publisher's layout and runs to its end with the names kept."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from project_copy import ROOT, ProjectCopy, copy_project

from tumorseg.core.files import read_table
from tumorseg.data.storing import mask_of
from tumorseg.sources import phantom

pytestmark = pytest.mark.slow

SMALL = """\
folds: {count: 2}
network: {size_px: 32, base_width: 4, levels: 2}
tuning: {scope: none}
recipes: {robust: {training: {epochs: 1, steps: 1}}}
skull_strip: {compare: [head, none]}
"""
REAL = Path(os.environ.get("TUMORSEG_LGG", ROOT.parent / "shared/data/lgg"))
PATIENTS = 6  # of the real data, to keep the test short


def make_lgg(folder: Path) -> None:
    """Made heads in the layout and with the kind of names of the public set."""
    for number, case in enumerate(phantom.cases(seed=3, patients=8, height_px=128, width_px=128)):
        patient = int(case.patient.strip("p"))
        place = folder / f"kaggle_3m/TCGA_CS_{4940 + patient}_199609{10 + patient}"
        place.mkdir(parents=True, exist_ok=True)
        stem = place / f"{place.name}_{number + 1}"
        colours = np.repeat(case.image[..., None], 3, axis=2)
        Image.fromarray(colours.astype(np.uint8)).save(f"{stem}.tif")
        mask = 255 * mask_of(case) if number % 3 else 0 * case.image
        Image.fromarray(mask.astype(np.uint8)).save(f"{stem}_mask.tif")


def ran(project: ProjectCopy, data: Path, target: str) -> Path:
    """Runs a target of the shipped experiment at a small size; the folder it ran in."""
    project.write("small.yaml", SMALL)
    command = [sys.executable, "-m", "snakemake", "--cores", "2", target, "--nocolor"]
    command += ["--configfile", "experiments/lgg.yaml", "small.yaml"]
    done = project.execute([*command, "--config", f"data_dir={data}"])
    assert done.returncode == 0, done.stdout[-6000:]
    return project.folder


def test_the_experiment_lgg_reads_its_publishers_layout(tmp_path):
    make_lgg(tmp_path / "data")
    folder = ran(copy_project(tmp_path / "project"), tmp_path / "data", "results/lgg/cases.tsv")
    cases = read_table(folder / "results/lgg/cases.tsv")
    assert cases["case"].str.fullmatch(r"TCGA_\w+_\d+").all()
    assert cases["patient"].nunique() == 8


@pytest.mark.skipif(
    not (REAL / "kaggle_3m").is_dir(),
    reason=f"REAL LGG NOT RUN: no kaggle_3m/ in {REAL} (set TUMORSEG_LGG to its folder)",
)
def test_lgg_runs_on_some_of_its_real_patients(tmp_path):
    for place in sorted((REAL / "kaggle_3m").glob("TCGA_*"))[:PATIENTS]:
        shutil.copytree(place, tmp_path / "data/kaggle_3m" / place.name)
    results = ran(copy_project(tmp_path / "project"), tmp_path / "data", "all") / "results/lgg"
    assert (results / "report.html").is_file()
    privacy = read_table(results / "privacy.tsv")
    assert (privacy["hits"] == 0).all() and privacy["sought"].sum() > 0
