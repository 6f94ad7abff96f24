"""Checks what the config says of a paper; each error is one line that names the key."""

from typing import Any

from tumorseg.workflow.config_checks import check_known


def check_paper(config: dict[str, Any], losses: dict[str, Any]) -> None:
    """Raises UserError where `paper` names a file, data set, loss or network that is not there.

    losses: those that the experiment compares.
    """
    if not (paper := config.get("paper")):
        return
    from tumorseg.audit.published import PAPERS  # loads pandas, which other experiments need not

    check_known("paper.name", paper["name"], dict.fromkeys(PAPERS))
    rows = [row.labels for table in PAPERS[paper["name"]].tables for row in table.rows]
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
