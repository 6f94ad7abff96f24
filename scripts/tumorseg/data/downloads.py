"""Public archives: downloaded once, continued where a download broke off, checked, unpacked."""

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
CHUNK = 2**14  # bytes; what a connection breaks off in the middle of is lost
UNPACKED_MAX = 2**34  # bytes that one archive may unpack to
UNREADABLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError)
WAIT_S = 1.0  # before a busy server is asked a third time; twice as long each time after
BY_HAND = "run it again: it goes on from there; or download it in a browser into data_dir"


@dataclass(frozen=True)
class Archive:
    """A zip file to be had. size: bytes; members: names of the files in it that are wanted."""

    name: str
    url: str
    size: int
    members: tuple[str, ...]


def provide(archive: Archive, folder: Path, have: set[str], timeout_s: float = 60) -> None:
    """Downloads an archive into `folder` and unpacks it beside itself, as far as that is to do.

    have: names of the wanted files that are there already, wherever. The archive is kept, and its
    SHA-256 in SHA256SUMS: another file of that name is refused from then on. Raises DataError; what
    was downloaded by then is kept for the next run.
    """
    path = folder / archive.name
    to_do = not have.issuperset(archive.members)
    if to_do:
        fetch(archive, path, timeout_s)
    if path.is_file():
        _remember(path)
    if to_do:
        unpack(path, folder / path.stem, archive.members)


def fetch(archive: Archive, path: Path, timeout_s: float = 60) -> None:
    """Downloads the archive unless it is there; what is there of it (.part) is continued.

    A busy server is asked again by itself, five times in half a minute.
    """
    if path.is_file():
        if path.name not in recorded(path.parent):
            _verify(archive, path)  # somebody put it there
        return
    part = path.with_name(f"{path.name}.part")
    done = part.stat().st_size if part.is_file() else 0
    try:
        if done < archive.size:
            _receive(archive, part, done, timeout_s)
        _verify(archive, part)
    except requests.RequestException as reason:
        there = part.stat().st_size if part.is_file() else 0
        value = f"broke off at {there} of {archive.size} bytes ({type(reason).__name__})"
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
            goes_on = answer.status_code == 206
            if answer.status_code == 416:
                raise _failed(archive, "download_length", f"the server has less than {done} bytes")
            if not goes_on and answer.status_code != 200:
                value = f"the server answers {answer.status_code}"
                raise _failed(archive, "download_refused", value)
            if goes_on and not answer.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
                raise _failed(archive, "download_refused", "the server sends another part")
            length = answer.headers.get("Content-Length", "")
            left = archive.size - (done if goes_on else 0)
            if length.isdecimal() and int(length) != left:
                value = f"the server has {length} bytes instead of {left}"
                raise _failed(archive, "download_length", value)
            with part.open("ab" if goes_on else "wb") as file:
                for chunk in answer.iter_content(CHUNK):
                    file.write(chunk[: max(archive.size + 1 - file.tell(), 0)])


def _verify(archive: Archive, file: Path) -> None:
    """Length, and the checksums inside the zip, before its SHA-256 is taken for good."""
    found = file.stat().st_size
    if found < archive.size:
        value = f"ended at {found} of {archive.size} bytes"
        raise _failed(archive, "download_broken", value)
    if found > archive.size:
        value = f"more than the published {archive.size} bytes"
        raise _failed(archive, "download_length", value)
    try:
        with zipfile.ZipFile(file) as opened:
            _refuse_dangers(opened, archive.name)
            damaged = opened.testzip()
    except UNREADABLE:
        damaged = "its list of files"
    if damaged:
        raise _failed(archive, "download_damaged", f"came with wrong bytes in {damaged!r:.80}")


def _failed(archive: Archive, code: str, value: str) -> DataError:
    return error(code, value, f"the file {archive.url}", BY_HAND, archive.name)


def recorded(folder: Path) -> dict[str, str]:
    """File name -> SHA-256, as SHA256SUMS of a folder has it (`sha256sum -c` reads it too)."""
    path = folder / SUMS
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return {name.lstrip("*"): digest for digest, name in pairs}


def _remember(path: Path) -> None:
    sums = recorded(path.parent)
    found = sha256(path)
    known = sums.setdefault(path.name, found)
    if known != found:
        value = f"SHA-256 {found[:16]}... is not that of the first download"
        hint = f"remove the file to download it again, or its line in {SUMS} if the change is meant"
        raise error("download_changed", value, f"{known[:16]}...", hint, str(path))
    lines = [f"{digest}  {name}\n" for name, digest in sorted(sums.items())]
    write_text(path.parent / SUMS, "".join(lines))


def unpack(path: Path, target: Path, members: tuple[str, ...]) -> None:
    """Unpacks the wanted members of a zip into a new folder, flat; it appears whole or not at all.

    A zip with a path that leaves its folder, an absolute path, a link, an encrypted file or more
    than UNPACKED_MAX bytes is refused as a whole, whatever of it is wanted.
    """
    if target.exists():
        hint = "remove the folder, so that it is unpacked again"
        raise error("archive_content", "files are missing", "all files", hint, str(target))
    temporary = target.with_name(f".tmp-{target.name}")
    shutil.rmtree(temporary, ignore_errors=True)  # what a killed run left
    temporary.mkdir()
    try:
        with zipfile.ZipFile(path) as opened:
            _refuse_dangers(opened, path.name)
            found = {PurePosixPath(item.filename).name: item for item in opened.infolist()}
            absent = [name for name in members if name not in found]
            if absent:
                value = f"lacks {len(absent)} of the files, {absent[0]} among them"
                hint = "remove it to download it again"
                raise error("archive_content", value, "the published files", hint, path.name)
            for name in members:
                with opened.open(found[name]) as source, (temporary / name).open("wb") as file:
                    shutil.copyfileobj(source, file)
        temporary.rename(target)
    except UNREADABLE as reason:
        value = f"not a zip file that can be unpacked ({type(reason).__name__})"
        hint = "remove it to download it again"
        raise error("archive_damaged", value, "a whole zip file", hint, path.name) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _refuse_dangers(opened: zipfile.ZipFile, name: str) -> None:
    for item in opened.infolist():
        # orig_filename: zipfile itself would quietly turn what follows a NUL or a backslash.
        place = PurePosixPath(item.orig_filename.replace("\\", "/"))
        leaves = place.is_absolute() or ".." in place.parts or ":" in item.orig_filename
        link = stat.S_ISLNK(item.external_attr >> 16)
        if leaves or link or "\0" in item.orig_filename or item.flag_bits & 1:
            value = f"holds {item.orig_filename!r:.80}"
            expected = "plain files below its own folder, not encrypted"
            hint = "do not unpack it; download it again from its publisher"
            raise error("archive_unsafe", value, expected, hint, name)
    size = sum(item.file_size for item in opened.infolist())
    if size > UNPACKED_MAX:
        value = f"unpacks to {size / 2**30:.0f} GiB"
        hint = "download it again from its publisher"
        raise error("archive_unsafe", value, f"at most {UNPACKED_MAX >> 30} GiB", hint, name)
