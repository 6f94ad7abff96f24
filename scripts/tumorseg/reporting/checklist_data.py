"""Facts for reporting checklists: the data, how they were prepared, and how they were divided."""

from collections import Counter

from tumorseg.reporting.checklist_evidence import (
    BESIDE,
    FOLDS,
    REGISTERED,
    RUN,
    Evidence,
    fact,
    listed,
    percent,
)
from tumorseg.statistics.wording import plural


@fact(REGISTERED)
def source(run: Evidence) -> str:
    kind = run.plan["settings.source.kind"]
    return "generated images, no patients" if kind == "phantom" else f"read by the source {kind}"


@fact(BESIDE.format("cases.tsv"))
def sites(run: Evidence) -> str:
    if "site" not in run.tables["cases"]:
        return ""
    counts = run.tables["cases"].groupby("site")["patient"].nunique()
    return f"{len(counts)} sites: " + ", ".join(f"{name} {n}" for name, n in counts.items())


@fact(RUN)
def counts(run: Evidence) -> str:
    cases, masks = run.tables["cases"], run.tables["masks"]
    empty = int((masks["tumour_px"] == 0).sum())
    planes = Counter(cases["plane"])
    return (
        f"{len(cases)} cases ({', '.join(f'{n} {plane}' for plane, n in planes.items())}) of "
        f"{cases['patient'].nunique()} patients; {len(cases) - empty} cases with a tumour, {empty} "
        "without"
    )


@fact(RUN)
def excluded(run: Evidence) -> str:
    negatives = run.plan.get("settings.source.negatives") == "leave_out"
    left_out = "; images without tumour were left out" if negatives else ""
    return f"{run.excluded} taken out by source.exclude{left_out}"


@fact(REGISTERED)
def preprocessing(run: Evidence) -> str:
    recipes = {item["recipe"]: item for item in run.trainings}
    parts = [f"skull stripping: {run.plan['settings.skull_strip.method']}"]
    for name, item in recipes.items():
        patch = item["network"].get("patch")
        size = f"patches of {patch}" if patch else f"{item['network']['size_px']} px"
        parts.append(f"recipe {name}: preparation {item['settings']['preparation']}, {size}")
    return "; ".join(parts)


@fact("Warnings: harmed cases (table)")
def harmed(run: Evidence) -> str:
    warnings = plural(len(run.tables["harmed_cases"]), "warning")
    return f"{warnings} of tumour cut away by skull stripping"


@fact(BESIDE.format("config.yaml"))
def pseudonyms(run: Evidence) -> str:
    kept = run.names == "keep"
    return "names are kept as in the source" if kept else "patients and cases have pseudonyms"


@fact(RUN)
def failed(run: Evidence) -> str:
    number = run.of_trainings("status").count("failed")
    return f"{number} of {len(run.trainings)} trainings failed"


@fact("Every metric: mean, quantiles, undefined")
def undefined(run: Evidence) -> str:
    rows = run.tables["distribution"].query("metric == 'dice'")
    return (
        f"Dice: {int(rows['undefined'].sum())} of {int(rows['predictions'].sum())} values undefined"
    )


@fact(BESIDE.format("cases.tsv"))
def geometry(run: Evidence) -> str:
    cases = run.tables["cases"]
    known = int(cases["pixel_height_mm"].notna().sum())
    return (
        f"{cases['height_px'].min()} to {cases['height_px'].max()} x {cases['width_px'].min()} to "
        f"{cases['width_px'].max()} pixels; pixel spacing known of {known} of {len(cases)} cases"
    )


@fact(REGISTERED)
def annotation(run: Evidence) -> str:
    names = run.under("settings.classes")
    return f"classes outlined: {listed(names)}" if names else ""


@fact(RUN)
def inputs(run: Evidence) -> str:
    channels = run.plan.get("settings.source.channels", [])
    return f"channels of the input: {listed(channels)}" if channels else "one image channel"


@fact(FOLDS)
def partitions(run: Evidence) -> str:
    folds = run.tables["folds"]
    sizes = folds.groupby(["role", "fold"])["patient"].nunique().groupby("role").agg(["min", "max"])
    text = "; ".join(f"{role} {row['min']} to {row['max']}" for role, row in sizes.iterrows())
    seed = run.plan["settings.seed"]
    return f"{folds['fold'].nunique()} folds, drawn with seed {seed}; patients a fold: {text}"


@fact(BESIDE.format("folds.tsv, masks.tsv"))
def partition_sizes(run: Evidence) -> str:
    folds = run.tables["folds"].merge(run.tables["masks"][["case", "tumour_px"]], on="case")
    folds["tumour"] = folds["tumour_px"] > 0
    each = folds.groupby(["role", "fold"]).agg(cases=("case", "size"), tumours=("tumour", "sum"))
    ends = each.groupby("role").agg(["min", "max"])
    return "; ".join(
        f"{role}: {ends.loc[role, ('cases', 'min')]} to {ends.loc[role, ('cases', 'max')]} cases a "
        f"fold, {ends.loc[role, ('tumours', 'min')]} to {ends.loc[role, ('tumours', 'max')]} with "
        "tumour"
        for role in ends.index
    )


@fact(BESIDE.format("folds.tsv"))
def disjoint(run: Evidence) -> str:
    roles = run.tables["folds"].groupby(["fold", "patient"])["role"].nunique()
    return f"patients in two parts of one fold: {int((roles > 1).sum())} of {len(roles)}"


@fact(FOLDS)
def tested(run: Evidence) -> str:
    test = run.tables["folds"].query("role == 'test'")
    return f"{test['patient'].nunique()} patients with {test['case'].nunique()} cases are tested"


@fact(BESIDE.format("masks.tsv"))
def tumour_size(run: Evidence) -> str:
    sizes = run.tables["masks"].query("tumour_px > 0")["tumour_px"]
    return f"tumour size: median {sizes.median():.0f} px, {sizes.min()} to {sizes.max()}"


@fact(BESIDE.format("masks.tsv"))
def imbalance(run: Evidence) -> str:
    masks = run.tables["masks"].query("brain_px > 0 and tumour_px > 0")
    if masks.empty:
        return ""
    share = percent((masks["tumour_px"] / masks["brain_px"]).median())
    losses = listed(run.of_trainings("loss", "name"))
    return f"tumour is {share} % of the brain's pixels (median); losses: {losses}"
