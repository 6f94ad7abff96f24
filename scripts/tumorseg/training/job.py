"""One training as a record: everything that determines its result. Needs no Keras."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from tumorseg.core.records import (
    LossSettings,
    NetworkSettings,
    RecipeSettings,
    TrainingSettings,
    TuningResult,
)
from tumorseg.training.identity import random_seed

PATHS = ("images_file", "targets_file", "placement_table", "folds_table", "state_dir")
OPTIONAL_PATHS = ("encoder_file",)


@dataclass(frozen=True)
class TrainingJob:
    """One training: a recipe, a loss, a seed and a fold, and where its cases are.

    The fold's test patients take no part in it: their cases are never read.

    Attributes:
        recipe: the recipe's name; settings: its content in the config.
        loss: the loss's name, its file in losses/ and its constants.
        seed: the comparison's number of the training; `random_seed` is what Keras gets.
        wanted_device: auto, cpu, gpu or tpu; precision: auto, float32, bfloat16 or float16.
        state_dir: the folder for the state from which a killed training resumes.
        images_file, targets_file: the packed cases (.npy); placement_table: their order.
        code: digest of the code that trains.
        tuned: what tuning chose; `with_tuning` has put it into settings and loss.
        encoder_file: weights from which the network's encoder begins; empty for random ones. Its
            digest is in `network`.
        backend: tensorflow, jax or torch; empty as in `core.backends.use_backend`.
        tuning: whether this is a trial of tuning, which has random numbers of its own.
    """

    recipe: str
    settings: RecipeSettings
    loss: LossSettings
    network: NetworkSettings
    fold: int
    seed: int
    threads: int
    wanted_device: str
    precision: str
    state_dir: str
    images_file: str
    targets_file: str
    placement_table: str
    folds_table: str
    code: str
    tuned: TuningResult = field(default_factory=TuningResult)
    tuning: bool = False
    encoder_file: str = ""
    backend: str = ""

    @property
    def name(self) -> str:
        """recipe/loss, as printed in logs."""
        return f"{self.recipe}/{self.loss['name']}"

    @property
    def random_seed(self) -> int:
        """The number from which all randomness of this training comes."""
        return random_seed(self.seed, self.fold, self.tuning)

    def with_values(self, training: dict[str, Any], constants: dict[str, Any]) -> "TrainingJob":
        """This job with some training settings and constants of the loss replaced."""
        settings = cast(TrainingSettings, self.settings["training"] | training)
        recipe: RecipeSettings = {**self.settings, "training": settings}
        loss: LossSettings = {**self.loss, "constants": self.loss["constants"] | constants}
        return replace(self, settings=recipe, loss=loss)

    def with_tuning(self, tuned: TuningResult) -> "TrainingJob":
        """This job with the values that tuning chose, which replace the config's."""
        changed = self.with_values(tuned.get("training", {}), tuned.get("constants", {}))
        return replace(changed, tuned=tuned)

    def with_absolute_paths(self) -> "TrainingJob":
        """This job for a process that runs in another folder."""
        given = [name for name in (*PATHS, *OPTIONAL_PATHS) if getattr(self, name)]
        paths: dict[str, Any] = {name: str(Path(getattr(self, name)).resolve()) for name in given}
        return replace(self, **paths)

    def result_settings(self) -> dict[str, Any]:
        """All fields that shape the result; paths do not."""
        left_out = (
            *PATHS,
            *OPTIONAL_PATHS,
            "tuned",
        )  # the values that tuning chose are in settings and loss
        return {name: value for name, value in asdict(self).items() if name not in left_out}
