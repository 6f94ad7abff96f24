"""Pages in a headless Chromium, for the tests of the case browser and of the report."""

import re
import shutil
from contextlib import contextmanager

import pytest


@contextmanager
def browser(path, width=1280):
    """The page in Chromium, and what it asked for and complained about."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium here: PAGES NOT TRIED in a browser; apt-get install chromium")
    with playwright.sync_playwright() as driver:
        window = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = window.new_page(viewport={"width": width, "height": 900})
        tab.seen = []
        tab.on("console", lambda line: tab.seen.append(line.text) if line.type == "error" else None)
        tab.on("pageerror", lambda error: tab.seen.append(str(error)))
        tab.on(
            "request",
            lambda asked: None if re.match("file|data|blob", asked.url) else tab.seen.append(asked),
        )
        tab.goto(f"file://{path}")
        yield tab
        window.close()
