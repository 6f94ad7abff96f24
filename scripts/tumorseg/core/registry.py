"""Registries: a folder is a registry, a file in it an entry. The only import by name."""

from importlib import import_module
from types import ModuleType

from tumorseg.core.errors import UserError
from tumorseg.core.places import LIBRARY


def names(folder: str) -> list[str]:
    """The names of a registry folder's entries, for instance of all losses."""
    return sorted(path.stem for path in (LIBRARY / folder).glob("*.py") if path.stem != "__init__")


def entry(folder: str, name: str) -> ModuleType:
    """The module of one entry, for instance entry("losses", "focal")."""
    if name not in names(folder):
        raise UserError(f"{folder}: no {name!r}; there are: {', '.join(names(folder))}")
    return import_module(f"tumorseg.{folder}.{name}")
