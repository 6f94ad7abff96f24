"""Folds made of sites: the patients of a site are tested by trainings that saw none of the site.

As many folds as sites leave one site out each; with fewer folds, a fold tests several sites.
"""

import numpy as np
import pandas as pd

from tumorseg.core.problems import Problem

FEWEST = 2  # patients outside a fold's sites: one to train with, one to choose the epoch by


def site_problems(cases: pd.DataFrame, count: int) -> list[Problem]:
    """What keeps `count` folds from being made of sites; the first is the most basic.

    cases: case, patient, and site where any case has one, one row per case.
    """
    sites = cases["site"] if "site" in cases else pd.Series(np.nan, cases.index, dtype=object)
    sites = sites.replace("", np.nan)
    without = cases.loc[sites.isna(), "case"]
    if len(without):
        value = f"folds.by is site, and {len(without)} of {len(cases)} cases have no site"
        value += f", for instance {without.iloc[0]}"
        hint = "fill the column `site` of the table, or remove folds.by"
        return [Problem("site_missing", value, "a site for every case", hint)]
    names = list(dict.fromkeys(sites))
    if len(names) < max(2, count):
        value = f"folds.by is site, and the cases are of {len(names)} sites ({_listed(names)})"
        expected = f"at least {max(2, count)}, one for each of folds.count"
        hint = f"set folds.count to {len(names)} or less" if len(names) > 1 else "remove folds.by"
        return [Problem("sites_too_few", value, expected, hint)]
    problems = []
    for patient, own in sites.groupby(cases["patient"], sort=False):
        if own.nunique() > 1:
            value = f"patient {patient} has cases of the sites {_listed(list(own.unique()))}"
            expected = "one site for each patient, because folds.by is site"
            hint = "name the site where most were made for all, or give two persons two names"
            problems.append(Problem("patient_sites", value, expected, hint))
    for number, test in enumerate([] if problems else site_tests(sites, count), 1):
        outside = cases["patient"].drop(cases.index[test]).nunique()
        if outside < FEWEST:
            tested = _listed(list(sites.iloc[test].unique()))
            value = f"fold {number} tests {tested}, and the other sites have {outside} patient"
            expected = f"at least {FEWEST} outside the tested sites, to train and to validate"
            problems.append(Problem("sites_too_few", value, expected, "add patients"))
    return problems


def _listed(names: list[str]) -> str:
    return ", ".join(map(str, names[:8])) + (", ..." if len(names) > 8 else "")


def site_tests(sites: pd.Series, count: int) -> list[np.ndarray]:
    """The positions of each fold's test cases, ascending; folds in the order of their first cases.

    sites: of each case. Sites are dealt to the folds so that these have about as many cases.
    """
    # Trainings never import this module: scikit-learn starts slowly.
    from sklearn.model_selection import GroupKFold

    groups = pd.factorize(sites)[0]
    tests = [test for _, test in GroupKFold(count).split(groups, groups=groups)]
    return sorted(tests, key=lambda test: int(test[0]))
