"""What training costs, from the trainings' own records (settings.yaml)."""

import pandas as pd


def loss_cost(cells: list[dict]) -> pd.DataFrame:
    """Training seconds by recipe and loss."""
    table = pd.DataFrame(
        {
            "recipe": [cell["recipe"] for cell in cells],
            "loss": [cell["loss"]["name"] for cell in cells],
            "training_s": [cell["training_s"] for cell in cells],
            "epochs": [cell["settings"]["training"]["epochs"] for cell in cells],
        }
    )
    table["s_per_epoch"] = table["training_s"] / table["epochs"]
    grouped = table.groupby(["recipe", "loss"], sort=False)
    return grouped.mean(numeric_only=True).round(2).reset_index()
