"""Keyed pseudonyms: what patients and cases are called in everything that is written."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from tumorseg.core.errors import UserError
from tumorseg.privacy.local import local_only

KEY_FILE = "pseudonym.key"
DIGITS = 10  # hexadecimal: among 10,000 names two are alike once in 20,000 keys


def secret_key(path: Path, *, make: bool) -> bytes:
    """The 32 bytes that the file holds as hexadecimal digits; with `make`, made if it is missing.

    A new file can be read by its owner alone. Raises UserError for a file that holds no such key.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        if not make:
            raise UserError(
                f"{path}: no such key file; give the path of the key that the names were made with,"
                " or empty identifiers.key_file for a new one"
            ) from None
        return _new_key(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise UserError(f"{path}: the key file cannot be read ({reason})") from None
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise UserError(
            f"{path}: not a key: expected 64 hexadecimal digits; restore it from a copy, or delete "
            "it for a new key (all names then change)"
        )
    return bytes.fromhex(text)


def _new_key(path: Path) -> bytes:
    key = secrets.token_bytes(32)
    local_only(path.parent)
    temporary = path.with_name(f".tmp-{secrets.token_hex(4)}")
    try:
        temporary.touch(mode=0o600, exist_ok=False)
        temporary.write_text(key.hex() + "\n", encoding="ascii")
        path.hardlink_to(temporary)  # fails where another run has made one meanwhile
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
    """Turns ("patient" or "case", name) into what it is called in the results.

    names: "pseudonyms" or "keep" (config key identifiers.names). key_file: the configured file;
    empty: pseudonym.key in local_root, made when it is first needed.
    """
    if names == "keep":
        return lambda kind, name: name
    path = Path(key_file).expanduser() if key_file else local_root / KEY_FILE
    key = secret_key(path, make=not key_file)
    return lambda kind, name: pseudonym(key, kind, name)


def secret(names: str, key_file: str, local_root: Path) -> str:
    """The key of the pseudonyms as its file holds it; empty where none is used or made."""
    path = Path(key_file).expanduser() if key_file else local_root / "pseudonym.key"
    if names == "keep" or not path.is_file():
        return ""
    return re.sub(r"\s", "", path.read_text(encoding="ascii", errors="replace"))
