"""Extracts all text of a file, also from archives, compressed streams, metadata and base64."""

import base64
import binascii
import gzip
import html
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from urllib.parse import unquote

import h5py
import numpy as np

# Characters. Data that are not text contain shorter words by chance.
IN_DATA = 8
_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}(?:\s+[A-Za-z0-9+/]{16,})*={0,2}")
_BASE64_MARKED = re.compile(r"base64,\s*[A-Za-z0-9+/]{16,}(?:\s+[A-Za-z0-9+/]{16,})*={0,2}")
_CODE_POINT = re.compile(r"\\u([0-9a-fA-F]{4})")
_PDF_STREAM = re.compile(rb"<<((?:(?!endobj).)*?)>>\s*stream\r?\n(.*?)endstream", re.DOTALL)
_PDF_GLYPHS = re.compile(r"/Differences\s*\[.*?\]|/CharProcs.*?>>", re.DOTALL)
_PDF_KERNING = re.compile(r"\)\s*-?[\d.]+\s*\(")
_PDF_HEX = re.compile(r"<((?:[0-9A-Fa-f]{2}\s*){4,})>")

_READABLE = re.compile(rb"[\t -~]{%d,}" % IN_DATA)
_BROKEN = (ValueError, OSError, EOFError, LookupError, RuntimeError, zlib.error, zipfile.BadZipFile)

# A text, and the length from which a word in it is not there by chance.
TextAndLength = tuple[str, int]


def texts(data: bytes) -> Iterator[TextAndLength]:
    """Yields every text in a file's content, and the length from which a word in it counts.

    Unpacks zip, gzip, zlib, base64 and PDF streams. Of PNG, JPEG, HDF5 and NPY it yields metadata
    and names, not pixels and numbers. Text may be UTF-8 or UTF-16; escapes of HTML, JSON and URLs
    are also yielded decoded. Of unknown content it yields what reads as text.
    """
    for magic, read in _READERS.items():
        if data.startswith(magic):
            try:
                yield from read(data)
            except _BROKEN:
                yield from _unknown(data)
            return
    yield from _plain(data)


def _plain(data: bytes) -> Iterator[TextAndLength]:
    even, odd = data[::2].count(0), data[1::2].count(0)
    wide = max(even, odd) > 0.4 * len(data) / 2 and min(even, odd) < 0.1 * len(data) / 2
    try:
        if wide:
            text = data[: len(data) // 2 * 2].decode("utf-16-be" if even > odd else "utf-16-le")
        else:
            text = data.decode("utf-8")
            if "\0" in text:
                raise ValueError("not text")
    except ValueError:
        yield from _unknown(data)
        return
    # Marked base64 is removed, because its letters spell short words by chance.
    for match in _BASE64.finditer(text):
        yield from _decoded(match[0])
    yield from spellings(_BASE64_MARKED.sub(" ", text))


def spellings(text: str) -> Iterator[TextAndLength]:
    """A text as it is, and with the escapes of HTML, JSON and URLs decoded, if that differs."""
    yield text, 0
    plain = html.unescape(text) if "&" in text else text
    plain = _CODE_POINT.sub(lambda match: chr(int(match[1], 16)), plain)
    plain = unquote(plain) if "%" in plain else plain
    if plain != text:
        yield plain, 0


def _decoded(letters: str) -> Iterator[TextAndLength]:
    letters = "".join(letters.split()).rstrip("=")
    try:
        yield from texts(base64.b64decode(letters + "=" * (-len(letters) % 4)))
    except binascii.Error:
        return  # not base64 but a long word


def _unknown(data: bytes) -> Iterator[TextAndLength]:
    """What reads as text in data of an unknown kind, also without the zero bytes of UTF-16."""
    for content in (data, data.replace(b"\0", b"")):
        yield b"\n".join(_READABLE.findall(content)).decode("ascii"), IN_DATA


def _utf16(data: bytes) -> Iterator[TextAndLength]:
    yield from spellings(data[: len(data) // 2 * 2].decode("utf-16"))


def _png(data: bytes) -> Iterator[TextAndLength]:
    place = 8
    while place + 8 <= len(data):
        length, kind = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
        content = data[place + 8 : place + 8 + length]
        place += 12 + length
        if kind in (b"zTXt", b"iTXt", b"iCCP"):
            yield from _compressed_chunk(content)
        elif kind not in (b"IDAT", b"PLTE", b"IHDR", b"tRNS"):
            yield from _metadata(content)
        if kind == b"IEND":
            break
    if data[place:]:
        yield from texts(data[place:])


def _compressed_chunk(content: bytes) -> Iterator[TextAndLength]:
    yield from _metadata(content)
    for start in range(min(len(content), 200)):
        if content[start : start + 1] == b"\x78":
            try:
                yield from _metadata(zlib.decompressobj().decompress(content[start:]))
            except zlib.error:
                continue


def _metadata(content: bytes) -> Iterator[TextAndLength]:
    """A few bytes of metadata, in which even a short word counts."""
    yield content.replace(b"\0", b"").decode("latin-1"), 0
    yield content.decode("utf-8", errors="replace"), 0


def _jpeg(data: bytes) -> Iterator[TextAndLength]:
    place = 2
    while data[place : place + 1] == b"\xff" and data[place + 1] != 0xDA:
        length = int.from_bytes(data[place + 2 : place + 4])
        if data[place + 1] == 0xFE or 0xE0 <= data[place + 1] <= 0xEF:
            yield from _metadata(data[place + 4 : place + 2 + length])
        place += 2 + length
    end = data.rfind(b"\xff\xd9")
    if end > 0:
        yield from _plain(data[end + 2 :])


def _zip(data: bytes) -> Iterator[TextAndLength]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        yield from _metadata(archive.comment)
        for member in archive.infolist():
            yield member.filename, 0
            yield from _metadata(member.comment + member.extra)
            yield from texts(archive.read(member))


def _gzip(data: bytes) -> Iterator[TextAndLength]:
    if data[3] & 0b11000:  # the file's name or a comment
        yield from _metadata(data[10:1000].split(b"\0")[0])
    yield from texts(gzip.decompress(data))


def _zlib(data: bytes) -> Iterator[TextAndLength]:
    yield from texts(zlib.decompress(data))


def _pdf(data: bytes) -> Iterator[TextAndLength]:
    for settings, content in _PDF_STREAM.findall(data):
        if b"/Image" in settings:
            continue
        if b"/FlateDecode" in settings:
            content = zlib.decompressobj().decompress(content)
        if b"/Length1" in settings or b"/FontFile" in settings:
            yield from _unknown(content)
        else:
            yield from _pdf_text(content)
    yield from _pdf_text(_PDF_STREAM.sub(b" ", data))


def _pdf_text(content: bytes) -> Iterator[TextAndLength]:
    text = _PDF_GLYPHS.sub(" ", content.replace(b"\0", b"").decode("latin-1"))
    yield text, 0
    yield _PDF_KERNING.sub("", text), 0
    for digits in _PDF_HEX.findall(text):
        yield from _metadata(bytes.fromhex(digits))


def _hdf5(data: bytes) -> Iterator[TextAndLength]:
    words: list[str] = []

    def visit(name: str, item: h5py.HLObject) -> None:
        words.extend([name, *item.attrs, *(str(value) for value in item.attrs.values())])
        if isinstance(item, h5py.Dataset) and h5py.check_string_dtype(item.dtype):
            words.append(str(item.asstr()[()]))

    with h5py.File(io.BytesIO(data), "r") as file:
        visit("", file["/"])
        file.visititems(visit)
    yield "\n".join(words), 0
    yield from _unknown(data)


def _npy(data: bytes) -> Iterator[TextAndLength]:
    values = np.load(io.BytesIO(data), allow_pickle=False)
    yield str(values.dtype), 0
    if values.dtype.kind == "S":
        yield from _metadata(b"\n".join(values.ravel().tolist()))
    elif values.dtype.kind not in "biufc":
        yield "\n".join(map(str, values.ravel().tolist())), 0


_READERS = {
    b"\x89PNG\r\n": _png,
    b"\xff\xd8\xff": _jpeg,
    b"PK\x03\x04": _zip,
    b"\x1f\x8b": _gzip,
    b"\x78\x01": _zlib,
    b"\x78\x9c": _zlib,
    b"\x78\xda": _zlib,
    b"%PDF": _pdf,
    b"\x89HDF": _hdf5,
    b"\x93NUMPY": _npy,
    b"\xff\xfe": _utf16,
    b"\xfe\xff": _utf16,
}
