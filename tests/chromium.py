"""Pages in a headless Chromium, for the tests of the case browser and of the report."""

import base64
import json
import re
import shutil
from contextlib import contextmanager

import pytest

from tumorseg.reporting.large_pages import with_large_pages


@contextmanager
def browser(path, width=1280):
    """Opens a page in Chromium; tab.complaints lists its errors and requests to the network."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium here: PAGES NOT TRIED in a browser; apt-get install chromium")
    with playwright.sync_playwright() as driver:
        window = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = window.new_page(viewport={"width": width, "height": 900})
        tab.complaints = []
        tab.on(
            "console",
            lambda line: tab.complaints.append(line.text) if line.type == "error" else None,
        )
        tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.on(
            "request",
            lambda sent: (
                None if re.match("file|data|blob", sent.url) else tab.complaints.append(sent)
            ),
        )
        tab.goto(f"file://{path}")
        yield tab
        window.close()


def report_with(page, path):
    """Writes a report to `path` that holds a page of over 2 MB, as Snakemake's holds it."""
    content = page.read_bytes() + b"<!--" + b" " * 3_000_000 + b"-->"
    result = {"data_uri": f"data:text/html;base64,{base64.b64encode(content).decode()}"}
    report = (
        f'<script id="results">var results = {json.dumps({"cases.html": result})};</script>'
        '<script id="categories"></script><iframe></iframe>'
        '<script>document.querySelector("iframe").src = results["cases.html"].data_uri;</script>'
    )
    path.write_text(with_large_pages(report), encoding="utf-8")
