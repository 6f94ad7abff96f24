"""Gathers every result into one self-contained page, with Snakemake's own reporter."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tumorseg.core.files import write_atomically, write_text
from tumorseg.core.places import SCRIPTS

# Snakemake shows a page as a data URL in a frame, of which Chromium blocks those above 2 MB. A blob
# may have any size.
_AFTER_RESULTS = '<script id="categories">'
_LARGE_PAGES = """<script>
for (const one of Object.values(results)) {
  if (one.data_uri.length > 1e6 && one.data_uri.startsWith("data:text/html")) {
    const content = atob(one.data_uri.slice(one.data_uri.indexOf(",") + 1));
    const bytes = Uint8Array.from(content, (letter) => letter.charCodeAt(0));
    one.data_uri = URL.createObjectURL(new Blob([bytes], { type: "text/html" }));
  }
}
</script>
"""


def with_large_pages(report: str) -> str:
    """Snakemake's report, in which pages of any size open; raises RuntimeError for another form."""
    if report.count(_AFTER_RESULTS) != 1:
        raise RuntimeError("Snakemake's report has changed: no place to let large pages open")
    return report.replace(_AFTER_RESULTS, _LARGE_PAGES + _AFTER_RESULTS)


def as_yaml(settings: dict[str, Any]) -> str:
    """Settings as a config file holds them."""
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def main(
    *,
    config: dict[str, Any],
    shown: dict[str, Any],
    target: str,
    answer_file: str,
    guide_file: str,
    settings_file: str,
    opening_file: str,
    report_file: str,
    zip_file: str,
) -> None:
    """Writes the settings as shown to others, and report.html from all that `target` asks for.

    The report opens with the answer and then the guide (opening_file: both). zip_file: the same
    with every item as a file of its own.

    A second Snakemake reads the records of the finished jobs. It gets the settings in force as its
    --configfile (a temporary one, since they may name the user's folders), and no lock and no
    profile, because the first one still holds and uses them.
    Raises RuntimeError with Snakemake's words if the report cannot be made.
    """
    parts = [Path(path).read_text(encoding="utf-8") for path in (answer_file, guide_file)]
    write_text(opening_file, "\n".join(parts))
    write_text(settings_file, as_yaml(shown))
    command = [sys.executable, "-m", "snakemake", target]
    command += ["--snakefile", str(SCRIPTS.parent / "Snakefile")]
    command += ["--nolock", "--workflow-profile", "none", "--nocolor"]

    def build(path: Path) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as settings:
            settings.write(as_yaml(config))
            settings.flush()
            done = subprocess.run(
                [*command, "--configfile", settings.name, "--report", str(path)],
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
