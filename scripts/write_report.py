"""Writes the report: all results in one self-contained page, made by Snakemake's reporter."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tumorseg.core.files import write_atomically, write_text
from tumorseg.core.places import SCRIPTS
from tumorseg.reporting.large_pages import with_large_pages


def as_yaml(settings: dict[str, Any]) -> str:
    """Settings as the text of a config file."""
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def main(
    *,
    config: dict[str, Any],
    shown: dict[str, Any],
    target: str,
    answer_file: str,
    registration_text: str,
    guide_file: str,
    settings_file: str,
    opening_file: str,
    report_file: str,
    zip_file: str,
    outside_words: str | list = "",
    storage: list[str] | tuple = (),
) -> None:
    """Writes the settings and the report of everything that the rule `target` collects.

    A second Snakemake process reads the records of the finished jobs. Its config is a temporary
    file, since the settings in force may name the user's folders. It takes no lock and no profile,
    because the first process holds the lock.

    Args:
        config: the settings in force.
        shown: the settings without the user's folders, for settings_file.
        target: the rule whose inputs the report shows.
        answer_file: the answer, first text of the report.
        outside_words: what the outside data say, where there are any.
        registration_text: whether what was run was registered.
        guide_file: how to read the report, the last text.
        settings_file: the settings to publish.
        opening_file: these texts as one.
        report_file: the report as a single page.
        zip_file: the report with every item as a separate file.
        storage: the options of Snakemake that name the storage of the results, if there is one.

    Raises:
        RuntimeError: the report cannot be made; with Snakemake's output.
    """
    texts = [path for path in (answer_file, outside_words, registration_text, guide_file) if path]
    parts = [Path(path).read_text(encoding="utf-8") for path in texts]
    write_text(opening_file, "\n".join(parts))
    write_text(settings_file, as_yaml(shown))
    command = [sys.executable, "-m", "snakemake", target]
    command += ["--snakefile", str(SCRIPTS.parent / "Snakefile")]
    command += ["--nolock", "--profile", "none", "--workflow-profile", "none", "--nocolor"]
    # On a cluster there is no number of cores to take from the first process.
    command += [*storage, "--cores", "1"]

    def build(path: Path) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as settings:
            settings.write(as_yaml(config))
            settings.flush()
            done = subprocess.run(
                [*command, "--configfile", settings.name, "--report", str(path)],
                env=os.environ | {"TUMORSEG_OPENING": str(Path(opening_file).resolve())},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        if done.returncode:
            raise RuntimeError(f"snakemake --report failed:\n{done.stdout}")
        if path.suffix == ".html":
            report = path.read_text(encoding="utf-8")
            path.write_text(with_large_pages(report), encoding="utf-8")

    write_atomically(report_file, build)
    write_atomically(zip_file, build)
    print(f"The report: {report_file}", flush=True)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
