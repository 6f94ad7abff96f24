"""The folders of the library and the scripts; other modules import them from here."""

from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[1]
SCRIPTS = LIBRARY.parent
