"""Hospitals: a column site, folds that leave sites out, and differences that depend on the site."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from bad_data import Data
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.oneway import anova_oneway
from test_comparison import QUESTION, metrics_rows
from test_data_check import checked
from test_folds import masks

import split as split_script
from tumorseg.core.cases import Case
from tumorseg.core.files import read_table, write_table
from tumorseg.core.problems import DataError
from tumorseg.data.site_folds import site_problems, site_tests
from tumorseg.data.storing import store_case
from tumorseg.statistics.interactions import (
    FEW,
    LUCK,
    SEVERAL,
    Estimate,
    interactions,
    of_patients,
    of_patients_and_trainings,
    welch,
)
from tumorseg.statistics.subgroups import groups


def of_sites(names, patients=24):
    """Masks of patients, and their cases with a site each: patient 0 is of the first, and so on."""
    table = masks(patients, most=3)
    number = table["patient"].str[1:].astype(int)
    return table, table[["case", "patient"]].assign(site=[names[n % len(names)] for n in number])


def split_by_site(folder, names, count, change=lambda cases: cases):
    table, cases = of_sites(names)
    write_table(table, folder / "masks.tsv")
    write_table(change(cases), folder / "cases.tsv")
    split_script.main(
        masks_table=str(folder / "masks.tsv"),
        cases_table=str(folder / "cases.tsv"),
        folds_table=str(folder / "folds.tsv"),
        fold_count=count,
        validation_share=0.2,
        seed=1,
    )
    return read_table(folder / "folds.tsv").merge(cases[["case", "site"]], on="case")


@pytest.mark.parametrize(("count", "most"), [(3, 1), (2, 2)])
def test_a_site_is_tested_by_trainings_that_saw_none_of_it(tmp_path, count, most):
    folds = split_by_site(tmp_path, ["north", "south", "1"], count)
    assert folds["fold"].nunique() == count
    for _, rows in folds.groupby("fold"):
        of_role = {role: set(part["site"]) for role, part in rows.groupby("role")}
        assert not of_role["test"] & (of_role["train"] | of_role["validation"])
        assert of_role["validation"] <= of_role["train"] and len(of_role["test"]) <= most
        assert (rows.groupby("patient")["role"].nunique() == 1).all()
    tested = folds[folds["role"] == "test"]
    assert sorted(tested["case"]) == sorted(folds["case"].unique())


def without_one(cases):
    return cases.assign(site=cases["site"].where(cases.index != 3))


REFUSED = {
    "a case without site": (without_one, 3, "of 48 cases have no site, for instance 0003;"),
    "no column": (lambda cases: cases.drop(columns="site"), 2, "48 of 48 cases have no site"),
    "one site": (lambda cases: cases.assign(site="a"), 2, "are of 1 sites (a); expected at least"),
    "more folds than sites": (lambda cases: cases, 4, "set folds.count to 3 or less"),
    "a patient at two sites": (
        lambda cases: cases.assign(site=["a", "b"] * (len(cases) // 2)),
        2,
        "patient p0 has cases of the sites a, b; expected one site for each patient",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_sites_that_make_no_folds_stop_with_one_line(tmp_path, name):
    change, count, message = REFUSED[name]
    with pytest.raises(DataError) as stop:
        split_by_site(tmp_path, ["a", "b", "c"], count, change)
    assert message in str(stop.value) and "\n" not in str(stop.value)
    assert not (tmp_path / "folds.tsv").exists()


def test_a_site_beside_which_one_patient_is_left_is_refused():
    cases = pd.DataFrame({"case": list("abcd"), "patient": list("1123"), "site": list("AABA")})
    (problem,) = site_problems(cases, 2)
    assert problem.code == "sites_too_few" and "have 1 patient" in problem.value
    assert [list(test) for test in site_tests(cases["site"], 2)] == [[0, 1, 3], [2]]


def test_the_data_check_says_whether_folds_can_be_made_of_sites(tmp_path):
    def of_three(data: Data) -> None:
        for number in range(1, 9):
            data.set(number, site="abc"[number % 3])

    message, table, _ = checked(of_three, tmp_path, fold_count=3, by_site=True)
    assert message == "" and "site_missing" not in set(table["code"])
    message, table, _ = checked(lambda data: None, tmp_path / "none", by_site=True)
    assert "1 errors" in message and list(table["code"]) == ["site_missing"]


def test_cases_tsv_has_a_column_site_only_where_a_site_is_known(tmp_path):
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    case = Case("a", "p", "axial", image, None, image % 2, (1.0, 1.0), "")
    (tmp_path / "cases").mkdir()
    assert "site" not in store_case(case, "a", "p", tmp_path)
    assert store_case(replace(case, site="7"), "a", "p", tmp_path)["site"] == "7"


def test_welchs_test_of_estimates_is_that_of_statsmodels():
    random = np.random.default_rng(2)
    samples = [random.normal(n / 10, 0.1 + n / 10, (6 + 5 * n, 1)) for n in range(4)]
    found = welch([of_patients(sample) for sample in samples])
    expected = anova_oneway([sample[:, 0] for sample in samples], use_var="unequal")
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.f, found.df) == pytest.approx((expected.statistic, expected.df[0]))
    assert found.df_rest == pytest.approx(expected.df[1])
    assert math.isnan(welch([Estimate(0.1, 0.0, 3), Estimate(0.2, 0.1, 3)]).p)


def test_the_variance_of_patients_and_trainings_is_that_of_a_two_way_table():
    random = np.random.default_rng(4)
    luck = random.normal(0, 0.1, (1, 4))
    values = random.normal(0, 0.2, (9, 1)) + luck + random.normal(0, 0.05, (9, 4))
    long = pd.DataFrame(
        [(p, t, values[p, t]) for p in range(9) for t in range(4)], columns=["p", "t", "y"]
    )
    squares = anova_lm(smf.ols("y ~ C(p) + C(t)", long).fit())["mean_sq"]
    found = of_patients_and_trainings(values)
    summed = squares["C(p)"] + squares["C(t)"] - squares["Residual"]
    assert found.mean == pytest.approx(values.mean())
    assert found.variance == pytest.approx(summed / values.size)
    parts = squares["C(p)"] ** 2 / 8 + squares["C(t)"] ** 2 / 3 + squares["Residual"] ** 2 / 24
    assert found.df == pytest.approx(summed**2 / parts)
    # Trainings that do not differ leave what the patients alone give.
    alone = np.repeat(values[:, :1], 4, axis=1)
    assert of_patients_and_trainings(alone) == pytest.approx(of_patients(alone))


def site_table(rows, kind="site"):
    """Patient 0 is of site a, 1 of b, 2 of a, ..."""
    number = rows["case"].str[1:].astype(int)
    group = np.where(number % 2, "b", "a")
    return pd.DataFrame({"case": rows["case"], "kind": kind, "group": group}).drop_duplicates()


def test_a_lead_that_one_site_has_is_found_and_one_that_all_have_is_not():
    rows = metrics_rows({"bce": 0.0, "focal": 0.1, "dice": 0.1}, patients=60)
    odd = rows["case"].str[1:].astype(int) % 2 == 1
    rows.loc[odd & (rows["loss"] == "focal"), "dice"] += 0.15
    table = interactions(rows, site_table(rows), QUESTION).set_index("loss")
    focal = table.loc["focal"]
    assert focal["p_holm"] < 0.001 and (focal["least"], focal["most"]) == ("a", "b")
    assert focal["most_difference"] - focal["least_difference"] == pytest.approx(0.15, abs=0.06)
    assert table.at["dice", "p"] > 0.05 and (focal["groups"], focal["patients"]) == (2, 60)
    assert list(table["note"]) == ["", ""]


def test_what_cannot_be_tested_says_why():
    rows = metrics_rows({"bce": 0.0, "focal": 0.1}, patients=30)
    same = rows.assign(patient="p" + rows["case"].str[1:].astype(int).floordiv(2).astype(str))
    (several,) = interactions(same, site_table(same), QUESTION).to_dict("records")
    assert several["note"] == SEVERAL and math.isnan(several["p"])
    one = rows[rows["case"].isin(["c0", "c1", "c2", "c4"])]  # a site with one patient
    (few,) = interactions(one.assign(fold=[1, 2] * 4), site_table(one), QUESTION).to_dict("records")
    assert few["note"] == FEW and few["groups"] == 1


def test_luck_of_trainings_that_only_one_site_has_is_no_effect_of_the_site():
    """With folds.by: site, one seed cannot tell them apart, and three make p honest."""
    rows = metrics_rows({"bce": 0.0, "focal": 0.0}, patients=20)
    rows["fold"] = 1 + rows["case"].str[1:].astype(int) % 2
    (row,) = interactions(rows, site_table(rows), QUESTION).to_dict("records")
    assert row["note"] == LUCK and math.isnan(row["p"])
    random = np.random.default_rng(8)
    honest, naive = 0, 0
    for _ in range(500):
        patients, luck = random.normal(0, 0.15, (3, 50, 1)), random.normal(0, 0.04, (3, 1, 3))
        sites = patients + luck + random.normal(0, 0.1, (3, 50, 3))
        honest += welch([of_patients_and_trainings(site) for site in sites]).p < 0.05
        naive += welch([of_patients(site) for site in sites]).p < 0.05
    assert honest / 500 < 0.07 and naive / 500 > 0.15


def test_the_site_is_a_kind_of_subgroup_where_the_data_have_one():
    table = pd.DataFrame({"case": list("abcd"), "plane": "axial", "tumour_type": math.nan})
    table = table.assign(tumour_px=0, compactness=1.0, gamma_msa=1.0)
    assert groups(table).empty
    found = groups(table.assign(site=["x", "y", math.nan, "x"]))
    assert list(found["kind"].unique()) == ["site"] and list(found["case"]) == ["a", "b", "d"]
