"""A folder is a registry and a file in it an entry: the only place that imports by name."""

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from tumorseg.errors import UserError

FOLDERS = ("losses", "networks", "sources", "annotations")


def names(folder: str) -> list[str]:
    """The entries of a registry folder, for instance every loss."""
    here = Path(__file__).parent / folder
    return sorted(path.stem for path in here.glob("*.py") if path.stem != "__init__")


def entry(folder: str, name: str) -> ModuleType:
    """The module of one entry, for instance entry("losses", "focal")."""
    if name not in names(folder):
        raise UserError(f"{folder}: no {name!r}; there are: {', '.join(names(folder))}")
    return import_module(f"tumorseg.{folder}.{name}")


def loss_function(name: str) -> Callable:
    """The pure function of a loss: (y_true, y_pred, **constants) -> one value a case."""
    return getattr(entry("losses", name), name)


def loss_constants(name: str) -> list[str]:
    """The constants that a loss takes, read from its text: importing it would start Keras."""
    path = Path(__file__).parent / "losses" / f"{name}.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            arguments = node.args
            return [argument.arg for argument in [*arguments.args, *arguments.kwonlyargs]][2:]
    raise UserError(f"losses: {name}.py holds no function {name}(y_true, y_pred, ...)")
