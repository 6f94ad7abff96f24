"""False positives, coverage and power of the comparison's statistics, by simulation.

    make bench-claims [ARGS="--tables grid verdicts --studies 500"]

Simulated studies: each patient has slices, each loss a Dice of each slice with each training, as
skewed as on the public slices and 0 where a tumour is missed; each training has luck of its own,
which all patients share that it predicts. Without `shift` both losses are equally good. Printed as
Markdown; docs/statistics.md shows the tables. A few minutes on an idle core.
"""

import argparse
import time
import warnings

import numpy as np
from scipy import stats

from tumorseg.statistics.joint import compared
from tumorseg.statistics.planning import needed
from tumorseg.statistics.two_sources import half_width, p_value, sums_of_squares, two_sources
from tumorseg.statistics.verdicts import BETTER, EQUIVALENT, verdict

MARGIN, RESAMPLES = 0.02, 999
PATIENTS = (8, 20, 40, 108, 300, 1000)
DESIGNS = ((2, 1), (5, 1), (10, 1), (2, 3), (5, 2), (2, 5), (5, 3), (5, 5), (10, 3))
SPREADS = (0.0, 0.03, 0.05)
UNCLIPPED = 0.85  # share of a training's shift that survives where Dice is 0 or 1


def scores(random, studies, patients, folds, seeds, spread, slices=4, losses=2, sets=0.0):
    """Dice (losses, studies, patients, seeds) and the fold of each patient.

    spread: SD between trainings of the difference of two losses; sets: SD that all seeds of a fold
    share, because they have the same training set.
    """
    fold = np.arange(patients) % folds
    number = random.integers(1, slices + 1, patients)
    kept = np.arange(slices) < number[:, None]

    def normal(deviation, *shape):
        return np.float32(deviation) * random.standard_normal(shape, dtype=np.float32)

    patient = 0.86 - random.gamma(1.1, 0.27, (studies, patients, 1, 1)).astype(np.float32)
    patient = patient + normal(0.12, studies, patients, 1, slices)
    found = []
    for _ in range(losses):
        luck = normal(spread / 2**0.5 / UNCLIPPED, studies, folds, seeds)
        luck = luck + normal(sets / 2**0.5 / UNCLIPPED, studies, folds, 1)
        dice = patient + normal(0.1, studies, patients, 1, 1) + luck[:, fold][..., None]
        dice = np.clip(dice + normal(0.12, studies, patients, seeds, slices), 0, 0.97)
        found.append(((dice * kept[:, None]).sum(axis=-1) / number[:, None]).astype(float))
    return np.stack(found), fold


def differences(*arguments, **options):
    """(studies, patients, seeds) of two equally good losses, and the folds."""
    dice, fold = scores(*arguments, **options)
    return dice[1] - dice[0], fold


def rescued(random, studies, patients, folds, seeds, spread):
    """Nearly all patients a little worse, 7 % of them found only by the first loss; true mean 0."""
    values, fold = differences(random, studies, patients, folds, seeds, spread)
    found = random.random((studies, patients, 1)) < 0.07
    return 0.3 * values + 0.6 * (found - 0.07), fold


def bootstrap(values, fold, random):
    """The intervals of before: BCa over patients; with 3 seeds percentiles, trainings drawn too."""
    studies, patients, seeds = values.shape
    weights = random.multinomial(patients, np.full(patients, 1 / patients), RESAMPLES)
    means = values.mean(axis=(1, 2))
    if seeds >= 3:
        full = np.empty((RESAMPLES, patients, seeds))
        for number in np.unique(fold):
            drawn = random.multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES) / seeds
            rows = np.flatnonzero(fold == number)
            full[:, rows] = weights[:, rows, None] * drawn[:, None]
        samples = values.reshape(studies, -1) @ full.reshape(RESAMPLES, -1).T / patients
        return np.quantile(samples, [0.025, 0.975], axis=1)
    own = values.mean(axis=2)
    samples = own @ weights.T / patients
    gaps = own.mean(axis=1, keepdims=True) - own
    cubes, squares = (gaps**3).sum(axis=1), (gaps**2).sum(axis=1)
    acceleration = cubes / (6 * squares**1.5)
    bias = stats.norm.ppf(((samples < means[:, None]).mean(axis=1)).clip(0.001, 0.999))
    ends = []
    for z in stats.norm.ppf([0.025, 0.975]):
        share = stats.norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))
        places = np.clip(share * RESAMPLES, 0, RESAMPLES - 1).astype(int)
        ends.append(np.take_along_axis(np.sort(samples, axis=1), places[:, None], 1)[:, 0])
    return np.stack(ends)


def signed_rank(values):
    """p of the signed-rank test over patients, as before."""
    own = values.mean(axis=2)
    signs, ranks = np.sign(own), stats.rankdata(np.where(own == 0, np.inf, abs(own)), axis=1)
    number = (own != 0).sum(axis=1)
    total, squares = (signs * ranks).sum(axis=1), (ranks**2 * (own != 0)).sum(axis=1)
    return 2 * stats.norm.sf(abs(total) / np.sqrt(np.where(number, squares, 1)))


def of_folds(values, fold):
    """p of the t test over the folds' means, corrected for overlap (Nadeau and Bengio 2003)."""
    names = np.unique(fold)
    means = np.stack([values[:, fold == name].mean(axis=(1, 2)) for name in names], axis=1)
    share = 1 / len(names) + 1 / (len(names) - 1)
    error = means.std(axis=1, ddof=1) * share**0.5
    return 2 * stats.t.sf(abs(means.mean(axis=1)) / error, len(names) - 1)


def of_trainings(values, fold):
    """p of the t test over the trainings' means: patients' chance is missing in it."""
    means = [values[:, fold == name].mean(axis=1) for name in np.unique(fold)]
    return stats.ttest_1samp(np.concatenate(means, axis=1), 0, axis=1).pvalue


def seeds_alone(values, fold):
    """p with the spread between trainings from the seeds of a fold only, at least 0."""
    found = sums_of_squares(values, fold)
    patients, trainings, rest, _ = found.degrees
    parts = found.patients / patients, found.trainings / trainings, found.rest / rest
    size = found.sizes.sum()
    above = np.maximum(parts[1] - parts[2], 0) / size / found.seeds[0]
    variance = parts[0] / size + above
    each = (parts[0] / size) ** 2 / patients
    each = each + (above > 0) * (parts[1] / size / found.seeds[0]) ** 2 / trainings
    return p_value(found.centre, np.sqrt(variance), variance**2 / each)


def sign_flip(values, random):
    """p of the permutation test that turns the signs of patients' differences at random."""
    own = values.mean(axis=2)
    flips = random.choice([-1.0, 1.0], (RESAMPLES, own.shape[1]))
    return (1 + (abs(own @ flips.T) >= abs(own.sum(axis=1))[:, None]).sum(axis=1)) / (1 + RESAMPLES)


def mixed_model(values, fold):
    """p of statsmodels' mixed model (REML, Wald): patients and trainings are random."""
    import pandas as pd
    import statsmodels.api as sm

    ps = []
    warnings.simplefilter("ignore")  # where a spread is 0, its optimizer says that it cannot move
    for table in values:
        frame = pd.DataFrame(table).assign(fold=fold, patient=np.arange(len(table)))
        long = frame.melt(["fold", "patient"], var_name="seed", value_name="y")
        parts = {"patient": "0 + C(patient)", "seed": "0 + C(seed)"}
        model = sm.MixedLM.from_formula(
            "y ~ 1", long, groups="fold", re_formula="0", vc_formula=parts
        )
        ps.append(model.fit().pvalues["Intercept"])
    return np.array(ps)


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def header(*names):
    print()
    row(*names)
    row(*["---"] * len(names))


def share(condition):
    return f"{np.mean(condition):.3f}".replace("0.", ".", 1)


def many(studies, patients):
    return max(300, min(studies, studies * 150 // patients))


def grid(random, studies, numbers=PATIENTS):
    """Before and after, for every design."""
    header(
        *("patients", "folds x seeds", "SD of trainings", "signed-rank p < .05"),
        *("bootstrap: coverage", "and contradicts its p", "corrected fold test p < .05"),
        *("two sources: p < .05", "coverage", "half width, points", "finds 5 points"),
    )
    worst = []
    for patients in numbers:
        random = np.random.default_rng(patients)  # each number by itself: the same in any choice
        for folds, seeds in DESIGNS:
            for spread in SPREADS:
                number = many(studies, patients)
                values, fold = differences(random, number, patients, folds, seeds, spread)
                part = values[: min(number, 1000)]
                low, high = bootstrap(part, fold, random)
                p_before = signed_rank(part)
                found = two_sources(values, fold)
                half = half_width(found.error, found.df, 0.95)
                p = p_value(found.mean, found.error, found.df)
                contradicts = ((low > 0) | (high < 0)) != (p_before < 0.05)
                if folds * seeds >= 10 and patients >= 20:
                    worst.append((np.mean(p < 0.05), f"{patients}, {folds} x {seeds}, {spread}"))
                row(
                    *(patients, f"{folds} x {seeds}", spread, share(p_before < 0.05)),
                    *(share((low <= 0) & (high >= 0)), share(contradicts)),
                    *(share(of_folds(part, fold) < 0.05), share(p < 0.05)),
                    *(share(abs(found.mean) <= half), f"{100 * half.mean():.1f}"),
                    share(found.mean + 0.05 > half),
                )
    if worst:
        print(f"\n10 trainings and 20 patients at least: p < .05 in {min(worst)} to {max(worst)}")


def candidates(random, studies):
    """Other tests of the same question, without a true difference."""
    names = ("signed-rank", "sign flip", "t of trainings", "corrected folds", "t of folds")
    header("patients", "folds x seeds", "SD", *names, "seeds alone", "mixed model", "two sources")
    for patients, folds, seeds, spread in (
        *((40, 5, 3, 0.0), (40, 5, 3, 0.03), (108, 5, 3, 0.0), (108, 5, 3, 0.03)),
        *((108, 2, 5, 0.03), (300, 5, 3, 0.03), (108, 10, 1, 0.03)),
    ):
        number = many(studies, patients)
        values, fold = differences(random, number, patients, folds, seeds, spread)
        mixed = mixed_model(values[:100], fold) if patients <= 108 and seeds > 1 else None
        alone = two_sources(values.mean(axis=2, keepdims=True), fold)
        found = two_sources(values, fold)
        ps = [signed_rank(values), sign_flip(values[:1000], random), of_trainings(values, fold)]
        ps += [of_folds(values, fold), p_value(alone.mean, alone.error, alone.df)]
        ps += [seeds_alone(values, fold) if seeds > 1 else None, mixed]
        ps += [p_value(found.mean, found.error, found.df)]
        shown = ["" if p is None else share(p < 0.05) for p in ps]
        row(patients, f"{folds} x {seeds}", spread, *shown)


def hard(random, studies):
    """What real studies have besides: coverage and p < .05 where nothing is different."""
    header("case", "patients", "folds x seeds", "signed-rank p < .05", "two sources p < .05")
    for patients in (20, 108, 300):
        number, design = many(studies, patients), (5, 3)
        base = (random, number, patients, *design)
        failed, fold = differences(*base, 0.03)
        failed[:, fold == 0, 0] = np.nan
        lost, _ = differences(*base, 0.03)
        lost[:, fold == 0] = np.nan
        cells, _ = differences(*base, 0.03)
        cells[:, :: max(2, patients // 10), 1] = np.nan
        uneven = np.minimum(np.arange(patients) * 9 // patients, 4)
        ties, _ = differences(*base, 0.03)
        ties[:, : patients // 3] = 0
        sets, _ = differences(*base, 0.03, sets=0.02)
        for name, values, folds in (
            ("one slice a patient", differences(*base, 0.03, slices=1)[0], fold),
            ("up to ten slices", differences(*base, 0.03, slices=10)[0], fold),
            ("a failed training", failed, fold),
            ("a failed fold", lost, fold),
            ("missing cells", cells, fold),
            ("a third of the patients tied", ties, fold),
            ("7 % rescued, no spread of trainings", rescued(*base, 0.0)[0], fold),
            ("7 % rescued", rescued(*base, 0.1)[0], fold),
            ("training sets differ as well (SD 2 points)", sets, fold),
        ):
            known = np.isfinite(values[0]).all(axis=1)
            before = signed_rank(values[:, known])
            found = two_sources(values, folds)
            p = p_value(found.mean, found.error, found.df)
            row(name, patients, "5 x 3", share(before < 0.05), share(p < 0.05))
        luck = 0.03 * random.standard_normal((number, 5, 3))[:, uneven]
        values = 0.15 * random.standard_normal((number, patients, 1)) + luck
        found = two_sources(values, uneven)
        p = p_value(found.mean, found.error, found.df)
        row("folds of unequal size", patients, "5 x 3", "", share(p < 0.05))


def verdicts(random, studies):
    """What each design can claim, at a margin of 2 points."""
    header(
        *("patients", "folds x seeds", "SD of trainings", "half width, points"),
        *("5 better: better", "2 better: better", "0: equivalent", "2: equivalent"),
        "needed with these trainings / patients",
    )
    for patients in (20, 40, 108, 300, 1000):
        for folds, seeds in ((2, 1), (5, 1), (2, 3), (5, 3), (5, 5), (10, 5)):
            for spread in (0.01, 0.03):
                number = many(studies, patients)
                values, fold = differences(random, number, patients, folds, seeds, spread)
                found = two_sources(values, fold)
                half = half_width(found.error, found.df, 0.95)
                cells = []
                for shift, wanted in ((5, BETTER), (2, BETTER), (0, EQUIVALENT), (2, EQUIVALENT)):
                    mean = found.mean + shift / 100
                    ends = zip(mean - half, mean + half, strict=True)
                    cells.append(share([verdict(*pair, MARGIN) == wanted for pair in ends]))
                spreads = float(np.median(found.spread_patients)), spread
                plan = needed(spreads, (patients, folds * seeds), MARGIN, 0.95)[:2]
                text = " / ".join("none" if np.isnan(n) else f"{n:.0f}" for n in plan)
                half_text = f"{100 * np.median(half):.1f}"
                row(patients, f"{folds} x {seeds}", spread, half_text, *cells, text)


def plans(random, studies):
    """Studies of the planned size: how often they decide (80 % is promised at a true 0)."""
    header("SD of trainings", "trainings", "planned patients", "0: equivalent", "2: better")
    for spread, folds, seeds in ((0.01, 5, 3), (0.02, 5, 3), (0.02, 5, 5), (0.03, 10, 5)):
        pilot = two_sources(*differences(random, 500, 108, folds, seeds, spread))
        spreads = float(np.sqrt((pilot.spread_patients**2).mean())), spread
        patients = needed(spreads, (108, folds * seeds), MARGIN, 0.95).patients
        if np.isnan(patients):
            row(spread, f"{folds} x {seeds}", "none", "", "")
            continue
        values, fold = differences(random, 600, int(patients), folds, seeds, spread)
        found = two_sources(values, fold)
        half = half_width(found.error, found.df, 0.95)
        same, better = abs(found.mean) + half < MARGIN, found.mean + MARGIN - half > 0
        row(spread, f"{folds} x {seeds}", int(patients), share(same), share(better))


def selection(random, studies):
    """The highest of several equal losses: how often intervals hold its true mean."""
    header(
        *("losses", "patients", "folds x seeds", "SD", "best's own interval holds"),
        *("joint interval holds", "too high by, points", "luck, as estimated"),
        *("post-hoc pair with the lowest p < .05", "a true best has place 1"),
    )
    for losses, patients, folds, seeds, spread in (
        *((4, 108, 5, 3, 0.0), (4, 108, 5, 3, 0.03), (4, 108, 2, 3, 0.03)),
        *((10, 108, 5, 3, 0.03), (4, 40, 10, 1, 0.03)),
    ):
        truth = np.mean(scores(random, 2000, 100, folds, 1, spread, losses=1)[0])
        tally = []
        dice, fold = scores(
            random, max(200, studies // 10), patients, folds, seeds, spread, losses=losses
        )
        for study in range(dice.shape[1]):
            own = two_sources(dice[:, study], fold)
            joint = compared(dice[:, study], fold, 1000, study)
            best, last = int(np.argmax(own.mean)), int(np.argmin(own.mean))
            half = half_width(own.error, own.df, 0.95)[best]
            gap = abs(own.mean[best] - truth)
            pair = two_sources(dice[best, study] - dice[last, study], fold)
            p = p_value(pair.mean, pair.error, pair.df)
            excess = own.mean[best] - own.mean.mean()
            tally.append((gap <= half, gap <= joint.half_width[best], excess))
            tally[-1] += (joint.luck, p < 0.05, joint.low[0] == 1)
        means = np.mean(tally, axis=0)
        points = [f"{100 * mean:.2f}" for mean in means[2:4]]
        rates = [share(mean) for mean in means[[0, 1, 4, 5]]]
        row(losses, patients, f"{folds} x {seeds}", spread, *rates[:2], *points, *rates[2:])


TABLES = {table.__name__: table for table in (grid, candidates, hard, verdicts, plans, selection)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=TABLES)
    parser.add_argument("--studies", type=int, default=3000, help="of up to 150 patients")
    parser.add_argument("--patients", nargs="+", type=int, default=PATIENTS, help="of the grid")
    options = parser.parse_args()
    for name in options.tables:
        began = time.monotonic()
        print(f"\n## {TABLES[name].__doc__}")
        more = {"numbers": options.patients} if name == "grid" else {}
        TABLES[name](np.random.default_rng(1), options.studies, **more)
        print(f"\n({name}: {time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
