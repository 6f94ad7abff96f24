"""Refuses names that results would keep and that contain the user's or the machine's name."""

from collections.abc import Iterable

from tumorseg.core.problems import Problem
from tumorseg.privacy.identifiers import Seeker
from tumorseg.privacy.source_names import drop_common, of_machine

CHANGES_NO_RESULT = True  # refuses names only (workflow/code_digest.py)


def kept_problems(names: Iterable[str]) -> list[Problem]:
    """An error for each identifier of the user or the machine in names that results would keep.

    The search for names would stop the run for it at its very end.
    """
    sought = of_machine()
    first: dict[str, str] = {}  # identifier -> first name with it
    seeker = Seeker(sought)
    for name in names:
        for value in seeker.in_text(name):
            first.setdefault(value, name)
    if first:
        drop_common(sought, [])
    return [
        Problem(
            "name_kept",
            f"the name {name!r} contains the {sought.sought[value]} of this machine",
            "names without it, because identifiers.names: keep writes them into all results",
            "set identifiers.names to pseudonyms, or rename it",
        )
        for value, name in first.items()
        if value in sought.sought
    ]
