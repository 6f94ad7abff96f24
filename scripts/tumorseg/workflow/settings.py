"""Checks the config before any job starts, and makes the Experiment that the rules need of it.

rules/common.smk calls `load`, and tests do so without running a workflow. Whatever the user set
wrongly raises UserError with one line that names the key.
"""

import copy
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import validate

from tumorseg.core import yaml_text
from tumorseg.core.errors import UserError
from tumorseg.workflow import (
    config_checks,
    dataset_defaults,
    external_checks,
    paper_check,
    storage_checks,
    volume_checks,
)
from tumorseg.workflow.experiment import Experiment


def check_files(paths: Iterable[str | Path]) -> None:
    """Raises UserError for a key that one of the config files has twice.

    paths: the files that Snakemake has loaded.
    """
    here = Path.cwd()
    for path in map(Path, dict.fromkeys(map(str, paths))):
        yaml_text.check_keys(path.relative_to(here) if path.is_relative_to(here) else path)


def load(config: dict[str, Any], schema_file: str, *, stored: bool = False) -> Experiment:
    """The experiment of a config, into which the schema's defaults and dataset.json's are filled.

    stored: whether jobs run without the user's files, with a storage for all others.

    Raises UserError for the first key that the schema rejects, and for what the schema cannot see:
    unknown losses, recipes and presets, constants and searched values out of range, a missing
    reference loss or data folder.
    """
    config_checks.name_labels(config)
    external_checks.name_labels(config)
    try:
        validate(config, schema_file)
    except Exception as error:  # jsonschema's message spans pages; the user needs one line
        raise UserError(_schema_error(error)) from None
    schema = yaml.safe_load(Path(schema_file).read_text(encoding="utf-8"))
    for name in config["use_recipes"]:
        config_checks.check_known("use_recipes", name, config["recipes"])
    if config["source"]["kind"] != "phantom" and not config["data_dir"]:
        raise UserError(
            "config: data_dir: say where the data are, for instance --config data_dir=<folder>"
        )
    given = copy.deepcopy(config) if stored else {}
    dataset_defaults.fill(config)
    if stored:
        storage_checks.check_stored(given, config)
    config_checks.check_folds(config["folds"])
    config_checks.check_channels(config)
    config_checks.check_networks(config)
    bases = config["use_recipes"]
    prepared = {recipe: recipe for recipe in bases}
    prepared |= {f"{recipe}-{name}": recipe for name in config["networks"] for recipe in bases}
    config["recipes"] |= {name: config["recipes"][recipe] for name, recipe in prepared.items()}
    config_checks.check_classes(config)
    volume_checks.check_volumes(config)
    external_checks.check_external(config)
    folds = list(range(1, config["folds"]["count"] + 1))
    first = config["seed"]
    scopes = {"none": [], "shared": ["shared"], "nested": [f"fold-{fold}" for fold in folds]}
    experiment = Experiment(
        config=config,
        losses={},
        recipes=list(prepared),
        prepared=prepared,
        folds=folds,
        seeds=list(range(first, first + config["training"]["seeds"])),
        scopes=scopes[config["tuning"]["scope"]],
    )
    losses = config_checks.checked_losses(config, experiment.form, experiment.classes)
    paper_check.check_paper(config, losses)
    numbers = max(1, len(experiment.classes))
    config_checks.check_tuning(config["tuning"], losses, schema, experiment.form, numbers)
    return replace(experiment, losses=losses)


def _schema_error(error: BaseException) -> str:
    """The schema validator's first complaint as one line that names the key."""
    cause: BaseException | None = error
    while cause is not None and not hasattr(cause, "absolute_path"):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return str(error).strip().splitlines()[0]
    key = ".".join(str(part) for part in cause.absolute_path) or "the top level"
    return f"config: {key}: {cause.message} (see config.schema.yaml)"  # type: ignore[attr-defined]
