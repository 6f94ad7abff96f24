"""Says what was run: data, folds, recipes, versions, seed, and where the time went."""

import os
import platform
from pathlib import Path

import pandas as pd
import yaml

from tumorseg.core.digests import sha256
from tumorseg.core.files import read_table
from tumorseg.evaluation.metric_tables import conventions
from tumorseg.reporting.cost_tables import loss_cost
from tumorseg.reporting.table_pages import write_tables

WORK = ("skull_strip", "compare_strips", "tune", "train", "predict_cases", "measure")


def facts(cases: pd.DataFrame, folds: pd.DataFrame, cells: list[dict]) -> pd.DataFrame:
    """One line a fact: what, value."""
    first = cells[0]
    planes = cases["plane"].value_counts()
    sizes = folds.groupby(["role", "fold"])["case"].count().groupby("role").agg(["min", "max"])
    spacing = cases["pixel_height_mm"].notna().sum()
    lines = [
        ("cases", str(len(cases))),
        ("patients", str(cases["patient"].nunique())),
        ("planes", ", ".join(f"{count} {plane}" for plane, count in planes.items())),
        ("cases with a known pixel spacing", str(spacing)),
        ("folds", str(folds["fold"].nunique())),
        *((f"{role} cases a fold", f"{a} to {b}") for role, (a, b) in sizes.iterrows()),
        ("training seeds", ", ".join(map(str, sorted({cell["seed"] for cell in cells})))),
        ("network", f"{first['network']['name']}, {first['network']['size_px']} px"),
    ]
    for name in dict.fromkeys(cell["recipe"] for cell in cells):
        cell = next(cell for cell in cells if cell["recipe"] == name)
        settings = cell["settings"]
        plain = settings["network"] | settings["training"]
        for of_recipe in (cell for cell in cells if cell["recipe"] == name):
            searched = of_recipe["tuned"].get("searched", {})
            plain |= dict.fromkeys(set(searched) & set(plain), "by tuning (Table 1)")
        text = ", ".join(f"{key} {value}" for key, value in plain.items())
        lines.append((f"recipe {name}", f"{settings['preparation']} preparation; {text}"))
        lines.append((f"parameters of the network, {name}", f"{cell['network']['parameters']:,}"))
    for cell in cells:
        if cell["status"] == "failed":
            where = f"{cell['recipe']}/{cell['loss']['name']} fold {cell['fold']}"
            lines.append(("FAILED", f"{where}: {cell['failure']}"))
    lines += [("device", f"{first['device']['kind']}, {first['threads']} thread(s) a training")]
    lines += [(name, version) for name, version in first["versions"].items()]
    lines += [("last training finished (UTC)", max(cell["finished"] for cell in cells))]
    return pd.DataFrame(lines, columns=["what", "value"])


def provenance(files: list[str], cells: list[dict]) -> pd.DataFrame:
    """Digests of what the trainings started from and of their code, and the machine: what, value.

    Two runs with equal digests, seed, versions and device have the same weights.
    """
    lines = []
    for path in map(Path, files):
        lines.append((f"SHA-256 of {path.name}", sha256(path)))
    for name in dict.fromkeys(cell["loss"]["name"] for cell in cells):
        codes = {cell["code"] for cell in cells if cell["loss"]["name"] == name}
        lines.append((f"digest of the training code, {name}", ", ".join(sorted(codes))))
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    lines.append(("machine that wrote this table", f"{machine}, {memory_gb:.0f} GiB memory"))
    return pd.DataFrame(lines, columns=["what", "value"])


def cost(benchmarks: list[str], cells: list[dict]) -> pd.DataFrame:
    """Seconds and peak memory by stage, from Snakemake's benchmarks; start-up is the rest."""
    lines = []
    for path in map(Path, benchmarks):
        row = pd.read_csv(path, sep="\t", na_values="-").iloc[0]
        parts = path.relative_to(path.parents[len(path.parts) - path.parts.index("benchmarks") - 2])
        stage = parts.parts[0].removesuffix(".tsv")
        lines.append({"stage": stage, "seconds": row["s"], "memory_mb": row["max_rss"]})
    table = pd.DataFrame(lines)
    table = table.groupby("stage").agg(
        jobs=("seconds", "size"), seconds=("seconds", "sum"), peak_memory_mb=("memory_mb", "max")
    )
    table["share_percent"] = (100 * table["seconds"] / table["seconds"].sum()).round(1)
    table["work"] = ["yes" if stage in WORK else "" for stage in table.index]
    training = sum(cell["training_s"] for cell in cells)
    table["of_it_start_up_s"] = 0.0
    table.loc["train", "of_it_start_up_s"] = table.at["train", "seconds"] - training
    return table.round(1).sort_values("seconds", ascending=False).reset_index()


def main(
    *,
    cases_table: str,
    folds_table: str,
    settings_files: list[str],
    benchmarks: list[str],
    tables: list[str],
    pages: list[str],
    tolerances_px: list[float],
) -> None:
    """Writes run, cost (by stage), loss_cost (by recipe and loss) and conventions (of metrics)."""
    cells = [yaml.safe_load(Path(path).read_text(encoding="utf-8")) for path in settings_files]
    built = {
        "run": pd.concat(
            [
                facts(read_table(cases_table), read_table(folds_table), cells),
                provenance([cases_table, folds_table], cells),
            ]
        ),
        "cost": cost(benchmarks, cells),
        "loss_cost": loss_cost(cells),
        "conventions": conventions(tolerances_px),
    }
    write_tables(built, [*tables, *pages])


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
