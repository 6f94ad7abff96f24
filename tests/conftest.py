"""Marks tests by what they use, and runs those first that take longest."""

from collections.abc import Callable, Iterator

import pytest

# A test that reaches one of these names, itself or in a fixture, has the marker. Another process
# starts Keras again, and the battery of checks computes every loss many times.
MARKERS = {
    "browser": "browser",
    "tune": "ray",
    "run_in_a_process": "ray",
    "subprocess": "slow",
    "check_loss": "slow",
}
# Files of which the tests take minutes. Begun last, they would keep one process waiting at the end.
LONGEST = (
    *("test_classes_and_volumes", "test_privacy", "test_networks", "test_tuning", "test_training"),
    *("test_loss_backends", "test_figures", "test_losses"),
)


def functions(item: pytest.Function) -> Iterator[Callable]:
    """The test and the fixtures that it needs."""
    yield item.function
    for definitions in item._fixtureinfo.name2fixturedefs.values():
        yield from (definition.func for definition in definitions)


def reached(function: Callable) -> set[str]:
    """The global names that a function mentions."""
    code = getattr(function, "__code__", None)
    if code is None:
        return set()
    inner = [part for part in code.co_consts if hasattr(part, "co_names")]  # a comprehension
    return set(code.co_names).union(*(part.co_names for part in inner))


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        names = set().union(*map(reached, functions(item)))
        for name in names & MARKERS.keys():
            item.add_marker(MARKERS[name])
        if uses_study(item):
            item.add_marker("slow")
            item.add_marker(pytest.mark.xdist_group("study"))  # one process runs and uses it
        elif shares_a_fixture(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=place)


def shares_a_fixture(item: pytest.Function) -> bool:
    """Whether a test uses a fixture that is made once for its file: then one process runs both."""
    definitions = item._fixtureinfo.name2fixturedefs.values()
    return any(each.scope in ("module", "class") for group in definitions for each in group)


def uses_study(item: pytest.Item) -> bool:
    """Whether a test needs the finished run of the workflow."""
    return "workflow" in item.path.parts and "study" in item.fixturenames


def place(item: pytest.Item) -> int:
    """Where a test stands in the order of all."""
    if uses_study(item):
        return 0
    return LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST)
