"""Keyed pseudonyms: the names of patients and cases in all results."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypedDict

from tumorseg.core.errors import UserError
from tumorseg.privacy.local import local_only

KEY_FILE = "pseudonym.key"
DIGITS = 10  # hexadecimal; among 10,000 names two are equal for one key in 20,000


class IdentifierSettings(TypedDict):
    """The config's `identifiers`. key_file: empty for KEY_FILE in the root of local folders."""

    names: Literal["pseudonyms", "keep"]
    key_file: str


def secret_key(path: Path, *, make: bool) -> bytes:
    """The 32 bytes of a key file, which contains them as hexadecimal digits.

    With `make`, a missing file is created, readable only by its owner. Raises UserError for a file
    that contains no key.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        if not make:
            raise UserError(
                f"{path}: no such key file; give the path of the key that made the names, or leave "
                "identifiers.key_file empty for a new key"
            ) from None
        return _new_key(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise UserError(f"{path}: the key file cannot be read ({reason})") from None
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise UserError(
            f"{path}: not a key; expected 64 hexadecimal digits; restore it from a copy, or delete "
            "it to make a new key (all names then change)"
        )
    return bytes.fromhex(text)


def _new_key(path: Path) -> bytes:
    key = secrets.token_bytes(32)
    local_only(path.parent)
    temporary = path.with_name(f".tmp-{secrets.token_hex(4)}")
    try:
        temporary.touch(mode=0o600, exist_ok=False)
        temporary.write_text(key.hex() + "\n", encoding="ascii")
        path.hardlink_to(temporary)  # fails if another run has made the key meanwhile
    except FileExistsError:
        return secret_key(path, make=False)
    finally:
        temporary.unlink(missing_ok=True)
    return key


def pseudonym(key: bytes, kind: str, name: str) -> str:
    """The kind's first letter and ten hexadecimal digits of HMAC-SHA256(key, "<kind>:<name>")."""
    digest = hmac.new(key, f"{kind}:{name}".encode(), hashlib.sha256).hexdigest()
    return kind[0] + digest[:DIGITS]


def namer(names: str, key_file: str, local_root: Path) -> Callable[[str, str], str]:
    """Returns a function of ("patient" or "case", name) that gives the name in the results.

    names: "pseudonyms" or "keep" (config key identifiers.names). key_file: the configured file; if
    empty, KEY_FILE in local_root, which is made on first use.
    """
    if names == "keep":
        return lambda kind, name: name
    key = secret_key(_key_path(key_file, local_root), make=not key_file)
    return lambda kind, name: pseudonym(key, kind, name)


def _key_path(key_file: str, local_root: Path) -> Path:
    return Path(key_file).expanduser() if key_file else local_root / KEY_FILE


def key_text(key_file: str, local_root: Path) -> str:
    """The text of the key file without spaces; empty where there is none that can be read."""
    try:
        text = _key_path(key_file, local_root).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    return re.sub(r"\s", "", text)
