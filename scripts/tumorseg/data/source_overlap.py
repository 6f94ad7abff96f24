"""Whether outside data are among the inside ones: identical images, patients of equal names."""

import pandas as pd

from tumorseg.core.problems import Problem, warning

SHOWN = 5  # patients listed in the warning


def problems(inside: pd.DataFrame, outside: pd.DataFrame) -> list[Problem]:
    """An error where an image is in both; a warning where a patient of each has the same name.

    inside, outside: case, patient and digest (of the pixels, empty for a blank image, because all
    blank images are alike). Names are no error, as many hospitals number their patients from 1.
    """
    found = []
    drawn = outside[outside["digest"] != ""]
    same = drawn.merge(inside, on="digest", suffixes=("", "_inside"))
    if len(same):
        first = same.iloc[0]
        found.append(
            Problem(
                "outside_inside",
                f"external: {same['case'].nunique()} of {len(outside)} images are among the inside "
                f"ones, such as {first['case']} (inside {first['case_inside']})",
                "images of which no training has seen one",
                "take them out with external.exclude or source.exclude, or name other data",
            )
        )
    common = equal_names(inside, outside)
    if common:
        listed = ", ".join(common[:SHOWN]) + (", ..." if len(common) > SHOWN else "")
        found.append(
            warning(
                "outside_patient",
                f"external: {len(common)} patients have the name of an inside patient ({listed})",
                "other patients",
                "if they are the same persons, take them out with external.exclude",
            )
        )
    return found


def equal_names(inside: pd.DataFrame, outside: pd.DataFrame) -> list[str]:
    """The names, or pseudonyms, of patients that both have, sorted."""
    return sorted(set(inside["patient"]) & set(outside["patient"]))
