"""What a text claims: that a difference is significant, that a score improved by some percent."""

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
UNBOUNDED = ("paired t", "t", "corrected t", "bootstrap")  # can give any p at any n


def least_p(test: str, n: tuple[int, ...], *, comparisons: int = 1, sides: int = 2) -> float:
    """The smallest p that the exact test can give, whatever the data.

    n: pairs, or the sizes of both groups (one number: equal groups). Under the null hypothesis
    paired tests have 2^n equally likely arrangements, unpaired ones C(n1 + n2, n1), and the most
    extreme one stands on each of the `sides`. comparisons: the tests over which p was adjusted
    (Bonferroni, Holm): the least adjusted p of a family is that many times the least p.

    Raises UserError for a test that is not known, or n that does not fit it.
    """
    if test in UNBOUNDED:
        return 0.0
    if test in PAIRED and len(n) == 1:
        arrangements = 2 ** n[0]
    elif test in UNPAIRED and len(n) <= 2:
        first, second = n[0], n[-1]
        arrangements = comb(first + second, first)
        if test == "permutation" and first != second:
            sides = 1  # the mirrored arrangement does not exist, so |difference| may stand alone
    else:
        raise UserError(
            f"{test!r} with n = {n}: expected one of {', '.join(PAIRED)} with one n, "
            f"{', '.join(UNPAIRED)} with one or two, or {', '.join(UNBOUNDED)}"
        )
    return min(1.0, comparisons * sides / arrangements)


def _whole(claim: Mapping[str, str], key: str, default: str) -> int:
    text = claim.get(key, default)
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"{claim['where']}: {key}: expected a whole number above 0, not {text!r}")
    return int(text)


def _number(claim: Mapping[str, str], key: str) -> Number:
    try:
        return number(claim[key].lstrip("<").strip())
    except UserError as error:
        raise UserError(f"{claim['where']}: {key}: {error}") from None


def significance_faults(claim: Mapping[str, str]) -> list[tuple[str, str]]:
    """(check, what is wrong) of one claim with SIGNIFICANCE_KEYS.

    test: a name of this module, or "none" where the source names no test. n: "5", or "5, 7" for
    two groups. p: as printed, "<0.05" for a bound. significant: yes or no, as the source calls it.
    """
    if claim["significant"] not in ("yes", "no"):
        raise UserError(f"{claim['where']}: significant: expected yes or no")
    called = claim["significant"] == "yes"
    alpha = float(_number(claim, "alpha").value) if "alpha" in claim else 0.05
    sizes = claim.get("n", "").split(",") if claim.get("n") else []
    n = tuple(_whole({"where": claim["where"], "n": size.strip()}, "n", "") for size in sizes)
    if claim["test"] == "none":
        if not called:
            return []
        said = "significance is claimed, and no test is named"
        if n:
            least = least_p("signed-rank", n[:1])
            said += "; no signed-rank, sign or permutation test "
            said += f"of {n[0]} pairs gives p below {least:.4g}"
        return [("significance without a test", said)]
    options = {
        "comparisons": _whole(claim, "comparisons", "1"),
        "sides": _whole(claim, "sides", "2"),
    }
    least = least_p(claim["test"], n, **options) if n else 0.0
    if "p" not in claim:
        if called and least > alpha:
            said = f"the least p of the exact {claim['test']} test is {least:.4g}, above {alpha:g}"
            return [("p attainable at this n", said)]
        return []
    found = []
    p = _number(claim, "p")
    low, high = p.span
    bound = claim["p"].strip().startswith("<")
    if float(p.value if bound else p.value + p.unit) < least:
        said = f"p {claim['p']}, but the exact {claim['test']} test gives at least {least:.4g}"
        found.append(("p attainable at this n", said))
    if called and not bound and low > alpha:
        found.append(("p against its wording", f"p = {claim['p']} is called significant"))
    if not called and high < alpha:
        found.append(("p against its wording", f"p = {claim['p']} is called not significant"))
    return found


def improvement_fault(claim: Mapping[str, str]) -> tuple[str, str] | None:
    """(check, what is wrong) where "improved by x %" is not the relative change of from and to.

    from, to, percent: as printed; a table in fractions gives "0.641", one in percent "74.52 %".
    """
    ends = []
    for key in ("from", "to"):
        text = claim[key]
        part = _number(claim | {key: text.rstrip("% ")}, key)
        ends.append(part.scaled(Fraction(1, 100)) if text.rstrip().endswith("%") else part)
    (old, new), said = ends, _number(claim, "percent")
    if old.value <= 0:
        raise UserError(f"{claim['where']}: from: expected a value above 0, not {claim['from']!r}")
    points = abs(100 * (new.value - old.value))
    ratio = new.value / old.value
    relative = points / old.value
    # Both ends rounded, or both cut off: a difference is wrong by at most the larger unit.
    slack = 100 * max(new.unit, old.unit)
    relative_slack = 100 * max(new.unit, ratio * old.unit) / old.value
    if abs(abs(said.value) - relative) <= said.unit + relative_slack:
        return None
    change = f"{float(points):.4g} points, {float(relative):.3g} percent"
    if abs(abs(said.value) - points) <= said.unit + slack:
        return "percent or points", f"{claim['percent']} % are points: the change is {change}"
    return "percent or points", f"{claim['percent']} % is neither: the change is {change}"
