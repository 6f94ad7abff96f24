"""One finished run of the tiny experiment, shared by all tests of the workflow."""

import pytest
from project_copy import ProjectCopy, copy_project


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> ProjectCopy:
    """A copy in which the tiny experiment has run to its end: one run for the whole session."""
    copy = copy_project(tmp_path_factory.mktemp("study"))
    done = copy.run("--cores", "2", "all")
    copy.write("run.log", done.stdout)
    assert done.returncode == 0, done.stdout[-6000:]
    return copy
