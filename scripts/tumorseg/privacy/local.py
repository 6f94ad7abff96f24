"""Makes local folders, which may name source files and patients, and marks them."""

from pathlib import Path

from tumorseg.core.files import write_text

LOCAL_MARK = "LOCAL_ONLY.txt"  # marks every folder that may name source files


def local_only(folder: str | Path) -> Path:
    """Makes a folder that may name source files and patients, and puts LOCAL_MARK into it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / LOCAL_MARK).exists():
        text = Path(__file__).with_name("local_only.txt").read_text(encoding="utf-8")
        write_text(folder / LOCAL_MARK, text)
    return folder
