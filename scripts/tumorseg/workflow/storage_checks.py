"""Checks what the config may not have where jobs run without the user's files; one line each."""

from typing import Any

import yaml

from tumorseg.core.errors import UserError

FILLED = ("classes", "overlapping", "primary_class")  # by dataset_defaults, with source.channels


def check_stored(given: dict[str, Any], filled: dict[str, Any]) -> None:
    """Raises UserError for what a job elsewhere would have to read from the user's files.

    Every job reads the config again: what it takes from a file must be in the config itself.

    Args:
        given: the config before dataset.json filled it; filled: afterwards.
    """
    found = {key: filled[key] for key in FILLED if filled.get(key) != given.get(key)}
    if filled["source"] != given["source"]:
        found = {"source": {"channels": filled["source"]["channels"]}, **found}
    if found:
        text = yaml.safe_dump(found, default_flow_style=True, sort_keys=False, width=10**6)
        raise UserError(
            f"config: {next(iter(found))}: dataset.json says it, and jobs elsewhere do not have "
            f"that file; write into the experiment's file: {text.strip()[1:-1]}"
        )
    networks = {"network": filled["network"]}
    networks |= {f"networks.{name}": own for name, own in filled["networks"].items()}
    for key, network in networks.items():
        if network.get("encoder_file"):
            raise UserError(
                f"config: {key}.encoder_file: jobs elsewhere do not have this file; remove it, or "
                "run where files are shared, without --default-storage-provider"
            )
