"""What follows from a checked config: the names, searches and settings that the rules need."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tumorseg.core.digests import sha256
from tumorseg.core.records import RecipeSettings, Search
from tumorseg.training.model import form_of
from tumorseg.tuning import search_space
from tumorseg.workflow import config_checks, external_checks

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
LOCAL_NETWORK_KEYS = ("encoder_file",)
DOWNLOADING_SOURCES = ("cheng_mat",)


@dataclass(frozen=True)
class Experiment:
    """A checked config and what follows from it.

    losses: name -> (file in losses/, constants). recipes: those of use_recipes, then each of them
    with each of `networks`, such as robust-r2unet. prepared: recipe -> whose packed cases it reads.
    scopes: the searches of each recipe and loss: none, "shared" (for all folds) or "fold-1", ...
    """

    config: dict[str, Any]
    losses: dict[str, tuple[str, dict[str, Any]]]
    recipes: list[str]
    prepared: dict[str, str]
    folds: list[int]
    seeds: list[int]
    scopes: list[str]

    @property
    def volumes(self) -> bool:
        """Whether cases are volumes."""
        return self.config["source"].get("dimensions", 2) == 3

    @property
    def classes(self) -> list[str]:
        """The names of the classes, the primary one first; empty where there is one, unnamed."""
        names, primary = list(self.config.get("classes", {})), self.config["primary_class"]
        return sorted(names, key=lambda name: name != primary) if len(names) > 1 else []

    @property
    def class_labels(self) -> dict[str, int]:
        """The label of each of several classes in predicted label maps, the primary one first.

        It is the class's own where each has a single one that is a number; otherwise its position
        in the config, from 1.
        """
        own = self.config.get("classes", {})
        alone = [labels[0] for labels in own.values() if len(labels) == 1 and labels[0].isdecimal()]
        numbers = [int(label) for label in alone]
        proper = len(set(numbers)) == len(own) and all(0 < n < 256 for n in numbers)
        labels = dict(zip(own, numbers if proper else range(1, len(own) + 1), strict=True))
        return {name: labels[name] for name in self.classes}

    @property
    def primary_class(self) -> str:
        """The class that the question is about, or mean; empty where there is one, unnamed."""
        return self.config["primary_class"] or next(iter(self.classes), "")

    @property
    def asked_about(self) -> str:
        """What the question is about, in words; empty where there is one class without a name."""
        if self.primary_class == "mean":
            return f"mean over {', '.join(self.classes)}"
        return self.primary_class

    @property
    def training_environment(self) -> str:
        """The file in envs/ that has the backend of the config, for its device."""
        backend, device = self.config["training"]["backend"], self.config["training"]["device"]
        if backend == "torch":
            return "training-torch"
        if device == "tpu":
            return "training-tpu"
        return "training-cuda" if backend == "jax" or device == "gpu" else "training"

    @property
    def source(self) -> dict[str, Any]:
        """The config's `source`, with `classes` by which annotations are read."""
        classes = self.config.get("classes", {})
        if not classes:
            return self.config["source"]
        ordered = {name: classes[name] for name in self.classes or classes}
        return self.config["source"] | {"classes": ordered}

    @property
    def external(self) -> "Experiment | None":
        """The experiment with the outside data in place of its own; None where there are none."""
        if "external" not in self.config:
            return None
        return replace(self, config=external_checks.of_outside(self.config))

    def network(self, recipe: str) -> dict[str, Any]:
        """The network of a recipe, with the number of classes where there are several."""
        further = self._further_network(recipe)
        changes = {"name": further} | self.config["networks"][further] if further else {}
        network = self.config["network"] | changes
        network.pop("losses", None)
        network.pop("encoder_file", None)
        if file := self.encoder_file(recipe):
            network["encoder"] = sha256(Path(file))[:20]
        if self.classes:
            network |= {"classes": len(self.classes), "exclusive": not self.config["overlapping"]}
        return network

    def encoder_file(self, recipe: str) -> str:
        """The file with weights from which the encoder of a recipe's network begins, or ""."""
        further = self._further_network(recipe)
        network = self.config["networks"][further] if further else self.config["network"]
        return network.get("encoder_file", "")

    @property
    def paper(self) -> dict[str, Any]:
        """The config's `paper`, with the recipe that trains each printed network."""
        paper = self.config.get("paper", {})
        first = self.recipes[0]
        recipes = {
            printed: f"{first}-{own}" if own in self.config["networks"] else first
            for printed, own in paper.get("networks", {}).items()
        }
        return paper | {"networks": recipes}

    def _further_network(self, recipe: str) -> str:
        """The name in `networks` of a recipe's network; empty where it is `network`."""
        return recipe.removeprefix(self.prepared[recipe]).removeprefix("-")

    def losses_of(self, recipe: str) -> list[str]:
        """The losses that are trained with a recipe; a further network may have few."""
        further = self._further_network(recipe)
        chosen = self.config["networks"][further].get("losses", []) if further else []
        return [loss for loss in self.losses if not chosen or loss in chosen]

    @property
    def form(self) -> str:
        """In which form losses see the classes (loss_kit/keras_loss.py)."""
        return form_of(self.network(self.recipes[0]))

    @property
    def channels(self) -> list[str]:
        """The channels of each case; empty where there is one, which then needs no name."""
        channels = self.config["source"].get("channels", [])
        return channels if len(channels) > 1 else []

    def inputs(self, recipe: str) -> list[int]:
        """The positions, from 1, of the channels that the recipe's network sees."""
        chosen = self.recipe(recipe).get("inputs", self.channels)
        return [self.channels.index(str(name)) + 1 for name in chosen] or [1]

    def organ(self, recipe: str) -> int:
        """The position, from 1, of the channel that masks what the recipe crops to; 0 for none."""
        name = self.recipe(recipe).get("volumes", {}).get("organ")
        return 0 if name is None else self.channels.index(str(name)) + 1

    @property
    def downloads(self) -> bool:
        """Whether the source is a public data set that the workflow downloads itself."""
        return self.config["source"]["kind"] in DOWNLOADING_SOURCES

    def recipe(self, name: str) -> RecipeSettings:
        """The settings of a recipe."""
        return self.config["recipes"][name]

    def search(self, recipe: str, loss: str) -> Search:
        """What is searched for a loss with a recipe."""
        function, _ = self.losses[loss]
        preset = config_checks.searched_preset(self.config, self.classes)
        return search_space.resolve(preset, loss, function, self.recipe(recipe)["training"])

    def searches(self) -> dict[str, dict[str, Search]]:
        """Every search, by recipe and loss; empty where nothing is tuned."""
        return {
            recipe: {loss: self.search(recipe, loss) for loss in self.losses_of(recipe)}
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
        shown = hidden(self.config, LOCAL_KEYS)
        if "external" in self.config:
            keys = ("data_dir", *LOCAL_SOURCE_KEYS)
            shown["external"] = hidden(self.config["external"], keys)
        return shown | {
            "source": hidden(self.config["source"], LOCAL_SOURCE_KEYS),
            "network": hidden(self.config["network"], LOCAL_NETWORK_KEYS),
            "networks": {
                name: hidden(network, LOCAL_NETWORK_KEYS)
                for name, network in self.config["networks"].items()
            },
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
