"""One trial of tuning as Ray runs it: a training, an epoch a step, that stores where it stands."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray import tune

from tumorseg.core.files import write_text
from tumorseg.training import identity, prepare
from tumorseg.training.prepare import Cell
from tumorseg.tuning import search_space


class Trial(tune.Trainable):
    """Every step gives Ray one row of the history and the score so far.

    An actor serves one trial after another, so Keras is started once for each CPU. A trial that an
    earlier, killed search has finished gives its rows again at once; one that it began goes on.
    Both make a search that is started again the same search.
    """

    def setup(self, config: dict[str, Any], cell: Cell, search: dict[str, Any], data: str) -> None:
        """cell: the recipe's own training; search: as `search_space.resolve` gives it; data: a
        digest of the cases."""
        self.cell, self.search, self.data = cell, search, data
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes over another trial in the same process."""
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        chosen = search_space.rounded(config)
        settings = self.cell.settings
        length = {"epochs": chosen.get("epochs", self.search["epochs"])}
        training, constants = search_space.applied(
            settings["training"] | length, self.cell.constants, chosen
        )
        key = identity.digest(self.data, self.cell.code, training, constants)
        self.record = Path(self.cell.state_dir) / f"{key}.json"
        self.rows: list[dict[str, float]] = []
        self.passed, self.training = 0, None
        self.asked = replace(
            self.cell, settings=settings | {"training": training}, constants=constants
        )

    def step(self) -> dict[str, Any]:
        """The next epoch; `done` where it was the last or the training failed.

        An error ends this trial alone: Ray would end the process, and Keras start again.
        """
        try:
            return self._step()
        except Exception as error:
            first = (str(error).strip() or "no message").splitlines()[0]
            return self._failed(f"{type(error).__name__}: {first}")

    def _failed(self, failure: str) -> dict[str, Any]:
        best = max((row["val_iou"] for row in self.rows), default=0.0)
        return {"score": best, "failure": failure, "done": True}

    def _step(self) -> dict[str, Any]:
        if self.training is None and not self.rows:
            if self.record.is_file():
                self.rows = json.loads(self.record.read_text(encoding="utf-8"))
            else:
                self.training = _training(self.asked)
                self.rows = self.training.outcome.history
        training = self.training
        if self.passed == len(self.rows) and training.epoch() is None:
            return self._failed(training.outcome.failure)
        row = self.rows[self.passed]
        self.passed += 1
        last = self.passed == len(self.rows) and (training is None or training.finished)
        if last and training is not None:
            write_text(self.record, json.dumps(self.rows))
            training.state.unlink(missing_ok=True)
        score = max(r["val_iou"] for r in self.rows[: self.passed])
        if not (self.search["keep_best"] or self.search["epochs_searched"]):
            score = row["val_iou"]
        return row | {"score": score, "failure": "", "done": last}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Nothing: the training's own state is all there is to keep."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Nothing: see save_checkpoint."""


def _training(cell: Cell) -> Any:
    """A training that nothing of the process's earlier trials shapes."""
    import keras

    keras.backend.clear_session()
    return prepare.prepare(cell)
