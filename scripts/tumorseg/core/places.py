"""Where the library and the scripts lie; every other module asks here."""

from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[1]
SCRIPTS = LIBRARY.parent
