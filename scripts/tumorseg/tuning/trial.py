"""One trial of tuning as Ray runs it: a training, one epoch per step, that stores its progress."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import tune

from tumorseg.core.files import write_text
from tumorseg.core.records import Search
from tumorseg.training.identity import content_digest
from tumorseg.training.job import TrainingJob
from tumorseg.training.plan import kept_epoch
from tumorseg.training.prepare import prepare
from tumorseg.tuning.search_space import rounded, split_values

if TYPE_CHECKING:
    from tumorseg.training.loop import Training


class Trial(tune.Trainable):
    """Every step gives Ray one row of the history and the score so far.

    An actor serves one trial after another, so Keras starts once per actor. When a killed search
    is started again, a trial that was finished returns its stored rows at once, and one that had
    begun resumes: the repeated search ends like an undisturbed one.
    """

    def setup(  # type: ignore[override]  # tune.with_parameters adds the last three
        self, config: dict[str, Any], job: TrainingJob, search: Search, cases: str
    ) -> None:
        """job: the recipe's own training; search: what is searched; cases: digest of the cases."""
        self.recipe_job, self.search, self.cases = job, search, cases
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begins another trial in the same process."""
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        chosen = rounded(config)
        epochs = chosen.get("epochs", self.search["epochs"])
        training, constants = split_values(chosen, self.recipe_job.settings["training"])
        self.job = self.recipe_job.with_values(training | {"epochs": epochs}, constants)
        key = content_digest(
            self.cases, self.job.code, self.job.settings["training"], self.job.loss["constants"]
        )
        self.record = Path(self.job.state_dir) / f"{key}.json"
        self.rows: list[dict[str, float]] = []
        self.reported = 0
        self.training: Training | None = None

    def step(self) -> dict[str, Any]:
        """The next epoch; `done` where it was the last one or the training failed.

        An error ends this trial alone. Ray would end the process, and Keras would start again.
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
                self.training = _fresh_training(self.job)
                self.rows = self.training.outcome.history
        training = self.training
        if self.reported == len(self.rows) and training and training.epoch() is None:
            return self._failed(training.outcome.failure or "")
        row = self.rows[self.reported]
        self.reported += 1
        last = self.reported == len(self.rows) and (training is None or training.finished)
        if last and training is not None:
            write_text(self.record, json.dumps(self.rows))
            if training.state is not None:
                training.state.unlink(missing_ok=True)
        keep_best = self.search["keep_best"] or self.search["epochs_searched"]
        score = self.rows[kept_epoch(self.rows[: self.reported], keep_best)]["val_iou"]
        return row | {"score": score, "failure": "", "done": last}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Nothing: the training's own state file is enough."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Nothing: see save_checkpoint."""


def _fresh_training(job: TrainingJob) -> "Training":
    """A training on which the earlier trials of this process have no influence."""
    if keras := sys.modules.get("keras"):  # else this is the first one, and `prepare` starts it
        keras.backend.clear_session()
    return prepare(job)
