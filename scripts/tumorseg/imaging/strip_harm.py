"""Stops a run whose skull stripping removes tumours: nobody should train on what is left."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.images import case_file, read_image, read_mask
from tumorseg.core.parallel import by_processes
from tumorseg.core.problems import DataError, Problem, warning
from tumorseg.imaging.kept_share import KEPT_SHARE
from tumorseg.imaging.skull_strip import brain_mask

CHANGES_NO_RESULT = True  # it only stops a run or lets it pass (workflow/code_digest.py)
HARMED_SHARE = 0.02  # of the cases with a tumour
MILD = "head"  # the method that is proposed, unless it harms as well


def kept(mask: np.ndarray, brain: np.ndarray) -> float:
    """The share of a tumour's pixels inside the brain mask; NaN without a tumour."""
    total = np.count_nonzero(mask)
    return np.count_nonzero(mask & brain) / total if total else float("nan")


def kept_shares(image: np.ndarray, mask: np.ndarray, method: str) -> tuple[float, float]:
    """What a method and MILD keep of a slice's tumour; NaN without a tumour."""
    if method == "none" or not mask.any():
        return (1.0, 1.0) if mask.any() else (float("nan"), float("nan"))
    share = kept(mask, brain_mask(image, method))
    return share, share if method == MILD else kept(mask, brain_mask(image, MILD))


def harmed(shares: Sequence[float]) -> int:
    """How many of these shares of tumours kept are below KEPT_SHARE; NaN counts as unharmed."""
    return int(np.count_nonzero(np.asarray(shares, float) < KEPT_SHARE))


def problem(
    method: str, shares: Sequence[float], mild: Sequence[float], accepted: bool
) -> Problem | None:
    """Whether the method harms more than HARMED_SHARE of the cases; a warning where accepted.

    One case alone, whose annotation may be wrong, is none however few there are.

    shares, mild: what the method in use and MILD keep of each case's tumour, NaN without a tumour.
    """
    number = int(np.isfinite(np.asarray(shares, float)).sum())
    if harmed(shares) <= max(1, HARMED_SHARE * number):
        return None
    value = (
        f"skull stripping by {method} removes more than {1 - KEPT_SHARE:.0%} of the tumour in "
        f"{harmed(shares)} of {number} cases"
    )
    expected = f"such a loss in at most {HARMED_SHARE:.0%} of the cases"
    better = MILD if method != MILD and not harmed(mild) else "none"
    hint = f"set skull_strip.method to {better}, which harms none"
    if accepted:
        return warning("strip_harm", value, expected, f"{hint}; it was accepted by accept_harm")
    hint += ", or accept the loss with skull_strip: {accept_harm: true}"
    return Problem("strip_harm", value, expected, hint)


def stop_if_harmful(
    cases: Sequence[str],
    folders: Mapping[str, str],
    settings: Mapping[str, Any],
    cores: int,
) -> None:
    """Raises DataError where the stripping in use harms too many cases and it is not accepted.

    Args:
        cases: their names.
        folders: cases_dir, masks_dir and brain_dir, with <case>.png each.
        settings: the config's `skull_strip`.
        cores: processes that read.
    """

    def path(kind: str, case: str) -> Path:
        return case_file(folders[f"{kind}_dir"], case)

    def in_use(case: str) -> float:
        return kept(read_mask(path("masks", case)) > 0, read_mask(path("brain", case)) > 0)

    def by_mild(case: str) -> float:
        brain = brain_mask(read_image(path("cases", case)), MILD)
        return kept(read_mask(path("masks", case)) > 0, brain)

    if settings["method"] == "none":
        return
    shares = list(by_processes(in_use, ((case,) for case in cases), cores))
    found = problem(settings["method"], shares, [], settings["accept_harm"])
    if found is None:
        return
    mild = list(by_processes(by_mild, ((case,) for case in cases), cores))
    found = problem(settings["method"], shares, mild, settings["accept_harm"])
    if found and found.severity == "error":
        raise DataError(found)
