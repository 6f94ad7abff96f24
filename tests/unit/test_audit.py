"""Tests of the audit: it finds the known faults of the published tables, and no others."""

import math
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import audit_table
from tumorseg.audit import published
from tumorseg.audit.claims import improvement_fault, least_p, significance_faults
from tumorseg.audit.findings import audit, audit_all
from tumorseg.audit.printed import Source, number, printed_number, quantity
from tumorseg.audit.reading import of_frame, read
from tumorseg.audit.rows import verdict
from tumorseg.core.errors import UserError
from tumorseg.metrics import Counts, overlap
from tumorseg.reporting.study_tables import distances, percent, summary, table2, table3
from tumorseg.statistics.estimates import t_interval

FOCAL = [f"focal {fold}" for fold in range(1, 6)]
BCE = [f"bce {fold}" for fold in range(1, 6)]
FINDINGS = audit_all(published.SOURCES)


def of_paper(year, level="fault"):
    of_source = FINDINGS[FINDINGS["source"].str.contains(f"{year},")]
    return of_source[of_source["level"] == level]


def rows(findings, check):
    return list(findings.loc[findings["check"] == check, "row"])


# The three papers: each list is complete, so a false alarm fails the test as a missed fault does.


def test_seven_of_ten_rows_and_one_mean_of_2025_have_an_f1_that_no_averaging_allows():
    faults = of_paper(2025).query("table != 'text'")
    expected = [FOCAL[0], FOCAL[3], FOCAL[4], BCE[0], BCE[1], BCE[3], BCE[4], "bce mean"]
    assert list(faults["row"]) == expected
    assert set(faults["check"]) == {"F1 against precision and recall"}
    table = published.table2()
    over = table["dice"] > (table["precision"] + table["recall"]) / 2 + 0.001
    assert list((table["loss"] + " " + table["fold"])[over]) == expected[:-1]


def test_all_ten_rows_of_2025_are_impossible_as_pooled_counts():
    findings = of_paper(2025, "not pooled")
    assert rows(findings, "accuracy against precision, recall and specificity") == FOCAL + BCE
    assert rows(findings, "F1 between precision and recall") == ["bce 3", "bce 5"]
    outside = ["focal 2", "focal 4", "bce 1", "bce 5"]
    assert rows(findings, "accuracy between recall and specificity") == outside
    assert rows(findings, "F1 against precision and recall") == ["focal 2", "focal 3", "bce 3"]
    assert len(findings) == 10 + 2 + 4 + 3


def test_the_means_and_the_interval_of_2025_are_cut_off():
    remarks = of_paper(2025, "remark")
    assert list(remarks["numbers"]) == ["accuracy 99.44", "specificity 99.2", "hausdorff 52.92"]
    for exact, finding in zip(("99.446", "99.28", "52.9271"), remarks["finding"], strict=True):
        assert f"is {exact}: cut off, not rounded" in finding


def test_2025_claims_significance_without_a_test_and_points_as_percent():
    faults = of_paper(2025).query("table == 'text'")
    assert list(faults["row"]) == [
        "Discussion",
        *(f"Results, {n}" for n in ("Dice", "precision", "recall")),
    ]
    assert "gives p below 0.0625" in faults.iloc[0]["finding"]
    assert "6.4 % are points: the change is 6.48 points, 8.7 percent" in faults.iloc[1]["finding"]


def test_2021_prints_an_interval_and_a_p_with_two_values_each_and_has_one_other_fault():
    faults = of_paper(2021)
    assert list(faults["numbers"][:2]) == ["0.751 ± 0.017 / 0.751 ± 0.057", "0.0176 / 0.176"]
    assert list(faults["check"]) == ["printed twice", "printed twice", "p against its wording"]
    assert len(of_paper(2021, "not pooled")) == len(of_paper(2021, "remark")) == 0


def test_2024_breaks_the_iou_bound_once_and_prints_two_values_twice():
    faults = of_paper(2024).query("table != 'text'")
    assert list(faults["check"]) == ["Dice against IoU", "printed twice", "printed twice"]
    expected = ["dice 0.929, iou 0.857", "0.951 / 0.941", "0.883 / 0.893"]
    assert list(faults["numbers"]) == expected
    assert len(of_paper(2024, "not pooled")) == len(of_paper(2024, "remark")) == 0


def test_2024_calls_points_percent_and_five_of_its_gains_follow_from_no_table():
    faults = of_paper(2024).query("table == 'text'")
    assert set(faults["check"]) == {"percent or points"}
    neither = faults[faults["finding"].str.contains("is neither")]
    assert list(neither["row"]) == [
        "Abstract, PI-CAI IoU against Dice-Focal",
        "Section 5.1, Table 4, ResNet50 U-Net Dice",
        *(f"Section 5.3, Table 5 row {row}, BraTS Dice" for row in (2, 3, 4)),
    ]
    claims = published.SOURCES[0].improvements
    accepted = [claim for claim in claims if claim["where"] not in set(faults["row"])]
    assert len(claims) == 51 and len(accepted) == 16
    for claimed in accepted:  # the relative change, within its own last digit or the table's
        ratio = float(claimed["to"]) / float(claimed["from"])
        slack = 0.1 if claimed["where"].endswith("specificity") else 0.15
        assert abs(100 * abs(ratio - 1) - float(claimed["percent"])) < slack


# Plain tables


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


def findings_in(path, **options):
    source, _ = read(path, **options)
    findings = audit(source)
    return findings[findings["level"] != "checked"]


def random_metrics(seed=0, recipes=("robust", "paper"), losses=("bce", "focal")):
    """A metrics table of random counts: 5 folds of 12 cases, some with empty masks."""
    random = np.random.default_rng(seed)
    lines = []
    for recipe, loss, fold, case in product(recipes, losses, range(1, 6), range(12)):
        tumour = int(np.random.default_rng(fold * 100 + case).integers(0, 400)) * (case % 7 > 0)
        tp = int(random.integers(0, tumour + 1)) * (case % 5 > 0)
        fp = int(random.integers(0, 90)) * (case % 5 > 0)
        counts = Counts(tp, fp, tumour - tp, 10_000 - tumour - fp)
        names = {"recipe": recipe, "loss": loss, "fold": fold, "status": "ok"}
        distance = math.nan if tumour == 0 and tp + fp == 0 else float(random.uniform(0, 60))
        lines.append(
            names
            | {"case": f"{fold}-{case}", "patient": f"{fold}-{case // 2}"}
            | {"truth_px": tumour, "predicted_px": tp + fp, "missed": int(tumour > 0 and tp == 0)}
            | {"hausdorff_px": distance, "hausdorff_mm": distance * 0.45}
            | counts._asdict()
            | overlap(counts)
        )
    return pd.DataFrame(lines)


@pytest.mark.parametrize("seed", range(4))
def test_every_table_of_the_workflow_passes_when_read_from_its_file(tmp_path, seed):
    metrics = random_metrics(seed)
    tables = {
        "table2": percent(table2(metrics)),
        "table3": distances(table3(metrics)),
        "summary": summary(metrics),
    }
    for name, table in tables.items():
        path = tmp_path / f"{name}.tsv"
        table.to_csv(path, sep="\t", index=False, na_rep="NaN")
        same_cases = None if name == "summary" else "fold"
        assert len(findings_in(path, same_cases=same_cases)) == 0
        source = Source("ours", [of_frame(table, name)])
        assert set(audit(source)["level"]) == {"checked"}


@pytest.mark.parametrize(
    ("column", "new", "check"),
    [
        ("dice_pct", "99.90", "F1 against precision and recall"),
        ("iou_pct", "99.90", "Dice against IoU"),
        ("accuracy_pct", "80.00", "accuracy against precision, recall and specificity"),
        ("specificity_pct", "90.00", "one prevalence"),
        ("recall_pct", "101.00", "a share lies from 0 to 1"),
    ],
)
def test_one_wrong_value_in_our_own_table_is_found(column, new, check):
    table = percent(table2(random_metrics(recipes=("robust",)))).astype(str).reset_index(drop=True)
    table.loc[0, column] = new
    source = Source("ours", [of_frame(table, "table2")])
    faults = audit(source).query("level == 'fault'")
    assert check in set(faults["check"])


def test_a_wrong_mean_in_our_own_table_is_found():
    table = percent(table2(random_metrics(recipes=("robust",)))).astype(str).reset_index(drop=True)
    row = table.query("fold == 'mean' and aggregation == 'pooled'").index[0]
    table.loc[row, "dice_pct"] = f"{float(table.loc[row, 'dice_pct']) + 0.05:.2f}"
    faults = audit(Source("ours", [of_frame(table, "table2")])).query("level == 'fault'")
    assert list(faults["check"]) == ["follows from its rows"]


def test_a_spreadsheets_csv_with_decimal_commas_is_read_as_its_tsv(tmp_path):
    text = "loss\tdice\tiou\nfocal\t0.90\t0.60\n"
    expected = read(write(tmp_path / "t.tsv", text))[0].tables[0]
    semicolons = "\ufeff" + text.replace("\t", ";").replace(".", ",") + ";;\n"
    (found,) = read(write(tmp_path / "t.csv", semicolons))[0].tables
    assert [dict(row.numbers) for row in found.rows] == [dict(row.numbers) for row in expected.rows]


def test_a_csv_with_other_column_names_and_fractions_is_read(tmp_path):
    text = "Model,F1-Score,PPV,Sensitivity (Recall),note\nours,0.83,.646,0.745,best\n"
    source, notes = read(write(tmp_path / "theirs.csv", text))
    (row,) = source.tables[0].rows
    assert {name: item.text for name, item in row.numbers.items()} == {
        "dice": "0.83",
        "precision": ".646",
        "recall": "0.745",
    }
    assert notes == [
        "taken as fractions: F1-Score, PPV, Sensitivity (Recall)",
        "averaging: not stated",
        "ignored columns: note",
    ]
    assert list(audit(source).query("level == 'fault'")["row"]) == ["ours"]


def test_the_unit_is_guessed_for_each_column(tmp_path):
    text = "loss\taccuracy\tdice\tiou\na\t99.2\t0.80\t0.70\n"
    source, notes = read(write(tmp_path / "t.tsv", text))
    numbers = source.tables[0].rows[0].numbers
    assert [float(item.value.value) for item in numbers.values()] == [0.992, 0.8, 0.7]
    assert notes[:2] == ["taken as percent: accuracy", "taken as fractions: dice, iou"]


def test_a_column_with_a_zero_is_still_read_as_percent(tmp_path):
    text = "loss\tfold\tdice\na\t1\t0.00\na\t2\t81.1\na\tmean\t40.55\n"
    path = write(tmp_path / "t.tsv", text)
    assert len(findings_in(path)) == 0
    assert read(path)[1][0] == "taken as percent: dice"


def test_rows_of_one_table_with_equal_labels_are_not_printed_twice(tmp_path):
    text = "loss\tlearning_rate\tdice\na\t0.1\t0.70\na\t0.01\t0.80\n"
    assert len(findings_in(write(tmp_path / "t.tsv", text))) == 0


def test_the_stated_averaging_decides_what_is_a_fault(tmp_path):
    path = write(tmp_path / "t.tsv", "loss\tdice\tiou\na\t0.60\t0.50\n")
    assert list(findings_in(path, averaging="pooled")["level"]) == ["fault"]
    assert list(findings_in(path, averaging="not stated")["level"]) == ["not pooled"]
    assert len(findings_in(path, averaging="macro")) == 0


def test_losses_on_the_same_pooled_cases_must_imply_one_prevalence(tmp_path):
    text = (
        "loss\tfold\tprecision\trecall\tspecificity\n"
        "a\t1\t0.80\t0.80\t0.990\nb\t1\t0.80\t0.80\t0.900\nb\t2\t0.80\t0.80\t0.900\n"
    )
    path = write(tmp_path / "t.tsv", text)
    findings = findings_in(path, averaging="pooled", same_cases="fold")
    assert list(findings["check"]) == ["one prevalence"]
    assert findings.iloc[0]["row"] == "a 1 / b 1"
    assert len(findings_in(path, averaging="macro", same_cases="fold")) == 0
    assert len(findings_in(path, averaging="pooled")) == 0


def test_a_row_of_standard_deviations_is_not_read_as_a_fold(tmp_path):
    text = "loss\tfold\tdice\na\t1\t0.70\na\t2\t0.80\na\tmean\t0.75\na\tSD\t0.07\n"
    assert len(findings_in(write(tmp_path / "t.tsv", text))) == 0


def test_undefined_values_are_counted_but_not_averaged(tmp_path):
    text = "loss\tfold\tprecision\na\t1\tNaN\na\t2\t0.80\na\tmean\t0.80\n"
    source, _ = read(write(tmp_path / "t.tsv", text))
    assert list(audit(source)["finding"]) == ["3 rows, 3 values, 1 of them without a number"]


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=6), st.sampled_from(["round", "cut"]))
def test_correct_means_and_intervals_are_never_faults_after_rounding_or_cutting_off(values, how):
    exact = [value / 1000 for value in values]
    interval = t_interval(exact)

    def printed(value):
        step = math.floor(value * 100) if how == "cut" and value >= 0 else round(value * 100)
        return f"{step / 100:.2f}"

    lines = [["a", str(fold), printed(value)] for fold, value in enumerate(exact)]
    lines += [["a", "mean", printed(interval.mean)]]
    lines += [["a", "95 % low", printed(interval.low)], ["a", "95 % high", printed(interval.high)]]
    table = of_frame(pd.DataFrame(lines, columns=["loss", "fold", "hausdorff"]), "t")
    findings = audit(Source("s", [table]))
    assert "fault" not in set(findings["level"])


def test_an_interval_that_does_not_follow_from_its_folds_is_found():
    lines = [["1", "46.4"], ["2", "42.5"], ["3", "52.7"], ["95 % low", "41.0"]]
    table = of_frame(pd.DataFrame(lines, columns=["fold", "hausdorff"]), "t")
    faults = audit(Source("s", [table])).query("level == 'fault'")
    assert list(faults["row"]) == ["95 % low"]
    expected = t_interval([46.4, 42.5, 52.7]).low
    assert f"is {expected:.6g}" in faults.iloc[0]["finding"]


@pytest.mark.parametrize(
    ("exact", "printed", "expected"),
    [
        (81.0, "81", "equal"),
        (99.446, "99.44", "cut off"),
        (98.92, "98.9", "rounded"),
        (98.96, "99.0", "rounded"),
        (98.96, "97", "different"),
        (-9.006, "-9.00", "cut off"),
    ],
)
def test_rounded_and_cut_off_numbers_are_distinguished(exact, printed, expected):
    assert verdict(exact, 0.0, number(printed)) == expected


# Claims


@pytest.mark.parametrize("n", range(1, 9))
def test_the_smallest_p_of_paired_tests_equals_that_of_scipys_exact_test(n):
    differences = np.arange(1.0, n + 1)
    exact = stats.wilcoxon(differences, method="exact").pvalue
    assert least_p("signed-rank", (n,)) == pytest.approx(exact)
    assert least_p("sign", (n,)) == pytest.approx(stats.binomtest(n, n).pvalue)


@pytest.mark.parametrize(("first", "second"), [(3, 3), (5, 5), (4, 7)])
def test_the_smallest_p_of_the_rank_sum_test_equals_that_of_scipys_exact_test(first, second):
    exact = stats.mannwhitneyu(range(first), range(100, 100 + second), method="exact").pvalue
    assert least_p("rank-sum", (first, second)) == pytest.approx(exact)


@pytest.mark.parametrize(("first", "second"), [(2, 2), (3, 3), (1, 3), (2, 4)])
def test_no_permutation_test_has_a_p_below_the_smallest(first, second):
    values = np.array([0, 0.1, 0.2, 5, 5.3, 9.1][: first + second])
    arranged = np.array(list(permutations(values)))
    gaps = np.abs(arranged[:, :first].mean(axis=1) - arranged[:, first:].mean(axis=1))
    assert np.mean(gaps >= gaps.max() - 1e-9) >= least_p("permutation", (first, second)) - 1e-12


def test_with_five_folds_no_signed_rank_test_reaches_one_in_twenty():
    assert least_p("signed-rank", (5,)) == 0.0625
    assert least_p("signed-rank", (5,), sides=1) == 0.03125
    assert least_p("signed-rank", (6,), comparisons=3) == pytest.approx(3 / 32)


def claim(**more):
    return {"where": "here", "says": "better", "test": "signed-rank", "significant": "yes"} | more


@pytest.mark.parametrize(
    ("more", "check"),
    [
        ({"n": "5"}, "p attainable at this n"),
        ({"n": "5", "p": "0.04"}, "p attainable at this n"),
        ({"n": "5", "p": "<0.05"}, "p attainable at this n"),
        ({"n": "8", "comparisons": "21", "p": "0.04"}, "p attainable at this n"),
        ({"test": "none"}, "significance without a test"),
        ({"n": "20", "p": "0.21"}, "p against its wording"),
        ({"n": "20", "p": "0.01", "significant": "no"}, "p against its wording"),
    ],
)
def test_a_claim_that_its_test_contradicts_is_found(more, check):
    assert [name for name, _ in significance_faults(claim(**more))] == [check]


@pytest.mark.parametrize(
    "more",
    [
        {"n": "6"},
        {"n": "5", "p": "0.06", "significant": "no"},
        {"n": "5", "p": "<0.1"},
        {"n": "5, 5", "test": "rank-sum", "p": "0.008"},
        {"n": "5", "test": "paired t", "p": "0.01"},
        {"test": "none", "significant": "no"},
        {"p": "0.018"},
    ],
)
def test_a_claim_that_may_be_true_has_no_fault(more):
    assert significance_faults(claim(**more)) == []


def gain(old, new, percent):
    claimed = {"from": old, "to": new, "percent": percent}
    fault = improvement_fault({"where": "here", "says": "more"} | claimed)
    return fault and fault[1]


def test_points_called_percent_are_distinguished_from_true_percent():
    assert gain("50.0 %", "60.0 %", "20") is None
    assert "are points" in gain("50.0 %", "60.0 %", "10")
    assert "is neither" in gain("0.500", "0.600", "15")
    assert gain("0.950", "0.944", "0.63") is None  # a decrease, given without its sign


# Input


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [("98.60", 98.6, 0.01), ("81", 81, 1), (".893", 0.893, 0.001), ("2.52e-5", 2.52e-5, 1e-7)],
)
def test_the_last_printed_digit_is_the_tolerance(text, value, unit):
    assert (float(number(text).value), float(number(text).unit)) == (value, pytest.approx(unit))


def test_deviations_and_intervals_are_read_with_their_number():
    assert printed_number("0.945 \\pm 0.017", "x", percent=False).half == number("0.017")
    interval = printed_number("66.1 % (58.7 to 73.5)", "x", percent=True)
    assert (float(interval.low.value), float(interval.high.value)) == (0.587, 0.735)
    assert printed_number("failed", "x", percent=True).value is None
    assert printed_number("<0.001", "x", percent=False).value is None
    assert printed_number("0.945 (0.017)", "x", percent=False).half == number("0.017")
    assert printed_number("0.83 [0.80, 0.86]", "x", percent=False).high == number("0.86")
    assert printed_number("0.83 (0.80-0.86)", "x", percent=False).low == number("0.80")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("dice_pooled_pct", ("dice", "pooled")),
        ("DSC kidney", ("dice", "kidney")),
        ("F1(Dice Coefficient)", ("dice", "")),
        ("Accuracy (%)", ("accuracy", "")),
        ("hausdorff_mm", ("hausdorff", "mm")),
        ("mean IoU", ("iou", "")),
        ("patients", None),
        ("published_dice_pct", None),
    ],
)
def test_columns_are_recognised_by_their_name(column, expected):
    assert quantity(column) == expected


YAML = """\
source: Someone 2020
tables:
  - name: Table 1
    averaging: macro
    unit: fraction
    columns: [loss, dice, iou]
    rows:
      - [a, 0.90, 0.82]
"""


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "t.tsv",
            "loss\tdice\na\tgood\n",
            r"t\.tsv: line 2, dice: 'good' is not a number; expected",
        ),
        ("t.tsv", "loss\tdice\na\t0.8\t0.9\n", r"t\.tsv: line 2: 3 values for 2 columns"),
        ("t.tsv", "loss\ttime\na\t3\n", r"t\.tsv: no column has a quantity .* loss, time"),
        ("t.tsv", "loss\tdice\n", r"t\.tsv: expected a header and at least one row"),
        (
            "t.tsv",
            "loss\tdice\tf1\na\t0.8\t0.8\n",
            r"line 2: two columns have the quantity dice; keep one",
        ),
        (
            "t.tsv",
            "loss\tdice\tdice\na\t0.8\t0.9\n",
            r"t\.tsv: two columns are called 'dice'; keep one",
        ),
        ("t.tsv", "loss\tloss\tdice\na\tb\t0.9\n", r"two columns are called 'loss'"),
        (
            "t.yaml",
            YAML.replace("    unit: f", "    averaging: pooled\n    unit: f"),
            r"t\.yaml: the key tables\.averaging is there twice \(lines \d+ and \d+\)",
        ),
        ("t.xlsx", "", r"t\.xlsx: expected a \.yaml, \.tsv or \.csv file"),
        ("t.yaml", "a: [", r"t\.yaml: not a YAML file"),
        ("t.yaml", YAML.replace("macro", "mean"), r"averaging: expected one of pooled, macro"),
        ("t.yaml", YAML.replace("unit: f", "units: f"), r"table 1: unknown key 'units'"),
        ("t.yaml", YAML.replace("source: Someone 2020\n", ""), r"the key 'source' is missing"),
        ("t.yaml", YAML.replace(", 0.82", ""), r"row 1: expected one text for each of"),
        (
            "t.yaml",
            YAML.replace("0.82", "x"),
            r"table 1 \(Table 1\): row 1, iou: 'x' is not a number",
        ),
        ("t.yaml", YAML.replace("0.82", "[0.82]"), r"row 1: expected one text for each of"),
        ("t.yaml", YAML.replace("iou]", "dice]"), r"columns: expected a list of unique names"),
        ("t.yaml", YAML + "    about: x\n", r"about: expected labels with their values"),
        ("t.yaml", YAML + "    decimals: {dice: x}\n", r"decimals: expected a whole number"),
        (
            "t.yaml",
            YAML + "significance:\n  - {where: x, says: y, test: anova, n: 5, significant: yes}\n",
            r"'anova' with n = \(5,\): expected one of signed-rank",
        ),
    ],
)
def test_unusable_input_is_a_one_line_error(tmp_path, name, text, message):
    path = write(tmp_path / name, text)
    with pytest.raises(UserError, match=message) as caught:
        audit_table.main(files=[path])
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_a_one_line_error(tmp_path):
    with pytest.raises(UserError, match=r"none\.tsv: no such file"):
        audit_table.main(files=[str(tmp_path / "none.tsv")])


@pytest.mark.parametrize("cut", ["one line", "the rest"])
def test_a_damaged_paper_is_audited_or_rejected_with_one_line(tmp_path, cut):
    paper = Path(published.__file__).with_suffix("") / "focal_vs_bce_2025.yaml"
    lines = paper.read_text(encoding="utf-8").splitlines(keepends=True)
    rejected = 0
    for index in range(len(lines)):
        rest = lines[index + 1 :] if cut == "one line" else []
        path = write(tmp_path / "paper.yaml", "".join([*lines[:index], *rest]))
        try:
            audit(read(path)[0])
        except UserError as error:
            rejected += 1
            assert str(error).startswith((path, "Shafiei")) and "\n" not in str(error)
    assert 0 < rejected < len(lines)


def test_the_findings_are_printed_and_written(tmp_path, capsys):
    clean = write(tmp_path / "clean.yaml", YAML)
    faulty = write(tmp_path / "faulty.yaml", YAML.replace("0.90", "0.95"))
    out = tmp_path / "findings.tsv"
    assert audit_table.main(files=[clean]) == 0
    assert audit_table.main(files=[clean, faulty], out=str(out)) == 1
    assert "fault: Table 1, a: Dice against IoU: dice must lie" in capsys.readouterr().out
    table = pd.read_csv(out, sep="\t")
    assert list(table["level"]) == ["checked", "checked", "fault"]
