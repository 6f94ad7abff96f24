"""Checks the config before any job starts, and derives from it what the rules need.

rules/common.smk calls `load`, and tests do so without running a workflow. Whatever the user set
wrongly raises UserError with one line that names the key.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import validate

from tumorseg.core.errors import UserError
from tumorseg.core.records import RecipeSettings, Search
from tumorseg.loss_kit.configured import configured_losses
from tumorseg.phantom.contrast import PULSES
from tumorseg.tuning import preset_check, search_space

# Keys whose values may name files, folders or people: the report shows "(local)" instead.
LOCAL_KEYS = ("data_dir", "images", "model")
LOCAL_SOURCE_KEYS = (
    "table",
    "annotation_file",
    "patient_pattern",
    "images",
    "masks",
    "labels",
    "exclude",
)
LOCAL_IDENTIFIER_KEYS = ("key_file",)
DOWNLOADING_SOURCES = ("cheng_mat",)
ONE_CHANNEL_SOURCES = ("cheng_mat", "kits19")


@dataclass(frozen=True)
class Experiment:
    """A checked config and what follows from it.

    losses: name -> (file in losses/, constants). folds, seeds: their numbers. scopes: the searches
    of each recipe and loss: none, "shared" (one for all folds) or "fold-1", "fold-2", ...
    """

    config: dict[str, Any]
    losses: dict[str, tuple[str, dict[str, Any]]]
    recipes: list[str]
    folds: list[int]
    seeds: list[int]
    scopes: list[str]

    @property
    def channels(self) -> list[str]:
        """The channels of each case; empty where there is one, which then needs no name."""
        channels = self.config["source"].get("channels", [])
        return channels if len(channels) > 1 else []

    def inputs(self, recipe: str) -> list[int]:
        """The positions, from 1, of the channels that the recipe's network sees."""
        chosen = self.recipe(recipe).get("inputs", self.channels)
        return [self.channels.index(name) + 1 for name in chosen] or [1]

    @property
    def downloads(self) -> bool:
        """Whether the source is a public data set that the workflow downloads itself."""
        return self.config["source"]["kind"] in DOWNLOADING_SOURCES

    def recipe(self, name: str) -> RecipeSettings:
        """The settings of a recipe."""
        return self.config["recipes"][name]

    def search(self, recipe: str, loss: str) -> Search:
        """What is searched for a loss with a recipe."""
        tuning = self.config["tuning"]
        function, _ = self.losses[loss]
        preset = tuning["presets"][tuning["preset"]]
        return search_space.resolve(preset, loss, function, self.recipe(recipe)["training"])

    def searches(self) -> dict[str, dict[str, Search]]:
        """Every search, by recipe and loss; empty where nothing is tuned."""
        return {
            recipe: {loss: self.search(recipe, loss) for loss in self.losses}
            for recipe in (self.recipes if self.scopes else [])
        }

    def trial_recipe(self, recipe: str, loss: str) -> RecipeSettings:
        """The recipe with a trial's number of epochs, so that its own number re-runs no search."""
        settings = self.recipe(recipe)
        epochs = self.search(recipe, loss)["epochs"]
        return settings | {"training": settings["training"] | {"epochs": epochs}}

    def scope_of(self, fold: int) -> str | None:
        """The search whose result a training of the fold uses; None where nothing is tuned."""
        own = f"fold-{fold}"
        return own if own in self.scopes else next(iter(self.scopes), None)

    def shown(self) -> dict[str, Any]:
        """The config as the report prints it: "(local)" for what may name files or people."""
        return hidden(self.config, LOCAL_KEYS) | {
            "source": hidden(self.config["source"], LOCAL_SOURCE_KEYS),
            "identifiers": hidden(self.config["identifiers"], LOCAL_IDENTIFIER_KEYS),
        }

    def public_names(self) -> list[str]:
        """The experiment's own words, which results may contain though a source name equals one."""
        numbered = [f"fold-{fold}" for fold in self.folds] + [f"seed-{s}" for s in self.seeds]
        return [self.config["experiment"], *self.recipes, *self.losses, *numbered]


def fold_of_scope(scope: str) -> int:
    """The fold whose training patients a search uses; a shared search uses the first fold's."""
    return 1 if scope == "shared" else int(scope.removeprefix("fold-"))


def hidden(settings: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """The settings with "(local)" in place of every value of these keys that is not empty."""
    return settings | {key: "(local)" for key in keys if settings.get(key)}


def load(config: dict[str, Any], schema_file: str) -> Experiment:
    """The experiment of a config, into which the schema's defaults are filled.

    Raises UserError for the first key that the schema rejects, and for what the schema cannot see:
    unknown losses, recipes and presets, constants and searched values out of range, a missing
    reference loss or data folder.
    """
    _name_labels(config)
    try:
        validate(config, schema_file)
    except Exception as error:  # jsonschema's message spans pages; the user needs one line
        raise UserError(_schema_error(error)) from None
    schema = yaml.safe_load(Path(schema_file).read_text(encoding="utf-8"))
    try:
        losses = configured_losses(config["losses"])
    except UserError as error:
        raise UserError(f"config: {error}") from None
    recipes = list(config["use_recipes"])
    for name in recipes:
        _check_known("use_recipes", name, config["recipes"])
    if config["reference_loss"] not in losses:
        raise UserError(
            f"config: reference_loss: {config['reference_loss']!r} is not among losses: "
            + ", ".join(losses)
        )
    if config["source"]["kind"] != "phantom" and not config["data_dir"]:
        raise UserError(
            "config: data_dir: say where the data are, for instance --config data_dir=<folder>"
        )
    _check_channels(config)
    _check_tuning(config["tuning"], losses, schema)
    folds = list(range(1, config["folds"]["count"] + 1))
    first = config["seed"]
    scopes = {"none": [], "shared": ["shared"], "nested": [f"fold-{fold}" for fold in folds]}
    return Experiment(
        config=config,
        losses=losses,
        recipes=recipes,
        folds=folds,
        seeds=list(range(first, first + config["training"]["seeds"])),
        scopes=scopes[config["tuning"]["scope"]],
    )


def _check_channels(config: dict[str, Any]) -> None:
    """Checks source.channels and the recipes' inputs; sets the recipes' number of channels.

    Raises UserError for channels that the source cannot have, and for inputs that are no channel.
    """
    source = config["source"]
    channels = [str(name) for name in source.get("channels", [])]  # YAML reads 0 as a number
    if channels:
        source["channels"] = channels
    if channels and source["kind"] in ONE_CHANNEL_SOURCES:
        raise UserError(
            f"config: source.channels: {source['kind']} has one channel; remove source.channels"
        )
    for name in channels if source["kind"] == "phantom" else ():
        _check_known("source.channels", name, PULSES)
    if channels and "sequence" in source:
        raise UserError("config: source.sequence: source.channels names the channels; remove one")
    for name in config["use_recipes"]:
        recipe = config["recipes"][name]
        inputs = [str(name) for name in recipe.get("inputs", channels)]
        if "inputs" in recipe:
            recipe["inputs"] = inputs
        for chosen in inputs:
            if chosen not in channels:
                known = ", ".join(map(str, channels)) or "none"
                raise UserError(
                    f"config: recipes.{name}.inputs: no {chosen!r} in source.channels ({known})"
                )
        if len(inputs) > 1:
            recipe["channels"] = len(inputs)


def _name_labels(config: dict[str, Any]) -> None:
    """Makes the keys of source.labels text: YAML reads 255 without quotes as a number.

    Raises UserError for what YAML reads as neither text nor number (yes, null), and for a label
    that is written twice.
    """
    source = config.get("source")
    if not isinstance(source, dict) or not isinstance(labels := source.get("labels"), dict):
        return
    named: dict[str, Any] = {}
    for label, meaning in labels.items():
        text = str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)
        if isinstance(label, bool) or not isinstance(label, str | int | float):
            raise UserError(
                f"config: source.labels: YAML reads one label as {text}; write it in quotes, as "
                'in the file: "yes", "true", "null"'
            )
        if text in named:
            raise UserError(f"config: source.labels: {text!r} is listed twice; remove one")
        named[text] = meaning
    source["labels"] = named


def _check_known(key: str, name: str, known: dict[str, Any]) -> None:
    if name not in known:
        raise UserError(f"config: {key}: no {name!r}; there are: {', '.join(known)}")


def _check_tuning(
    tuning: dict[str, Any],
    losses: dict[str, tuple[str, dict[str, Any]]],
    schema: dict[str, Any],
) -> None:
    _check_known("tuning.preset", tuning["preset"], tuning["presets"])
    if tuning["scope"] == "none":
        return
    recipe = schema["properties"]["recipes"]["additionalProperties"]["properties"]
    training_keys = recipe["training"]["properties"]
    where = f"config: tuning.presets.{tuning['preset']}"
    preset = tuning["presets"][tuning["preset"]]
    for name, (function, _) in losses.items():
        preset_check.check(preset, name, function, training_keys, where)


def _schema_error(error: BaseException) -> str:
    """The schema validator's first complaint as one line that names the key."""
    cause: BaseException | None = error
    while cause is not None and not hasattr(cause, "absolute_path"):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return str(error).strip().splitlines()[0]
    key = ".".join(str(part) for part in cause.absolute_path) or "the top level"
    return f"config: {key}: {cause.message} (see config.schema.yaml)"  # type: ignore[attr-defined]
