"""The part of the check's page that lists cases to take out, for copying into an experiment."""

import json
from html import escape

import pandas as pd


def to_exclude(problems: pd.DataFrame, excluded: list[str]) -> str:
    """HTML with the cases with errors, and those with warnings only, as settings to copy.

    problems: severity and case, which is empty for problems of no single case. excluded: the cases
    that are taken out already. Empty where there is no such case.
    """
    parts = []
    kinds = {
        kind: list(dict.fromkeys(problems.loc[problems["severity"] == kind, "case"]))
        for kind in ("error", "warning")
    }
    kinds["warning"] = [case for case in kinds["warning"] if case not in kinds["error"]]
    for kind, given in kinds.items():
        if cases := list(filter(None, given)):
            # A name in JSON's quotes is valid YAML, whatever is in it.
            names = [
                json.dumps(case, ensure_ascii=False) for case in dict.fromkeys([*excluded, *cases])
            ]
            text = escape("\n  - ".join(["source:\n  exclude:", *names]), quote=False)
            what = f"Cases with {'errors' if kind == 'error' else 'warnings only'}: {len(cases):,}"
            parts.append(f"<details><summary>{what}</summary><pre>{text}</pre></details>")
    if not parts:
        return ""
    return (
        "<h2>Cases to take out</h2><p>Better correct what is wrong. To leave cases out, copy the "
        "lines into your experiment's file; a report says how many were left out."
        f"{' The list contains those that are left out now.' if excluded else ''}</p>"
        + "".join(parts)
    )
