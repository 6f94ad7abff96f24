"""Facts for reporting checklists: the plan, the models, their trainings and the results."""

from collections import Counter

from tumorseg.reporting.checklist_data import source
from tumorseg.reporting.checklist_evidence import (
    BESIDE,
    REGISTERED,
    RUN,
    Evidence,
    fact,
    listed,
    percent,
)
from tumorseg.statistics.wording import plural

CONVERGENCE = "Convergence of every training"
PAIRS = "Every pair of losses, tested"


@fact(RUN)
def technique(run: Evidence) -> str:
    networks = listed(run.of_trainings("network", "name"))
    return f"deep learning: {networks}, trained with {listed(run.of_trainings('loss', 'name'))}"


@fact(REGISTERED)
def question(run: Evidence) -> str:
    return run.plan["question.in words"]


@fact(REGISTERED)
def goal(run: Evidence) -> str:
    losses = set(run.of_trainings("loss", "name"))
    return (
        f"comparison of {len(losses)} losses in {len(run.trainings)} trainings; reference: "
        f"{run.plan['settings.reference_loss']}"
    )


@fact(RUN)
def model(run: Evidence) -> str:
    return "network: " + listed(
        f"{item['network']['name']} (recipe {item['recipe']}): base width "
        f"{item['network']['base_width']}, {item['network']['parameters']:,} parameters"
        for item in run.trainings
    )


@fact(RUN)
def software(run: Evidence) -> str:
    versions = listed(
        f"{name} {v}" for of in run.of_trainings("versions") for name, v in of.items()
    )
    return f"versions: {versions}"


@fact(RUN)
def initial(run: Evidence) -> str:
    encoders = [item["network"].get("encoder", "") for item in run.trainings]
    given = listed(name for name in encoders if name)
    seeds = listed(sorted(set(run.of_trainings("seed"))))
    begun = f"encoder from given weights (digest {given})" if given else "random weights"
    return f"{begun}; seeds {seeds}"


@fact(RUN)
def training(run: Evidence) -> str:
    rows = run.tables["run"]
    chosen = rows[rows["what"].str.startswith("recipe ")]
    return "settings: " + "; ".join(f"{row.what}: {row.value}" for row in chosen.itertuples())


@fact(CONVERGENCE)
def convergence(run: Evidence) -> str:
    verdicts = Counter(run.tables["convergence"]["verdict"])
    return "trainings: " + ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())


@fact(REGISTERED)
def ensemble(run: Evidence) -> str:
    return f"a test case is measured with each training of its fold by itself ({run.seeds})"


@fact("Metrics of empty masks")
def metrics(run: Evidence) -> str:
    return f"metrics: {listed(run.tables['conventions']['metric'])}"


@fact(PAIRS)
def uncertainty(run: Evidence) -> str:
    return (
        f"95 % intervals; margin {percent(run.plan['settings.statistics.margin'])} points; "
        f"{run.plan['settings.statistics.resamples']} bootstrap samples; "
        + plural(len(run.plan["question.primary contrasts"]), "primary contrast")
    )


@fact("Subgroups")
def robustness(run: Evidence) -> str:
    recipes = listed(run.of_trainings("recipe"))
    thresholds = listed(run.tables["contrasts"]["threshold"])
    return f"{run.seeds}; recipes: {recipes}; thresholds: {thresholds}"


@fact("Subgroups")
def subgroups(run: Evidence) -> str:
    rows = run.tables["subgroups"]
    groups = rows.groupby("kind", sort=False)["group"].unique()
    kinds = "; ".join(f"{kind} ({listed(names)})" for kind, names in groups.items())
    return f"subgroups by {kinds}" if kinds else ""


@fact(REGISTERED)
def external(run: Evidence) -> str:
    kind = run.plan.get("settings.external.kind")
    return f"outside data: read by the source {kind}" if kind else "no outside data in this run"


@fact(REGISTERED)
def registered(run: Evidence) -> str:
    changed = plural(run.changes, "value")
    return f"plan registered {run.registered}; {changed} of it changed since"


@fact("Ranking")
def performance(run: Evidence) -> str:
    return "patient-mean Dice: " + "; ".join(
        f"{row.recipe}/{row.loss} {percent(row.mean)} % ({percent(row.low)} to "
        f"{percent(row.high)}; {row.patients} patients)"
        for row in run.tables["ranking"].itertuples()
    )


@fact(PAIRS)
def contrasts(run: Evidence) -> str:
    return "difference in Dice: " + "; ".join(
        f"{row.loss} against {row.against}: {percent(row.mean_difference, '+')} points "
        f"({percent(row.low, '+')} to {percent(row.high, '+')})"
        for row in run.tables["contrasts"].query("role == 'primary'").itertuples()
    )


@fact("Summary, one row per recipe and loss")
def missed(run: Evidence) -> str:
    rows = run.tables["summary"]
    rows = rows[rows["recipe"].isin(run.of_trainings("recipe"))]
    return "tumours missed: " + "; ".join(
        f"{row.recipe}/{row.loss} {row.missed_tumours} of {row.tumours}"
        for row in rows.itertuples()
    )


@fact(CONVERGENCE)
def limits(run: Evidence) -> str:
    open_ = sum(run.tables["convergence"]["verdict"] != "converged")
    return (
        f"{open_} of {len(run.trainings)} trainings had not converged; "
        f"{run.seeds}; "
        f"tuning: {run.plan['use of patients.tuning']}; data: {source(run)}"
    )


@fact(REGISTERED)
def output(run: Evidence) -> str:
    threshold = run.plan["settings.measure.threshold"]
    return f"a probability for each pixel; tumour above {threshold:g}"


@fact(BESIDE.format("registration.yaml, config.yaml"))
def protocol(run: Evidence) -> str:
    return f"files: registration.yaml ({run.registered}) and config.yaml beside the report"


@fact(RUN)
def code(run: Evidence) -> str:
    versions = listed(run.of_trainings("versions", "tumorseg"))
    return f"software: tumorseg {versions}; digests of the code that trains are in the report"


@fact(REGISTERED)
def tuning_use(run: Evidence) -> str:
    return f"tuning: {run.plan['use of patients.tuning']}"


@fact(REGISTERED)
def validation_use(run: Evidence) -> str:
    return f"validation: {run.plan['use of patients.validation']}"


@fact(REGISTERED)
def test_use(run: Evidence) -> str:
    return f"test: {run.plan['use of patients.test']}"
