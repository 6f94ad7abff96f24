"""Identifiers are found wherever a file can contain them, and nothing else is."""

import base64
import gzip
import io
import json
import zipfile
import zlib

import cv2
import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot
from PIL import Image, PngImagePlugin

from tumorseg.core.names import folded
from tumorseg.privacy import identifiers
from tumorseg.privacy.hidden_text import texts
from tumorseg.privacy.identifiers import Identifiers, Seeker

NAME = "0012_SMITH"


def seeker(*values: str, kind: str = identifiers.PATIENT) -> Seeker:
    sought = Identifiers()
    sought.add(kind, values)
    return Seeker(sought)


def png(**comments: str) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    for key, value in comments.items():
        chunks.add_text(key, value, zip=key == "zipped")
    file = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(noise).save(file, "PNG", pnginfo=chunks)
    return file.getvalue()


def jpeg(**options: object) -> bytes:
    file = io.BytesIO()
    Image.new("L", (32, 32), 90).save(file, "JPEG", **options)
    return file.getvalue()


def exif() -> bytes:
    values = Image.Exif()
    values[0x010E] = f"scan of {NAME}"
    return values.tobytes()


def zipped(content: bytes, name: str = "a/b.txt") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def hdf5(where: str) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as store:
        store.create_dataset("w", data=np.random.default_rng(2).normal(size=4000), dtype="f4")
        if where == "attribute":
            store["w"].attrs["from"] = NAME
        elif where == "name":
            store.create_group(f"layers/{NAME}")
        elif where == "value":
            store["who"] = [NAME]
    return file.getvalue()


def npy(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def figure(form: str, text: str, **options: object) -> bytes:
    file = io.BytesIO()
    drawing, axes = pyplot.subplots()
    axes.set_title(text)
    drawing.savefig(file, format=form, **options)
    pyplot.close(drawing)
    return file.getvalue()


def page(content: bytes, kind: str) -> bytes:
    letters = base64.b64encode(content).decode()
    return f'<html><img src="data:{kind};base64,{letters}"></html>'.encode()


PLANTED = {
    "text": f"case {NAME} is done".encode(),
    "other capitals": b"0012_smith",
    "joined to other words": f"{NAME}_axial_t1.png".encode(),
    "utf-16 with its mark": f"who: {NAME}".encode("utf-16"),
    "utf-16 without": f"who: {NAME}".encode("utf-16-be"),
    "utf-8 with its mark": f"\ufeff{NAME}".encode(),
    "between bytes": bytes(range(256)) + f" {NAME} ".encode() + bytes(range(255, -1, -1)),
    "utf-16 between bytes": bytes(range(1, 256)) + f" {NAME} ".encode("utf-16-le") + b"\xff\xfe",
    "gzip": gzip.compress(NAME.encode()),
    "zlib": zlib.compress(NAME.encode()),
    "zip": zipped(NAME.encode()),
    "zip member's name": zipped(b"", f"cases/{NAME}.png"),
    "zip in zip": zipped(zipped(gzip.compress(NAME.encode()))),
    "base64 in a page": page(f"<p>{NAME}</p>".encode(), "text/html"),
    "png in base64 in a page": page(png(Comment=NAME), "image/png"),
    "page in a page": page(page(png(Comment=NAME), "image/png"), "text/html"),
    "base64 in JavaScript": b"let a='" + base64.b64encode(f"some {NAME} here".encode()) + b"'",
    "percent signs": b"data:text/html,%3Cp%3E0012%5FSMITH",
    "HTML's escapes": b"<p>0012&#95;SMITH</p>",
    "JSON's escapes": b'{"a": "0012\\u005fSMITH"}',
    "png text": png(Comment=f"by {NAME}"),
    "png compressed text": png(zipped=f"by {NAME}"),
    "after a png": png() + NAME.encode(),
    "jpeg comment": jpeg(comment=NAME.encode()),
    "jpeg EXIF": jpeg(exif=exif()),
    "after a jpeg": jpeg() + b"\n" + NAME.encode(),
    "svg": figure("svg", NAME),
    "svg metadata": figure("svg", "", metadata={"Title": NAME}),
    "pdf text": figure("pdf", NAME),
    "pdf metadata": figure("pdf", "", metadata={"Author": NAME}),
    "hdf5 attribute": hdf5("attribute"),
    "hdf5 name": hdf5("name"),
    "hdf5 value": hdf5("value"),
    "npy of text": npy(np.array([NAME])),
    "npy of bytes": npy(np.array([NAME.encode()])),
}
CLEAN = {
    "inside a longer word": b"x0012_SMITHson",
    "png": png(Comment="by nobody"),
    "jpeg": jpeg(),
    "svg": figure("svg", "SMITHY"),
    "pdf": figure("pdf", "0012"),
    "hdf5": hdf5("nowhere"),
    "npy": npy(np.random.default_rng(3).normal(size=3000)),
    "empty": b"",
    "broken zip": zipped(b"abc" * 100)[:60],
    "broken gzip": gzip.compress(b"abc" * 100)[:20],
    "broken png": png()[:50],
    "broken pdf": figure("pdf", "a")[:900],
    "broken hdf5": hdf5("nowhere")[:3000],
    "broken npy": npy(np.zeros(3))[:90],
}


STARTS = [content[:size] for content in PLANTED.values() for size in (3, 6, 12, 200)]


@pytest.mark.parametrize("place", PLANTED)
def test_a_name_is_found_in(place):
    assert seeker(NAME).in_content(PLANTED[place]) == {folded(NAME)}


@pytest.mark.parametrize("place", CLEAN)
def test_no_name_is_found_in(place):
    assert seeker(NAME).in_content(CLEAN[place]) == set()


def test_text_in_a_pdf_is_found_despite_kerning():
    name = "AVATAR_WAVES"  # kerning puts numbers between the letters
    content = figure("pdf", name)
    assert folded(name) in seeker(name).in_content(content)


def test_names_with_umlauts_are_found_in_every_encoding():
    sought = seeker("Müller^Jürgen")
    spellings = {
        "Müller^Jürgen",
        "MÜLLER^JÜRGEN",
        "Mu\u0308ller^Ju\u0308rgen",
        "M&uuml;ller^J&#252;rgen",
    }
    spellings |= {json.dumps("Müller^Jürgen"), "M%C3%BCller%5EJ%C3%BCrgen"}
    for text in spellings:
        assert sought.in_content(text.encode()), text
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        assert sought.in_content("by Müller^Jürgen, 1".encode(encoding)), encoding


TEXT = st.characters(codec="utf-8", exclude_categories=["Cc"])


@given(st.text(TEXT, min_size=4, max_size=30), st.text(TEXT, max_size=50))
def test_any_name_is_found_as_a_separate_word(name, around):
    sought = seeker(name)
    planted = f'{around} "{name}" {around}'
    for value in sought.identifiers.sought:
        assert value in sought.in_text(planted)
        assert value in sought.in_content(zipped(planted.encode()))


@given(st.binary(max_size=400), st.sampled_from(STARTS))
def test_no_content_raises_an_error(content, start):
    list(texts(start + content))


def test_pixels_and_weights_contain_no_short_words_by_chance():
    rng = np.random.default_rng(4)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz0123456789"))
    short = {"".join(word) for word in rng.choice(letters, (20_000, 4))}
    sought = seeker(*short)
    noise = rng.integers(0, 256, 2_000_000, np.uint8)
    picture = cv2.imencode(".png", noise.reshape(1000, 2000))[1].tobytes()
    for content in (noise.tobytes(), picture, page(picture, "image/png"), npy(noise)):
        assert sought.in_content(content) == set()


@pytest.mark.parametrize(
    ("number", "text", "counts"),
    [
        ("100572", "tumour\t100572\t3", False),  # a count of pixels
        ("100572", "M 12.100572 8 100572.5 L", False),
        ("100572", 'name: "100572"', True),
        ("100572", "images/100572/a.png", True),
        ("100572", "100572_axial", True),
        ("100572", "patient 100572: no plane", True),
        ("100572", '<td class="">100572</td>', True),
        ("100572", '<td class="number">100572</td>', False),
        ("19610307", "born 19610307", True),
        ("19610307", "0.19610307", False),
    ],
)
def test_a_number_counts_only_where_it_identifies_something(number, text, counts):
    assert bool(seeker(number).in_text(text)) is counts


def test_short_names_count_only_as_whole_values_of_case_and_patient(tmp_path):
    sought = seeker("12", "A7")
    assert sought.identifiers.sought == {}
    table = tmp_path / "t.tsv"
    pd.DataFrame({"case": ["c1"], "pixels": [12], "note": ["A7"]}).to_csv(table, sep="\t")
    assert sought.in_file(table, "t.tsv") == set()
    pd.DataFrame({"patient": ["12"], "pixels": [7]}).to_csv(table, sep="\t")
    assert sought.in_file(table, "t.tsv") == {"12"}
    picture = tmp_path / "A7.png"
    picture.write_bytes(png())
    assert sought.in_file(picture, "cases/A7.png") == {"a7"}


def test_the_path_of_a_file_is_searched_as_well(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"")
    assert seeker(NAME).in_file(path, f"results/{NAME}/x.txt") == {folded(NAME)}


def test_short_and_common_words_are_counted_as_left_out():
    sought = Identifiers()
    sought.add(identifiers.PATIENT, ["Jo", "12", "0012_SMITH", "Focal"])
    sought.add(identifiers.HEADER, ["MR", "1.5", "focal loss"])
    sought.drop(["focal"])
    counts = sought.counts().set_index("kind")
    assert list(counts.loc[identifiers.PATIENT]) == [1, 2, 1]
    assert list(counts.loc[identifiers.HEADER]) == [1, 0, 2]
    assert counts.sum().sum() == 7


def test_thousands_of_similar_identifiers_are_distinguished():
    sought = seeker(*(f"subject_{n:05d}" for n in range(10_000)))
    text = " ".join(f"subject_{n:05d}" for n in (7, 4321, 10_000))
    assert sought.in_text(text) == {"subject_00007", "subject_04321"}


def test_names_across_the_borders_of_searched_pieces_are_found():
    for shift in (-12, -5, 0, 5):
        text = "x " * ((2**20 + shift) // 2) + NAME + " x" * 1000
        assert seeker(NAME).in_text(text)


def test_a_name_is_sought_as_a_whole_and_by_its_words():
    assert identifiers.parts("SMITH^John  A") == {"smith^john a", "smith", "john"}
    assert identifiers.parts("Dr. Li") == {"dr. li"}
