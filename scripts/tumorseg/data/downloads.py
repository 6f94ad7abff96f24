"""Downloads public archives once, resumes broken downloads, checks and unpacks them."""

import shutil
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tumorseg.core.digests import sha256
from tumorseg.core.files import write_text
from tumorseg.core.problems import DataError, error

SUMS = "SHA256SUMS"
CHUNK = 2**14  # bytes; an incomplete chunk is lost when a connection breaks
UNPACKED_MAX = 2**34  # bytes; an archive of larger content is rejected
UNREADABLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError)
WAIT_S = 1.0  # pause before the third request to a busy server; doubled for each further one
HINT = "run it again to resume the download; or download the file in a browser into data_dir"


@dataclass(frozen=True)
class Archive:
    """A published zip file. size: in bytes; members: names of the files needed from it."""

    name: str
    url: str
    size: int
    members: tuple[str, ...]


def provide(archive: Archive, folder: Path, have: set[str], timeout_s: float = 60) -> None:
    """Downloads an archive into `folder` and unpacks it there, unless that has been done.

    have: names of the needed files that exist already, in any folder. The archive is kept, and its
    SHA-256 in SHA256SUMS: from then on another file of that name is rejected. Raises DataError;
    the part that was downloaded is kept for the next run.
    """
    path = folder / archive.name
    incomplete = not have.issuperset(archive.members)
    if incomplete:
        fetch(archive, path, timeout_s)
    if path.is_file():
        _record(path)
    if incomplete:
        unpack(path, folder / path.stem, archive.members)


def fetch(archive: Archive, path: Path, timeout_s: float = 60) -> None:
    """Downloads the archive unless it exists; resumes a partial download (.part).

    A busy server is asked again automatically, five times in half a minute.
    """
    if path.is_file():
        if path.name not in recorded(path.parent):
            _verify(archive, path)  # the user put it there
        return
    part = path.with_name(f"{path.name}.part")
    done = part.stat().st_size if part.is_file() else 0
    try:
        if done < archive.size:
            _receive(archive, part, done, timeout_s)
        _verify(archive, part)
    except requests.RequestException as reason:
        received = part.stat().st_size if part.is_file() else 0
        value = f"stopped at {received} of {archive.size} bytes ({type(reason).__name__})"
        raise _failed(archive, "download_broken", value) from None
    except DataError as stop:
        if stop.problem.code not in ("download_broken", "download_refused"):
            part.unlink(missing_ok=True)
        raise
    part.replace(path)


def _receive(archive: Archive, part: Path, done: int, timeout_s: float) -> None:
    headers = {"Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    busy = Retry(total=5, backoff_factor=WAIT_S, status_forcelist=(429, 500, 502, 503, 504))
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=busy))
        session.mount("https://", HTTPAdapter(max_retries=busy))
        with session.get(archive.url, headers=headers, stream=True, timeout=timeout_s) as answer:
            resumed = answer.status_code == 206
            if answer.status_code == 416:
                value = f"the server's file has fewer than {done} bytes"
                raise _failed(archive, "download_length", value)
            if not resumed and answer.status_code != 200:
                value = f"the server answered {answer.status_code}"
                raise _failed(archive, "download_refused", value)
            if resumed and not answer.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
                raise _failed(archive, "download_refused", "the server sent a different part")
            length = answer.headers.get("Content-Length", "")
            left = archive.size - (done if resumed else 0)
            if length.isdecimal() and int(length) != left:
                value = f"the server has {length} bytes to send instead of {left}"
                raise _failed(archive, "download_length", value)
            with part.open("ab" if resumed else "wb") as file:
                for chunk in answer.iter_content(CHUNK):
                    file.write(chunk[: max(archive.size + 1 - file.tell(), 0)])


def _verify(archive: Archive, file: Path) -> None:
    """Checks the length and the zip's own checksums, before its SHA-256 is recorded."""
    size = file.stat().st_size
    if size < archive.size:
        value = f"ended at {size} of {archive.size} bytes"
        raise _failed(archive, "download_broken", value)
    if size > archive.size:
        value = f"larger than the published {archive.size} bytes"
        raise _failed(archive, "download_length", value)
    try:
        with zipfile.ZipFile(file) as opened:
            _reject_unsafe(opened, archive.name)
            damaged = opened.testzip()
    except UNREADABLE:
        damaged = "its list of files"
    if damaged:
        raise _failed(archive, "download_damaged", f"damaged in {damaged!r:.80}")


def _failed(archive: Archive, code: str, value: str) -> DataError:
    return error(code, value, f"the file {archive.url}", HINT, archive.name)


def recorded(folder: Path) -> dict[str, str]:
    """File name -> SHA-256, from SHA256SUMS of a folder (`sha256sum -c` reads that file too)."""
    path = folder / SUMS
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return {name.lstrip("*"): digest for digest, name in pairs}


def _record(path: Path) -> None:
    sums = recorded(path.parent)
    current = sha256(path)
    known = sums.setdefault(path.name, current)
    if known != current:
        value = f"SHA-256 {current[:16]}... is not that of the first download"
        hint = (
            f"remove the file to download it again, or its line in {SUMS} if the change is intended"
        )
        raise error("download_changed", value, f"{known[:16]}...", hint, str(path))
    lines = [f"{digest}  {name}\n" for name, digest in sorted(sums.items())]
    write_text(path.parent / SUMS, "".join(lines))


def unpack(path: Path, target: Path, members: tuple[str, ...]) -> None:
    """Unpacks the needed members of a zip into a new folder, all directly in it, or none.

    Rejects a zip if any member has a path out of its folder, an absolute path, is a link or
    encrypted, or if all members together have more than UNPACKED_MAX bytes.
    """
    if target.exists():
        hint = "remove the folder to unpack it again"
        raise error("archive_content", "files are missing", "all files", hint, str(target))
    temporary = target.with_name(f".tmp-{target.name}")
    shutil.rmtree(temporary, ignore_errors=True)  # left by a killed run
    temporary.mkdir()
    try:
        with zipfile.ZipFile(path) as opened:
            _reject_unsafe(opened, path.name)
            packed = {PurePosixPath(item.filename).name: item for item in opened.infolist()}
            absent = [name for name in members if name not in packed]
            if absent:
                value = f"{len(absent)} of the files are missing, such as {absent[0]}"
                hint = "remove it to download it again"
                raise error("archive_content", value, "the published files", hint, path.name)
            for name in members:
                with opened.open(packed[name]) as source, (temporary / name).open("wb") as file:
                    shutil.copyfileobj(source, file)
        temporary.rename(target)
    except UNREADABLE as reason:
        value = f"cannot be unpacked ({type(reason).__name__})"
        hint = "remove it to download it again"
        raise error("archive_damaged", value, "a complete zip file", hint, path.name) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _reject_unsafe(opened: zipfile.ZipFile, name: str) -> None:
    for item in opened.infolist():
        # orig_filename, because zipfile silently changes names with a NUL or a backslash.
        place = PurePosixPath(item.orig_filename.replace("\\", "/"))
        leaves = place.is_absolute() or ".." in place.parts or ":" in item.orig_filename
        link = stat.S_ISLNK(item.external_attr >> 16)
        if leaves or link or "\0" in item.orig_filename or item.flag_bits & 1:
            value = f"contains {item.orig_filename!r:.80}"
            expected = "only regular files inside its own folder, not encrypted"
            hint = "do not unpack it; download it again from its publisher"
            raise error("archive_unsafe", value, expected, hint, name)
    size = sum(item.file_size for item in opened.infolist())
    if size > UNPACKED_MAX:
        value = f"unpacks to {size / 2**30:.0f} GiB"
        hint = "download it again from its publisher"
        raise error("archive_unsafe", value, f"at most {UNPACKED_MAX >> 30} GiB", hint, name)
