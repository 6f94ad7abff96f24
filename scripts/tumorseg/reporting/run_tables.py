"""Tables of what was run: data, folds, recipes, versions, and digests that identify the inputs."""

import os
import platform
from collections import Counter
from pathlib import Path

import pandas as pd

from tumorseg.core.digests import sha256
from tumorseg.core.records import TrainingRecord

Line = tuple[str, str]  # what, value


def run_table(
    cases: pd.DataFrame,
    folds: pd.DataFrame,
    trainings: list[TrainingRecord],
    excluded: int = 0,
    positive: bool = False,
) -> pd.DataFrame:
    """What was run, one fact a row: what, value. Failed trainings get a row FAILED each.

    excluded: number of cases that the user took out (source.exclude); positive: whether images
    without a tumour were left out.
    """
    first = trainings[0]
    lines = [
        *_data(cases, folds, excluded, positive),
        ("training seeds", ", ".join(map(str, sorted({item["seed"] for item in trainings})))),
        ("network", f"{first['network']['name']}, {first['network']['size_px']} px"),
    ]
    for name in dict.fromkeys(item["recipe"] for item in trainings):
        lines += _recipe(name, [item for item in trainings if item["recipe"] == name])
    for item in trainings:
        if item["status"] == "failed":
            where = f"{item['recipe']}/{item['loss']['name']} fold {item['fold']}"
            lines.append(("FAILED", f"{where}: {item['failure']}"))
    lines += [
        ("device", f"{first['device']['kind']}, {first['threads']} thread(s) a training"),
        ("backend of the trainings", computed_in(trainings, "backend")),
        ("precision of the trainings", computed_in(trainings, "precision")),
    ]
    lines += list(first["versions"].items())
    lines += [("last training finished (UTC)", max(item["finished"] for item in trainings))]
    return pd.DataFrame(lines, columns=["what", "value"])


def computed_in(trainings: list[TrainingRecord], what: str) -> str:
    """The precision or backend of the trainings; where it differs, how many have each, a warning.

    what: precision (number format) or backend.
    """
    counts = Counter(str(item["device"][what]) for item in trainings)
    if len(counts) == 1:
        return next(iter(counts))
    each = ", ".join(f"{name} in {number}" for name, number in counts.items())
    return f"MIXED: {each} trainings; differences between losses may come from it"


def _data(cases: pd.DataFrame, folds: pd.DataFrame, excluded: int, positive: bool) -> list[Line]:
    planes = cases["plane"].value_counts()
    sizes = folds.groupby(["role", "fold"])["case"].count().groupby("role").agg(["min", "max"])
    return [
        ("cases", str(len(cases))),
        *([("cases left out (source.exclude)", str(excluded))] if excluded else []),
        *([("images without a tumour", "left out (source.negatives)")] if positive else []),
        ("patients", str(cases["patient"].nunique())),
        ("planes", ", ".join(f"{count} {plane}" for plane, count in planes.items())),
        ("cases with a known pixel spacing", str(cases["pixel_height_mm"].notna().sum())),
        ("folds", str(folds["fold"].nunique())),
        *((f"{role} cases a fold", f"{low} to {high}") for role, (low, high) in sizes.iterrows()),
    ]


def _recipe(name: str, trainings: list[TrainingRecord]) -> list[Line]:
    """A recipe's settings, and its network's parameters. Tuned settings differ between losses."""
    settings = trainings[0]["settings"]
    shown = {**settings["network"], **settings["training"]}
    for training in trainings:
        searched = training["tuned"].get("searched", {})
        shown |= dict.fromkeys(set(searched) & set(shown), "by tuning (Table 1)")
    text = ", ".join(f"{key} {value}" for key, value in shown.items())
    parameters = trainings[0]["network"]["parameters"]
    return [
        (f"recipe {name}", f"{settings['preparation']} preparation; {text}"),
        (f"parameters of the network, {name}", f"{parameters:,}"),
    ]


def provenance(files: list[str], trainings: list[TrainingRecord]) -> pd.DataFrame:
    """Digests of the input files and of the training code, and the machine: what, value.

    Two runs with equal digests, seed, versions and device have the same weights.
    """
    lines = [(f"SHA-256 of {path.name}", sha256(path)) for path in map(Path, files)]
    for name in dict.fromkeys(training["loss"]["name"] for training in trainings):
        codes = {training["code"] for training in trainings if training["loss"]["name"] == name}
        lines.append((f"digest of the training code, {name}", ", ".join(sorted(codes))))
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    lines.append(("machine that wrote this table", f"{machine}, {memory_gb:.0f} GiB memory"))
    return pd.DataFrame(lines, columns=["what", "value"])
