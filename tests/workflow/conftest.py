"""One finished run of the tiny experiment, shared by all tests of the workflow."""

import pytest
from house import House, copy_tree


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> House:
    """A copy in which the tiny experiment has run to its end: one run for the whole session."""
    house = copy_tree(tmp_path_factory.mktemp("study"))
    done = house.run("--cores", "2", "all")
    house.write("run.log", done.stdout)
    assert done.returncode == 0, done.stdout[-6000:]
    return house
