"""A digest of a script and every tumorseg module it imports, so that Snakemake re-runs it exactly.

Only what can change a result counts. Comments, docstrings, formatting and the Snakemake glue do
not, nor do the annotations of a function, nor the wording of an error that is raised: a run that
ends with it has no result. A module that can only refuse input says so with
`CHANGES_NO_RESULT = True` and is left out, with what is imported from it.
The data files of a module count whole: page parts of its name beside it, and the YAML files of a
folder of its name.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tumorseg.core.places import SCRIPTS

PAGE_PARTS = (".html", ".css", ".js")
LEFT_OUT = "CHANGES_NO_RESULT"  # a module that sets it to True can stop a run, and nothing else
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # of a statement: those below it


class _Module(NamedTuple):
    """What of a module can change a result, the modules that it imports, and its data files."""

    text: str
    reached: tuple[Path, ...]
    data: tuple[Path, ...]


def _is_glue(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "'snakemake'" in ast.unparse(node.test)


def _left_out(text: str, tree: ast.Module | None = None) -> bool:
    if LEFT_OUT not in text:  # as in nearly every module, and much faster than a look at each line
        return False
    return any(
        isinstance(node, ast.Assign) and ast.unparse(node) == f"{LEFT_OUT} = True"
        for node in (tree or ast.parse(text)).body
    )


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """The module and every statement in it, but no expression: a third of the time of ast.walk."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        for block in BLOCKS:
            waiting += getattr(node, block, ())
        yield node


def _without_words(error: ast.Raise) -> None:
    """Empties the prose in a raise statement; codes, which have no space, stay."""
    for part in ast.walk(error):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and " " in part.value:
            part.value = ""


def _without_annotations(function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Removes the types of arguments and result; those of a dataclass's fields stay."""
    function.returns = None
    for part in ast.walk(function.args):
        if isinstance(part, ast.arg):
            part.annotation = None


@cache
def _changes_no_result(path: Path) -> bool:
    return _left_out(path.read_text(encoding="utf-8"))


@cache
def _parsed(path: Path) -> _Module:
    text = path.read_text(encoding="utf-8")
    beside = [path.with_suffix(suffix) for suffix in PAGE_PARTS]
    data = (*filter(Path.is_file, beside), *path.with_suffix("").glob("*.yaml"))
    tree = ast.parse(text)
    if _left_out(text, tree):
        return _Module("", (), data)
    tree.body = [node for node in tree.body if not _is_glue(node)]
    reached: list[Path] = []
    for node in _statements(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
        names: list[str] = []
        if isinstance(node, ast.Raise):
            _without_words(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            _without_annotations(node)
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        files = [path for path in map(_file, names) if path]
        if isinstance(node, ast.ImportFrom) and files and all(map(_changes_no_result, files)):
            node.module, node.names = None, []
        else:
            reached += files
    return _Module(ast.dump(tree), tuple(reached), data)


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
            parsed = _parsed(path)
            trees[name] = parsed.text
            waiting += parsed.reached
            for data in parsed.data:
                trees[data.relative_to(SCRIPTS).as_posix()] = data.read_text(encoding="utf-8")
    content = "\n".join(f"{name} {trees[name]}" for name in sorted(trees))
    return hashlib.sha256(content.encode()).hexdigest()[:16]
