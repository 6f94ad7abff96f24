"""Makes pages of any size open in Snakemake's report."""

# Snakemake shows a page as a data URL in a frame. Chromium blocks data URLs above 2 MB, but allows
# blobs of any size.
_AFTER_RESULTS = '<script id="categories">'
_LARGE_PAGES = """<script>
for (const result of Object.values(results)) {
  if (result.data_uri.length > 1e6 && result.data_uri.startsWith("data:text/html")) {
    const content = atob(result.data_uri.slice(result.data_uri.indexOf(",") + 1));
    const bytes = Uint8Array.from(content, (letter) => letter.charCodeAt(0));
    result.data_uri = URL.createObjectURL(new Blob([bytes], { type: "text/html" }));
  }
}
</script>
"""


def with_large_pages(report: str) -> str:
    """The HTML of Snakemake's report with a script that turns large pages into blobs.

    Raises RuntimeError if the report has another form than expected.
    """
    if report.count(_AFTER_RESULTS) != 1:
        raise RuntimeError(
            "the form of Snakemake's report has changed: large pages would not open in it"
        )
    return report.replace(_AFTER_RESULTS, _LARGE_PAGES + _AFTER_RESULTS)
