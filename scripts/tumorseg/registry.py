"""A folder is a registry and a file in it an entry: the only place that imports by name."""

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
