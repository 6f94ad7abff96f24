"""Checks a tuning preset against the config's schema and the losses, before anything runs."""

from typing import Any

import jsonschema

from tumorseg.core.errors import UserError
from tumorseg.loss_kit import configured
from tumorseg.tuning.search_space import dimensions, has_values

# Part of the protocol: how epochs are chosen and predictions made.
NOT_TUNED = ("keep_best", "mirrored")
WHOLE_NUMBERS = ("epochs", "batch_size", "steps", "plateau_patience")


def check(
    preset: dict[str, Any],
    name: str,
    function: str,
    training_schema: dict[str, Any],
    where: str,
    form: str = "binary",
    classes: int = 1,
) -> None:
    """Rejects a dimension or a value that neither the training nor the loss accepts.

    Args:
        preset: the tuning preset.
        name: the loss's name in the config.
        function: its file in losses/.
        training_schema: the schema's properties of a recipe's `training`.
        where: the preset's place in the config, for messages.
        form: in which the loss sees the classes (keras_loss.CaseLoss).
        classes: their number.

    Raises:
        UserError: names the dimension, what is wrong and what is allowed.
    """
    for key, values in dimensions(preset, name, function).items():
        here = f"{where}: {name}: {key}"
        if key in NOT_TUNED:
            raise UserError(f"{here} is part of the protocol and cannot be tuned; remove it")
        listed = has_values(values)
        if listed and len(set(map(str, values))) < len(values):
            raise UserError(f"{here}: {values} holds a value twice; remove one")
        if not listed and preset["search"] == "grid":
            raise UserError(f"{here}: a grid needs a list of values, not a range")
        if not listed and key in WHOLE_NUMBERS:
            raise UserError(f"{here}: give a list of whole numbers, not a range")
        if not listed and not 0 <= values["low"] < values["high"]:
            raise UserError(f"{here}: low must be at least 0 and less than high")
        if not listed and values.get("log") and not values["low"]:
            raise UserError(f"{here}: a logarithmic range must start above 0")
        for value in values if listed else (values["low"], values["high"]):
            _check_value(function, key, value, training_schema, here)
            if key not in training_schema:
                _check_constant(function, {key: value}, here, form, classes)


def _check_value(
    function: str, key: str, value: Any, training_schema: dict[str, Any], here: str
) -> None:
    if key in training_schema:
        error = next(jsonschema.Draft202012Validator(training_schema[key]).iter_errors(value), None)
        if error:
            raise UserError(f"{here}: {error.message}")
        return
    if key not in configured.loss_constants(function):
        constants = ", ".join(configured.loss_constants(function)) or "none"
        settings = ", ".join(known for known in training_schema if known not in NOT_TUNED)
        raise UserError(
            f"{here}: neither a training setting ({settings}) nor a constant of the loss "
            f"({constants})"
        )


def _check_constant(
    function: str, constant: dict[str, Any], here: str, form: str, classes: int
) -> None:
    try:
        numbers = configured.class_numbers(form, classes)
        configured.check_constants(function, constant, numbers)
        configured.check_effect(function, constant, form)
    except UserError as error:
        raise UserError(f"{here}: {error}") from None
