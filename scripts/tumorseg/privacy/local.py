"""Folders whose content may name source files and patients, and the mark that says so."""

from pathlib import Path

from tumorseg.core.files import write_text

LOCAL_MARK = "LOCAL_ONLY.txt"  # lies in every folder that may name source files


def local_only(folder: str | Path) -> Path:
    """Makes a folder of which the content may name source files and patients, and marks it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / LOCAL_MARK).exists():
        write_text(
            folder / LOCAL_MARK,
            "This folder may name your source files and patients. Keep it on this machine: do not\n"
            "share it and do not put it under version control. results/ does without it.\n",
        )
    return folder
