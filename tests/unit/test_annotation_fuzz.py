"""Damaged annotation files give an annotation or a one-line error, never anything else."""

import json
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from annotation_files import (
    blob,
    box,
    circle,
    composite,
    scan,
    selection,
    write_rtstruct,
    write_seg,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from roifile import ROI_TYPE

from tumorseg.core import registry
from tumorseg.core.errors import UserError
from tumorseg.core.images import write_png
from tumorseg.imaging.scans import Scan
from tumorseg.outlines import any_form

HEIGHT, WIDTH = 20, 30
PICTURE = Scan(Path("scan.png"), np.zeros((HEIGHT, WIDTH), np.uint8))
POINTS = [[4.5, 2.5], [10.5, 2.5], [10.5, 8.5], [4.5, 8.5]]
BRUSH = [0, 0, 9, 96, 56, 155, 255, 9, 95, 0]
FORMS = [name for name in registry.names("annotations") if name != "mask"]
DOCUMENTS = {
    "labelme": {
        "shapes": [
            {"label": "t", "points": POINTS, "shape_type": "polygon"},
            {"label": "t", "points": POINTS[:2], "shape_type": "circle"},
        ],
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
    },
    "via": {
        "_via_img_metadata": {
            "scan.png1": {
                "filename": "scan.png",
                "regions": [
                    {
                        "shape_attributes": {
                            "name": "polygon",
                            "all_points_x": [5, 11, 11, 5],
                            "all_points_y": [3, 3, 9, 9],
                        },
                        "region_attributes": {"kind": "t"},
                    },
                    {"shape_attributes": {"name": "ellipse", "cx": 9, "cy": 9, "rx": 3, "ry": 4}},
                ],
            }
        }
    },
    "coco": {
        "images": [{"id": 1, "file_name": "scan.png", "height": HEIGHT, "width": WIDTH}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "segmentation": [[5, 3, 11, 3, 11, 9, 5, 9]]},
            {
                "image_id": 1,
                "category_id": 1,
                "segmentation": {"size": [HEIGHT, WIDTH], "counts": [10, 20, 570]},
            },
            {
                "image_id": 1,
                "category_id": 1,
                "segmentation": {"size": [HEIGHT, WIDTH], "counts": ":d0ja0"},
            },
        ],
        "categories": [{"id": 1, "name": "t"}],
    },
    "label_studio": [
        {
            "id": 1,
            "data": {"image": "/data/upload/1/0a1b2c3d-scan.png"},
            "annotations": [
                {
                    "was_cancelled": False,
                    "result": [
                        {
                            "id": str(number),
                            "type": kind,
                            "original_width": WIDTH,
                            "original_height": HEIGHT,
                            "value": value | {kind: ["t"]},
                        }
                        for number, (kind, value) in enumerate(
                            {
                                "polygonlabels": {"points": [[20, 20], [40, 20], [40, 60]]},
                                "rectanglelabels": {"x": 9, "y": 9, "width": 9, "height": 9},
                                "ellipselabels": {"x": 9, "y": 9, "radiusX": 5, "radiusY": 5},
                                # 2400 zeros.
                                "brushlabels": {"format": "rle", "rle": BRUSH},
                            }.items()
                        )
                    ],
                }
            ],
        }
    ],
    "border": POINTS,
}
# A project of VIA 3, which the form `via` reads as well.
VIA_3 = {
    "project": {"pname": "t"},
    "attribute": {"1": {"aname": "kind", "type": 2, "options": {"0": "t", "1": "u"}}},
    "file": {"1": {"fid": "1", "fname": "scan.png", "type": 2}},
    "view": {"1": {"fid_list": ["1"]}},
    "metadata": {
        "1_a": {"vid": "1", "z": [], "xy": [7, 5, 3, 11, 3, 11, 9, 5, 9], "av": {"1": "0"}},
        "1_b": {"vid": "1", "z": [], "xy": [2, 5, 3, 6, 6], "av": {"1": "0,1"}},
    },
}
CVAT = f"""<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><image id="0" name="scan.png" width="{WIDTH}" height="{HEIGHT}">
<polygon label="t" points="5,3;11,3;11,9;5,9"/><box label="t" xtl="5" ytl="3" xbr="9" ybr="9"/>
<ellipse label="t" cx="15" cy="10" rx="4" ry="2" rotation="30"/>
<mask label="t" rle="2, 4" left="1" top="1" width="3" height="2"/></image></annotations>"""
WORDS = sorted(
    {
        word
        for document in DOCUMENTS.values()
        for word in json.dumps(document).replace('"', " ").split()
        if word.isidentifier()
    }
)
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([-1, 0, 2**31, 2**63, 10**400, 1e308, float("nan"), float("-inf")])
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from([*WORDS, "scan.png", "a\nb", "\x00", "polygon"]),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=12,
)
BOUNDED = settings(
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LABELS = st.sampled_from([None, {"t": "tumour"}, {"1": "tumour", "2": "background"}])


def check_annotation_or_error(path: Path, form: str, given_scan: Scan, labels=None) -> None:
    """Fails where reading gives neither an annotation of the scan nor a one-line error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            annotation = any_form.read(path, form, given_scan, "scan.png", labels)
        except UserError as error:
            assert str(error).isprintable() and len(str(error)) < 600
            return
    assert (annotation.parts is None) != (annotation.mask is None)
    if annotation.mask is not None:
        assert (
            annotation.mask.shape == given_scan.voxels.shape and annotation.mask.dtype == np.uint8
        )
        assert annotation.mask.max(initial=0) <= 1
    assert all(note.line().isprintable() for note in annotation.notes)


def places(document, here=()):
    """The path of keys and indices to every value of a JSON document."""
    yield here
    inner = document.items() if isinstance(document, dict) else []
    inner = enumerate(document) if isinstance(document, list) else inner
    for key, value in inner:
        yield from places(value, (*here, key))


def with_junk(document, place, junk):
    """A copy of the document with one value replaced."""
    if not place:
        return junk
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[place[0]] = with_junk(copy[place[0]], place[1:], junk)
    return copy


def damaged(content: bytes, data) -> bytes:
    """The content with bytes changed, and a part cut out, doubled or cut off."""
    content = bytearray(content)
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    at = data.draw(st.integers(0, len(content)))
    until = data.draw(st.integers(at, len(content)))
    kind = data.draw(st.sampled_from(["complete", "cut off", "cut out", "doubled"]))
    if kind == "complete":
        return bytes(content)
    if kind == "cut off":
        return bytes(content[:at])
    part = content[at:until]
    return bytes(content[:at] + (part * 2 if kind == "doubled" else b"") + content[until:])


@pytest.mark.parametrize("form", ["auto", *DOCUMENTS])
@BOUNDED
@given(junk=JUNK, labels=LABELS)
def test_json_of_any_structure_gives_an_annotation_or_an_error(tmp_path, form, junk, labels):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(junk), encoding="utf-8")
    check_annotation_or_error(path, form, PICTURE, labels)


@pytest.mark.parametrize("form", [*DOCUMENTS, "via 3"])
@BOUNDED
@given(data=st.data(), junk=JUNK, labels=LABELS)
def test_json_with_a_replaced_value_gives_an_annotation_or_an_error(
    tmp_path, form, data, junk, labels
):
    document = (DOCUMENTS | {"via 3": VIA_3})[form]
    form = form.split()[0]
    place = data.draw(st.sampled_from(list(places(document))))
    path = tmp_path / "a.json"
    path.write_text(json.dumps(with_junk(document, place, junk)), encoding="utf-8")
    check_annotation_or_error(path, form, PICTURE, labels)
    check_annotation_or_error(path, "auto" if form != "border" else "border", PICTURE, labels)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A valid file of every format, with its scan."""
    folder = tmp_path_factory.mktemp("good")
    rois = [selection([(5, 3), (11, 3), (11, 9)]), box(ROI_TYPE.OVAL, 6, 4, 25, 15)]
    rois.append(composite([(5, 3), (11, 3), (11, 9)], [(7, 5), (9, 5), (9, 7)]))
    with zipfile.ZipFile(folder / "roi.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        for number, roi in enumerate(rois):
            (folder / f"{number}.roi").write_bytes(roi.tobytes())
            opened.writestr(f"{number}.roi", roi.tobytes())
    structure = {"t": [(2, circle((17, 9), 5, 2, "axial", count=12))]}
    files = {
        "seg": ("dicom_seg", write_seg(folder / "seg", {"t": blob()}), scan()),
        "labelmap": ("dicom_seg", write_seg(folder / "map", {"t": blob()}, "LABELMAP"), scan()),
        "rtstruct": ("rtstruct", write_rtstruct(folder / "rt", structure), scan()),
        "zip": ("imagej_roi", folder / "roi.zip", PICTURE),
    }
    files |= {f"roi {n}": ("imagej_roi", folder / f"{n}.roi", PICTURE) for n in range(len(rois))}
    painted = np.zeros((HEIGHT, WIDTH), np.uint8)
    painted[3:9, 5:11] = 255
    write_png(folder / "mask.png", painted)
    files["mask"] = ("mask", folder / "mask.png", PICTURE)
    for name, document in (DOCUMENTS | {"via 3": VIA_3}).items():
        (folder / name).write_text(json.dumps(document), encoding="utf-8")
        files[name] = (name.split()[0], folder / name, PICTURE)
    (folder / "cvat").write_text(CVAT, encoding="utf-8")
    files["cvat"] = ("cvat_xml", folder / "cvat", PICTURE)
    return {name: (form, path.read_bytes(), given) for name, (form, path, given) in files.items()}


NAMES = [
    "seg",
    "labelmap",
    "rtstruct",
    "zip",
    "roi 0",
    "roi 1",
    "roi 2",
    "mask",
    *DOCUMENTS,
    "via 3",
    "cvat",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_undamaged_files_are_read(tmp_path, good, name):
    form, content, given_scan = good[name]
    path = tmp_path / "valid"
    path.write_bytes(content)
    annotation = any_form.read(path, form, given_scan, "scan.png")
    assert annotation.parts or annotation.mask.any()


@pytest.mark.parametrize("name", NAMES)
@BOUNDED
@given(data=st.data(), labels=LABELS)
def test_damaged_bytes_give_an_annotation_or_an_error(tmp_path, good, name, data, labels):
    form, content, given_scan = good[name]
    path = tmp_path / "damaged"
    path.write_bytes(damaged(content, data))
    check_annotation_or_error(path, form, given_scan, labels)


@pytest.mark.parametrize("form", FORMS)
@BOUNDED
@given(
    start=st.sampled_from(
        [b"", b"Iout", b"PK\x03\x04", b"{", b"<annotations>", b"\x08\x00", bytes(128) + b"DICM"]
    ),
    content=st.binary(max_size=300),
)
def test_random_bytes_give_an_annotation_or_an_error(tmp_path, form, start, content):
    path = tmp_path / "noise"
    path.write_bytes(start + content)
    check_annotation_or_error(path, form, PICTURE)
    check_annotation_or_error(path, form, scan())
