"""Checks of the config's `external`, a second source whose cases no training uses."""

from typing import Any

from tumorseg.core.errors import UserError
from tumorseg.workflow import config_checks, dataset_defaults


def name_labels(config: dict[str, Any]) -> None:
    """Makes the labels of `external` text, as those of `source` (config_checks.name_labels)."""
    if "external" in config:
        _renamed(config_checks.name_labels, {"source": config["external"]})


def check_external(config: dict[str, Any]) -> None:
    """Fills in what dataset.json says; raises UserError for data that trainings cannot predict.

    The outside data need the dimensions and as many channels as the inside ones; their labels are
    those of the config's `classes`.
    """
    if "external" not in config:
        return
    external, inside = config["external"], config["source"]
    if external["kind"] != "phantom" and not external["data_dir"]:
        raise UserError(
            "config: external.data_dir: say where the outside data are, for instance --config "
            "'external={data_dir: <folder>}'"
        )
    dimensions = [source.get("dimensions", 2) for source in (inside, external)]
    if dimensions[0] != dimensions[1]:
        raise UserError(
            f"config: external.dimensions: {dimensions[1]}, and source.dimensions is "
            f"{dimensions[0]}; trainings predict cases like those that they saw, so make both equal"
        )
    outside = of_outside(config)
    _renamed(dataset_defaults.fill, outside)
    _renamed(config_checks.check_channels, outside | {"use_recipes": []})
    if config.get("classes"):
        _renamed(config_checks.check_classes, outside)
    external |= outside["source"]
    names = [[str(name) for name in source.get("channels", [])] for source in (inside, external)]
    if len(names[0] or [""]) != len(names[1] or [""]):
        listed = [f"{len(own) or 1} ({', '.join(own) or 'one without a name'})" for own in names]
        raise UserError(
            f"config: external.channels: {listed[1]}, and source.channels has {listed[0]}; name as "
            "many, in the same order"
        )


def of_outside(config: dict[str, Any]) -> dict[str, Any]:
    """The config with `external` in place of `source` and of `data_dir`.

    Generated heads begin from the next seed, so that they are other heads.
    """
    source = {key: value for key, value in config["external"].items() if key != "data_dir"}
    classes = {name: list(labels) for name, labels in config.get("classes", {}).items()}
    outside = config | {"source": source, "data_dir": config["external"]["data_dir"]}
    return outside | {"seed": config["seed"] + 1} | ({"classes": classes} if classes else {})


def _renamed(check: Any, config: dict[str, Any]) -> None:
    """Runs a check of `source` on the outside data; its message names the key `external`."""
    try:
        check(config)
    except UserError as error:
        raise UserError(str(error).replace("source.", "external.")) from None
