"""Checks what the config says of a paper; each error is one line that names the key."""

from typing import Any

from tumorseg.core.places import LIBRARY
from tumorseg.workflow.config_checks import check_known


def check_paper(config: dict[str, Any], losses: dict[str, Any]) -> None:
    """Raises UserError where `paper` names a file, data set, loss or network that is not there.

    losses: those that the experiment compares.
    """
    if not (paper := config.get("paper")):
        return
    from tumorseg.audit.reading import read  # loads pandas, which other experiments need not

    folder = LIBRARY / "audit/published"
    files = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    check_known("paper.name", paper["name"], files)
    rows = [row.labels for table in read(files[paper["name"]])[0].tables for row in table.rows]
    printed = {
        label: dict.fromkeys(row[label] for row in rows if label in row)
        for label in ("dataset", "loss", "network")
    }
    check_known("paper.dataset", paper["dataset"], printed["dataset"])
    for key, label, own in (
        ("losses", "loss", losses),
        ("networks", "network", {config["network"]["name"]: None} | config["networks"]),
    ):
        for name, ours in paper.get(key, {}).items():
            check_known(f"paper.{key}", name, printed[label])
            check_known(f"paper.{key}.{name}", ours, own)
