"""Promise: the examples in docstrings print what they show; public functions have one."""

import doctest
import inspect
from collections.abc import Iterator
from importlib import import_module

import pytest

from tumorseg.core import registry
from tumorseg.core.places import LIBRARY

PROMPT = ">>> "
# Functions that people call outside the workflow; each must have an example.
PUBLIC = [
    *(f"tumorseg.losses.{name}.{name}" for name in registry.names("losses")),
    "tumorseg.loss_kit.check.check_loss",
    "tumorseg.network_kit.check.check_network",
    "tumorseg.network_kit.counting.activations",
    "tumorseg.network_kit.counting.multiply_adds",
    "tumorseg.network_kit.sizes.poolings",
    "tumorseg.distances.surface_distances",
    "tumorseg.metrics.overlap",
]


def modules_with_examples() -> list[str]:
    """Every module of the library whose text contains an example."""
    paths = (path for path in LIBRARY.rglob("*.py") if PROMPT in path.read_text(encoding="utf-8"))
    return sorted(
        ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts) for path in paths
    )


def examples(name: str) -> Iterator[doctest.DocTest]:
    """The examples of a module and of what it defines.

    doctest's own search passes over decorated functions, and every loss is one.
    """
    module = import_module(name)
    members = {name: module} | {
        f"{name}.{key}": member
        for key, member in vars(module).items()
        if getattr(member, "__module__", None) == name
        and (inspect.isclass(member) or inspect.isfunction(member))
    }
    finder = doctest.DocTestFinder(exclude_empty=True, recurse=False)
    for title, member in members.items():
        for test in finder.find(member, title, module=False, globs=dict(vars(module))):
            if test.examples:
                yield test


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_print_what_they_show(name):
    tests = list(examples(name))
    assert tests, "an example in the text that doctest does not find"
    for test in tests:
        report = []
        result = doctest.DocTestRunner(verbose=False).run(test, out=report.append)
        assert result.failed == 0, "".join(report)


@pytest.mark.parametrize("function", PUBLIC)
def test_every_public_function_has_an_example(function):
    module = function.rpartition(".")[0]
    assert function in {test.name for test in examples(module)}


def test_an_example_with_a_wrong_number_is_reported():
    def wrong():
        """
        >>> 1 + 1
        3
        """

    (test,) = doctest.DocTestFinder().find(wrong, "wrong", module=False, globs={})
    assert doctest.DocTestRunner(verbose=False).run(test, out=lambda text: None).failed == 1
