"""Writes the first page of the results: the verdict in a sentence, a figure, and tiles."""

from pathlib import Path

import yaml

from tumorseg.core.files import read_table
from tumorseg.registration.review import AS_REGISTERED
from tumorseg.reporting.answer_page import Link, Page, write_page
from tumorseg.reporting.answer_tiles import (
    how_elsewhere,
    how_expensive,
    how_fair,
    how_good,
    how_sure,
)
from tumorseg.reporting.answer_warnings import warnings
from tumorseg.statistics.comparison import Question
from tumorseg.statistics.plain_words import plain_verdict


def main(
    *,
    verdicts_table: str,
    ranking_table: str,
    convergence_table: str,
    fairness_table: str,
    table2: str,
    cases_table: str,
    settings_files: list[str],
    answer_file: str,
    registration_text: str,
    page: str,
    experiment: str,
    recipe: str,
    reference_loss: str,
    generated: bool,
    links: list[list[str]],
    outside_words: str = "",
    external_table: str = "",
    external_contrasts_table: str = "",
) -> None:
    """Writes the page.

    Args:
        verdicts_table, ranking_table: of `analyse`; convergence_table, fairness_table: of
            `check_convergence`; table2: of `compare`; cases_table: cases.tsv.
        settings_files: settings.yaml of every training.
        answer_file: the statistician's paragraph; registration_text: that of the registration.
        page: written.
        experiment, recipe, reference_loss: of the question.
        generated: whether the images are the phantom's.
        links: path and text of what to look at next.
        outside_words, external_table, external_contrasts_table: of the outside data, where there
            are any.
    """
    verdicts = read_table(verdicts_table, ("reason", "decision"))
    convergence, fairness = (
        table[table["recipe"] == recipe]
        for table in (read_table(convergence_table), read_table(fairness_table))
    )
    facts = [yaml.safe_load(Path(path).read_text(encoding="utf-8")) for path in settings_files]
    facts = [fact for fact in facts if fact["recipe"] == recipe]
    order = read_table(ranking_table).query("recipe == @recipe").dropna(subset=["mean"])
    best = str(order["loss"].iloc[0]) if len(order) else reference_loss
    cases = read_table(cases_table)
    verdict = plain_verdict(verdicts, cases["patient"].nunique(), best)
    registered = Path(registration_text).read_text(encoding="utf-8").strip()
    as_planned = registered.startswith(AS_REGISTERED)
    tiles = [how_sure(verdicts)] if len(verdicts) else []
    tiles += [
        how_fair(convergence, fairness, registered if as_planned else ""),
        how_good(read_table(table2), recipe, best, reference_loss),
        how_expensive(facts, best),
    ]
    paragraph = Path(answer_file).read_text(encoding="utf-8").strip()
    if outside_words:
        outside = read_table(external_table), read_table(external_contrasts_table)
        question = Question(recipe, reference_loss)
        tiles.insert(-1, how_elsewhere(*outside, question, best))
        paragraph += " " + Path(outside_words).read_text(encoding="utf-8").strip()
    unregistered = "" if as_planned else registered
    shown = Page(
        study=f"{experiment}: {len(cases)} images of {cases['patient'].nunique()} patients",
        verdict=verdict.verdict,
        further=verdict.further,
        warnings=warnings(generated, convergence, fairness, facts, unregistered),
        verdicts=verdicts,
        tiles=tiles,
        paragraph=paragraph,
        links=[Link(*link) for link in links],
    )
    write_page(page, shown)
    print(" ".join(part for part in verdict if part))


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
