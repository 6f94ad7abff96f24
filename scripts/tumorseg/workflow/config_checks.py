"""Checks of the config that its schema cannot make; each error is one line that names the key."""

from pathlib import Path
from typing import Any

from tumorseg.core import registry
from tumorseg.core.errors import UserError
from tumorseg.loss_kit.configured import configured_losses
from tumorseg.network_kit.sizes import sides_of
from tumorseg.phantom.contrast import PULSES
from tumorseg.tuning import preset_check
from tumorseg.tuning.search_space import has_values

PHANTOM_LABELS = ("1", "2", "4")  # core without enhancement, oedema, enhancing
ONE_CHANNEL_SOURCES = ("cheng_mat", "kits19")


def check_channels(config: dict[str, Any]) -> None:
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
        check_known("source.channels", name, PULSES)
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


def check_networks(config: dict[str, Any]) -> None:
    """Raises UserError for a network that has no file or cannot halve its input that often.

    Also where the losses of a further network are not among those compared.
    """
    further = {f"networks.{name}": {"name": name} | of for name, of in config["networks"].items()}
    known = dict.fromkeys(registry.names("networks"))
    for key, changes in {"network": {}, **further}.items():
        network = config["network"] | changes
        check_known(f"{key}.name", network["name"], known)
        own = changes or network
        if file := own.get("encoder_file"):
            _check_encoder(key, network, file)
        if "patch" not in network:
            try:
                sides_of(network["size_px"], None, network.get("levels", 4))
            except ValueError as error:
                raise UserError(f"config: {key}: {error}") from None
    used = dict.fromkeys(config["use_losses"] or config["losses"])
    for name, changes in config["networks"].items():
        for loss in changes.get("losses", []):
            check_known(f"networks.{name}.losses", loss, used)
        if config["reference_loss"] not in changes.get("losses", used):
            raise UserError(
                f"config: networks.{name}.losses: add {config['reference_loss']!r}, the "
                "reference_loss, with which the others are compared"
            )


def _check_encoder(key: str, network: dict[str, Any], file: str) -> None:
    """Raises UserError where weights of ResNet50 are given that do not exist, or to another."""
    if network["name"] != "resnet50_unet" or network["base_width"] != 64:
        raise UserError(
            f"config: {key}.encoder_file: only resnet50_unet of base_width 64 begins from weights "
            f"of ResNet50, not {network['name']} of base_width {network['base_width']}"
        )
    if not Path(file).is_file():
        raise UserError(f"config: {key}.encoder_file: there is no file {file}")


def check_folds(folds: dict[str, Any]) -> None:
    """Raises UserError unless the number of test patients is given for one fold and no more.

    Also where a single fold is to be made of sites.
    """
    count, key = folds["count"], "config: folds.test_patients"
    if count == 1 and folds.get("by") == "site":
        raise UserError(
            "config: folds.by: one fold is a fixed split; set folds.count to the number of sites, "
            "or to 2 or more"
        )
    if count == 1 and "test_patients" not in folds:
        raise UserError(f"{key}: one fold is a fixed split; say how many patients test")
    if count > 1 and "test_patients" in folds:
        raise UserError(
            f"{key}: {count} folds test every patient; remove it, or set folds.count: 1"
        )


def check_classes(config: dict[str, Any]) -> None:
    """Checks `classes` and what belongs to it; makes labels text, as source.labels' are.

    Raises UserError for classes that share a label without overlapping, for an unknown primary
    class, and for source.labels that contradict the classes.
    """
    classes = config.get("classes", {})
    for name, labels in classes.items():
        classes[name] = list(map(str, labels))
    primary = config["primary_class"]
    if primary and primary not in (*classes, "mean" if classes else ""):
        known = ", ".join((*classes, "mean")) if classes else "there are none"
        raise UserError(f"config: primary_class: no {primary!r} in classes ({known})")
    labels = [label for of_class in classes.values() for label in of_class]
    repeated = next((label for label in labels if labels.count(label) > 1), None)
    if repeated is not None and not config["overlapping"]:
        raise UserError(
            f"config: classes: label {repeated} is in several classes; set overlapping: true, or "
            "let each label be of one class"
        )
    if classes and config["source"]["kind"] == "phantom":
        if config["source"].get("dimensions", 2) == 2:
            raise UserError("config: classes: the phantom's slices have one class; remove it")
        for label in labels:
            check_known("classes", label, dict.fromkeys(PHANTOM_LABELS))
    for label, meaning in config["source"].get("labels", {}).items():
        if classes and (meaning != "background" or label in labels):
            raise UserError(
                f"config: source.labels: {label} is {meaning}; with `classes` it may only name "
                "labels of no class as background"
            )


def checked_losses(
    config: dict[str, Any], form: str, classes: list[str]
) -> dict[str, tuple[str, dict[str, Any]]]:
    """The losses: name -> (file in losses/, constants).

    A list's numbers follow `classes` of the config; here they follow the networks' channels.
    form: keras_loss.CaseLoss; classes: in the channels' order, empty for one.
    Raises UserError for unknown losses, constants out of range, and a reference that is none.
    """
    for name in config["use_losses"]:
        check_known("use_losses", name, config["losses"])
    used = {name: config["losses"][name] for name in config["use_losses"] or config["losses"]}
    try:
        losses = configured_losses(used, form, max(1, len(classes)))
    except UserError as error:
        raise UserError(f"config: {error}") from None
    if config["reference_loss"] not in losses:
        raise UserError(
            f"config: reference_loss: {config['reference_loss']!r} is not among losses: "
            + ", ".join(losses)
        )
    for _, constants in losses.values():
        for name, value in constants.items():
            constants[name] = in_channels_order(value, config, classes)
    return losses


def in_channels_order(value: Any, config: dict[str, Any], classes: list[str]) -> Any:
    """A constant whose list has the order of the config's `classes`, in that of the networks.

    classes: in the channels' order, empty for one.
    """
    if not classes or not isinstance(value, list):
        return value
    background, own = value[: -len(classes)], value[-len(classes) :]
    return background + [own[list(config["classes"]).index(name)] for name in classes]


def searched_preset(config: dict[str, Any], classes: list[str]) -> dict[str, Any]:
    """The preset of the config's tuning, its lists of constants in the networks' order.

    classes: as in `in_channels_order`.
    """
    preset = config["tuning"]["presets"][config["tuning"]["preset"]]
    space = {
        loss: {
            key: [in_channels_order(value, config, classes) for value in values]
            if has_values(values)
            else values
            for key, values in (dimensions or {}).items()
        }
        for loss, dimensions in preset["space"].items()
    }
    return preset | {"space": space}


def name_labels(config: dict[str, Any]) -> None:
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


def check_known(key: str, name: str, known: dict[str, Any]) -> None:
    """Raises UserError where the key names something that the config does not define."""
    if name not in known:
        raise UserError(f"config: {key}: no {name!r}; there are: {', '.join(known)}")


def check_tuning(
    tuning: dict[str, Any],
    losses: dict[str, tuple[str, dict[str, Any]]],
    schema: dict[str, Any],
    form: str,
    classes: int,
) -> None:
    """Raises UserError for an unknown preset, or one that fits a loss's settings badly.

    form: keras_loss.CaseLoss; classes: their number.
    """
    check_known("tuning.preset", tuning["preset"], tuning["presets"])
    if tuning["scope"] == "none":
        return
    recipe = schema["properties"]["recipes"]["additionalProperties"]["properties"]
    training_keys = recipe["training"]["properties"]
    where = f"config: tuning.presets.{tuning['preset']}"
    preset = tuning["presets"][tuning["preset"]]
    for name, (function, _) in losses.items():
        preset_check.check(preset, name, function, training_keys, where, form, classes)
