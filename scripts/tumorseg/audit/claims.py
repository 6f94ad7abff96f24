"""Checks the claims of a text: a significant difference, an improvement by some percent."""

from collections.abc import Mapping
from fractions import Fraction
from math import comb

from tumorseg.audit.printed import Number, number
from tumorseg.core.errors import UserError

SIGNIFICANCE_KEYS = {"where": True, "says": True, "test": True, "significant": True}
SIGNIFICANCE_KEYS |= {"n": False, "p": False, "comparisons": False, "sides": False, "alpha": False}
IMPROVEMENT_KEYS = {"where": True, "says": True, "from": True, "to": True, "percent": True}
PAIRED = ("signed-rank", "sign", "paired permutation")
UNPAIRED = ("rank-sum", "permutation")
UNBOUNDED = ("paired t", "t", "corrected t", "bootstrap")  # any p is possible at any n


def least_p(test: str, n: tuple[int, ...], *, comparisons: int = 1, sides: int = 2) -> float:
    """The smallest p that the exact test can give, for any data.

    Under the null hypothesis a paired test has 2^n equally likely arrangements and an unpaired one
    C(n1 + n2, n1); one of them is the most extreme on each side.

    n: number of pairs, or the sizes of both groups (one number: equal groups); sides: of the test;
    comparisons: number of tests for which p was adjusted (Bonferroni, Holm), by which the smallest
    p of the family is multiplied.

    Raises UserError for an unknown test, or an n that does not fit it.

    >>> least_p("signed-rank", (5,))
    0.0625
    """
    if test in UNBOUNDED:
        return 0.0
    if test in PAIRED and len(n) == 1:
        arrangements = 2 ** n[0]
    elif test in UNPAIRED and len(n) <= 2:
        first, second = n[0], n[-1]
        arrangements = comb(first + second, first)
        if test == "permutation" and first != second:
            sides = 1  # no arrangement mirrors another, so the largest |difference| may occur once
    else:
        raise UserError(
            f"{test!r} with n = {n}: expected one of {', '.join(PAIRED)} with one n, "
            f"{', '.join(UNPAIRED)} with one or two, or {', '.join(UNBOUNDED)}"
        )
    return min(1.0, comparisons * sides / arrangements)


def _positive_integer(text: str, where: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"{where}: expected a whole number above 0, not {text!r}")
    return int(text)


def _number(claim: Mapping[str, str], key: str) -> Number:
    try:
        return number(claim[key].lstrip("<").strip())
    except UserError as error:
        raise UserError(f"{claim['where']}: {key}: {error}") from None


def significance_faults(claim: Mapping[str, str]) -> list[tuple[str, str]]:
    """(check, what is wrong) for every fault of one claim with SIGNIFICANCE_KEYS.

    test: a name of this module, or "none" if the source names no test. n: "5", or "5, 7" for two
    groups. p: as printed, "<0.05" for a bound. significant: yes or no, as in the source.
    """
    where, significant = claim["where"], claim["significant"] == "yes"
    if claim["significant"] not in ("yes", "no"):
        raise UserError(f"{where}: significant: expected yes or no, not {claim['significant']!r}")
    alpha = float(_number(claim, "alpha").value) if "alpha" in claim else 0.05
    sizes = claim.get("n", "").split(",") if claim.get("n") else []
    n = tuple(_positive_integer(size.strip(), f"{where}: n") for size in sizes)
    if claim["test"] == "none":
        if not significant:
            return []
        finding = "significance is claimed, but no test is named"
        if n:
            least = least_p("signed-rank", n[:1])
            finding += "; no signed-rank, sign or permutation test "
            finding += f"of {n[0]} pairs gives p below {least:.4g}"
        return [("significance without a test", finding)]
    options = {
        "comparisons": _positive_integer(claim.get("comparisons", "1"), f"{where}: comparisons"),
        "sides": _positive_integer(claim.get("sides", "2"), f"{where}: sides"),
    }
    least = least_p(claim["test"], n, **options) if n else 0.0
    if "p" not in claim:
        if significant and least > alpha:
            finding = f"the smallest p of the exact {claim['test']} test is {least:.4g}"
            return [("p attainable at this n", f"{finding}, above {alpha:g}")]
        return []
    faults = []
    p = _number(claim, "p")
    low, high = p.span
    bound = claim["p"].strip().startswith("<")
    if float(p.value if bound else p.value + p.unit) < least:
        finding = f"p {claim['p']}, but the exact {claim['test']} test gives at least {least:.4g}"
        faults.append(("p attainable at this n", finding))
    if significant and not bound and low > alpha:
        faults.append(("p against its wording", f"p = {claim['p']} is called significant"))
    if not significant and high < alpha:
        faults.append(("p against its wording", f"p = {claim['p']} is called not significant"))
    return faults


def improvement_fault(claim: Mapping[str, str]) -> tuple[str, str] | None:
    """(check, what is wrong) if "improved by x %" is not the relative change; None if it is.

    claim: IMPROVEMENT_KEYS; from, to and percent as printed, from and to as "0.641" if the table is
    in fractions, as "74.52 %" if it is in percent.
    """
    ends = []
    for key in ("from", "to"):
        text = claim[key]
        end = _number({**claim, key: text.rstrip("% ")}, key)
        ends.append(end.scaled(Fraction(1, 100)) if text.rstrip().endswith("%") else end)
    (old, new), claimed = ends, _number(claim, "percent")
    if old.value <= 0:
        raise UserError(f"{claim['where']}: from: expected a value above 0, not {claim['from']!r}")
    points = abs(100 * (new.value - old.value))
    ratio = new.value / old.value
    relative = points / old.value
    # Both ends are rounded or both are cut off, so the difference is wrong by one unit at most.
    slack = 100 * max(new.unit, old.unit)
    relative_slack = 100 * max(new.unit, ratio * old.unit) / old.value
    if abs(abs(claimed.value) - relative) <= claimed.unit + relative_slack:
        return None
    change = f"{float(points):.4g} points, {float(relative):.3g} percent"
    if abs(abs(claimed.value) - points) <= claimed.unit + slack:
        return "percent or points", f"{claim['percent']} % are points: the change is {change}"
    return "percent or points", f"{claim['percent']} % is neither: the change is {change}"
