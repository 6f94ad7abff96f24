"""Promises of the check before work: all that is wrong is told, once, with its code and place."""

import bad_data
import pytest


@pytest.mark.parametrize("entry", bad_data.CATALOGUE, ids=[e.fed for e in bad_data.CATALOGUE])
def test_bad_data_is_told_by_its_code_and_nothing_else_is_said(entry, tmp_path):
    problems = bad_data.told(entry.make, tmp_path)
    found = {(problem.code, problem.severity) for problem in problems}
    expected = {(code, "warning") for code in entry.also}
    expected |= {(entry.code, entry.severity)} if entry.code else set()
    assert found == expected, [problem.line() for problem in problems]
    for problem in problems:
        assert "\n" not in problem.line() and len(problem.line()) < 600
        assert problem.value and problem.expected and problem.hint
