"""Reads and checks the losses of a config, with their constants, without starting Keras."""

import ast
from collections.abc import Iterable
from typing import Any

from tumorseg.core.errors import UserError
from tumorseg.core.places import LIBRARY
from tumorseg.core.registry import names
from tumorseg.loss_kit import constants as kinds

# A job gets what is read here as parameters, and itself only refuses (workflow/code_digest.py).
CHANGES_NO_RESULT = True

FORMS = ("binary", "overlapping", "exclusive")
EXCLUSIVE_ONLY = ("background", "class_sum")  # constants without an effect in the other forms


def check_form(form: str) -> None:
    """Raises UserError for a form that is none of FORMS (keras_loss.CaseLoss explains them)."""
    if form not in FORMS:
        raise UserError(f"losses: no form {form!r}; there are: {', '.join(FORMS)}")


def _loss_text(name: str) -> ast.Module:
    """The syntax tree of a loss's file; importing it would start Keras."""
    if name not in names("losses"):
        raise UserError(f"losses: no {name!r}; there are: {', '.join(names('losses'))}")
    path = LIBRARY / "losses" / f"{name}.py"
    return ast.parse(path.read_text(encoding="utf-8"))


def loss_constants(name: str) -> dict[str, str]:
    """The constants of a loss and the names of their types."""
    for node in _loss_text(name).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            given = [*node.args.args, *node.args.kwonlyargs][2:]
            return {a.arg: ast.unparse(a.annotation) if a.annotation else "" for a in given}
    raise UserError(f"losses: {name}.py has no function {name}(y_true, y_pred, ...); add it")


def _default_constants(name: str) -> dict[str, Any]:
    """The constants of a loss whose default is a literal, with that default."""
    for node in _loss_text(name).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            given = [arg.arg for arg in node.args.args]
            pairs = zip(reversed(given), reversed(node.args.defaults), strict=False)
            return {arg: v.value for arg, v in pairs if isinstance(v, ast.Constant)}
    return {}


def same_training_as(name: str) -> str:
    """The loss whose gradient a loss shares: SAME_TRAINING_AS of its file, by default itself."""
    for node in _loss_text(name).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SAME_TRAINING_AS":
            return ast.literal_eval(node.value)
    return name


def check_constants(name: str, constants: dict[str, Any], numbers: int | None = None) -> None:
    """Raises UserError for a constant that the loss does not have or that is out of range.

    numbers: how many a list must have; None accepts any.
    """
    known = loss_constants(name)
    for constant, value in constants.items():
        if constant not in known:
            listed = ", ".join(known) or "none"
            raise UserError(f"loss {name}: no {constant!r}; its constants: {listed}")
        allowed = kinds.kind(getattr(kinds, known[constant], None))
        complaint = allowed.complaint(value) if allowed else None
        if complaint:
            raise UserError(f"loss {name}: {constant} {complaint}")
        if numbers is not None and isinstance(value, list | tuple) and len(value) != numbers:
            raise UserError(f"loss {name}: {constant} needs {numbers} numbers, not {len(value)}")


def check_effect(name: str, constants: Iterable[str], form: str) -> None:
    """Raises UserError for a constant that has no effect in this form; name: in the config."""
    for constant in EXCLUSIVE_ONLY if form != "exclusive" else ():
        if constant in constants:
            raise UserError(f"loss {name}: remove {constant!r}; only exclusive classes have it")


def class_numbers(form: str, classes: int) -> int:
    """How many numbers a constant given as a list has: the background's in front, if there is one.

    >>> class_numbers("binary", 1), class_numbers("overlapping", 3), class_numbers("exclusive", 3)
    (2, 3, 4)
    """
    return classes + (form != "overlapping")


def configured_losses(
    losses: dict[str, dict | None], form: str = "binary", classes: int = 1
) -> dict[str, tuple[str, dict[str, Any]]]:
    """The config's losses: name -> (file in losses/, constants).

    A name is a loss of the folder or, with the key `loss`, a variant of one. form, classes: what
    the networks predict.
    Raises UserError for an unknown loss, a wrong constant, one without an effect in this form, and
    two names that give the same training: it would count twice in every ranking.

    >>> configured_losses({"bce": {}, "mild": {"loss": "focal", "gamma": 1}})
    {'bce': ('bce', {}), 'mild': ('focal', {'gamma': 1})}
    """
    configured: dict[str, tuple[str, dict[str, Any]]] = {}
    trainings: dict[str, str] = {}
    for name, given in losses.items():
        constants = dict(sorted((given or {}).items()))
        function = constants.pop("loss", name)
        check_constants(function, constants, class_numbers(form, classes))
        if "from_logits" in constants:
            raise UserError(f"loss {name}: remove 'from_logits'; the networks return probabilities")
        check_effect(name, constants, form)
        defaults = _default_constants(function)
        changed = {k: v for k, v in constants.items() if k not in defaults or v != defaults[k]}
        training = f"{same_training_as(function)} {changed}"
        if training in trainings:
            raise UserError(
                f"losses: {trainings[training]} and {name} give the same training; remove one"
            )
        trainings[training] = name
        configured[name] = (function, constants)
    return configured
