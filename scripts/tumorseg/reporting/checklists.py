"""CLAIM 2024 and TRIPOD+AI as tables: filled with what the run knows, the rest for the author.

checklists/*.yaml hold the items: number, section, topic in our own words, the facts that answer it,
and what the author still has to write.
"""

from pathlib import Path

import pandas as pd
import yaml

from tumorseg.reporting import checklist_data, checklist_study
from tumorseg.reporting.checklist_evidence import FACTS, Evidence

ITEMS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted(Path(__file__).with_suffix("").glob("*.yaml"))
}
MODULES = (checklist_data, checklist_study)  # their facts are in FACTS once they are imported
COLUMNS = ("item", "section", "topic", "status", "from_this_run", "shown_in_report", "for_author")
FILLED, PARTLY, OPEN = "filled", "in part", "author"


def filled(name: str, run: Evidence) -> pd.DataFrame:
    """A checklist with a row for each item. name: of its file in checklists/.

    status: filled (by the run alone), in part, or author (the run knows nothing of it).
    """
    rows = []
    for item in ITEMS[name]:
        found = {fact: text for fact in item["facts"] if (text := FACTS[fact][0](run))}
        complete = item.get("complete", False) and len(found) == len(item["facts"])
        status = OPEN if not found else FILLED if complete else PARTLY
        places = dict.fromkeys(FACTS[fact][1] for fact in found)
        rows.append(
            (
                *(str(item[key]) for key in ("item", "section", "topic")),
                status,
                ". ".join(text[:1].upper() + text[1:] for text in found.values()),
                "; ".join(places),
                "" if complete else item["author"],
            )
        )
    return pd.DataFrame(rows, columns=COLUMNS)
