"""Reads a data source, checks every case, and stores it in the house's form under results/."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tumorseg import registry
from tumorseg.cases import PLANES, Case
from tumorseg.errors import UserError
from tumorseg.files import write_table, write_text
from tumorseg.images import write_mask, write_png


def main(
    *,
    source: dict[str, Any],
    data_dir: str,
    seed: int,
    cases_table: str,
    cases_dir: str,
    annotations_dir: str,
    true_brain_dir: str,
) -> None:
    """Writes cases.tsv, cases/<case>.png, annotations/<case>.* and known brains, if there are any.

    source: `kind` (one of tumorseg.sources) and its options. Every annotation is rasterized once
    here, so that a bad one stops the run before anything long has started.
    """
    for folder in (cases_dir, annotations_dir, true_brain_dir):
        Path(folder).mkdir(parents=True, exist_ok=True)
    options = dict(source)
    read = registry.entry("sources", options.pop("kind")).cases
    owners: dict[str, tuple[str, str]] = {}
    lines = []
    for case in read(data_dir=data_dir, seed=seed, **options):
        _check(case, owners)
        write_png(Path(cases_dir) / f"{case.case}.png", case.image)
        annotation = _store_annotation(case, Path(annotations_dir))
        height, width = case.image.shape
        line = {
            "case": case.case,
            "patient": case.patient,
            "plane": case.plane,
            "image": f"cases/{case.case}.png",
            "annotation": f"annotations/{annotation.name}",
            "form": case.form,
            "height_px": height,
            "width_px": width,
            "spacing_mm": case.spacing_mm,
            "true_brain": np.nan,
            "tumour_type": case.tumour_type or np.nan,
        }
        if case.true_brain is not None:
            write_mask(Path(true_brain_dir) / f"{case.case}.png", case.true_brain)
            line["true_brain"] = f"true_brain/{case.case}.png"
        lines.append(line)
    table = pd.DataFrame(lines)
    write_table(table, cases_table)
    print(
        f"imported {len(table)} cases of {table['patient'].nunique()} patients: "
        + ", ".join(f"{(table['plane'] == plane).sum()} {plane}" for plane in PLANES)
    )


def _check(case: Case, owners: dict[str, tuple[str, str]]) -> None:
    digest = hashlib.sha256(case.image.tobytes() + str(case.image.shape).encode()).hexdigest()
    owner, earlier = owners.setdefault(digest, (case.patient, case.case))
    if owner != case.patient:
        raise UserError(
            f"{case.origin}: case {case.case} of patient {case.patient} is the same image as case "
            f"{earlier} of patient {owner}; remove one, or give both the same patient"
        )


def _store_annotation(case: Case, folder: Path) -> Path:
    form = registry.entry("annotations", case.form)
    path = folder / f"{case.case}{form.SUFFIX}"
    if isinstance(case.annotation, np.ndarray):
        write_mask(path, case.annotation)
    else:
        write_text(path, json.dumps(case.annotation))
    try:
        mask = form.read(path, *case.image.shape)
    except UserError as error:
        raise UserError(f"{case.origin}: case {case.case}: {error}") from None
    if mask.all():
        raise UserError(f"{case.origin}: case {case.case}: the annotation covers the whole image")
    return path


if "snakemake" in globals():
    from tumorseg.job import run

    run(main, snakemake)  # noqa: F821
