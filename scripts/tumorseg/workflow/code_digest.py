"""A digest of a script and every tumorseg module it reaches, so that Snakemake re-runs on changes.

Only what runs counts: comments, docstrings, formatting and the Snakemake glue do not. The data
files of a module count whole: page parts of its name beside it, YAML in a folder of its name.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

from tumorseg.core.places import SCRIPTS

PAGE_PARTS = (".html", ".css", ".js")


def _is_glue(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "'snakemake'" in ast.unparse(node.test)


@cache
def _parsed(path: Path) -> tuple[str, tuple[Path, ...]]:
    """The syntax tree without docstrings and glue, and the files of the modules it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not _is_glue(node)]
    reached: list[Path] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        reached += [found for found in map(_file, names) if found]
    return ast.dump(tree), tuple(reached)


def _data(path: Path) -> list[Path]:
    """The data files that belong to a module."""
    beside = [path.with_suffix(suffix) for suffix in PAGE_PARTS]
    return [*filter(Path.is_file, beside), *path.with_suffix("").glob("*.yaml")]


def _file(module: str) -> Path | None:
    if module.split(".")[0] != "tumorseg":
        return None
    path = SCRIPTS.joinpath(*module.split(".")).with_suffix(".py")
    return path if path.is_file() else None


def code_digest(script: str, *modules: str) -> str:
    """The digest of scripts/<script>, of `modules` (registry entries) and of all they import.

    Raises FileNotFoundError for a script or module that does not exist.
    """
    waiting = [SCRIPTS / script]
    for module in modules:
        path = _file(module)
        if path is None:
            raise FileNotFoundError(f"no module {module} under {SCRIPTS.name}/")
        waiting.append(path)
    trees: dict[str, str] = {}
    while waiting:
        path = waiting.pop()
        name = path.relative_to(SCRIPTS).as_posix()
        if name not in trees:
            trees[name], reached = _parsed(path)
            waiting += reached
            for data in _data(path):
                trees[data.relative_to(SCRIPTS).as_posix()] = data.read_text(encoding="utf-8")
    content = "\n".join(f"{name} {trees[name]}" for name in sorted(trees))
    return hashlib.sha256(content.encode()).hexdigest()[:16]
