"""Label Studio's and CVAT's exports: what is read, where it lies, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from annotation_files import HEIGHT, SQUARE, WIDTH, disc, expected_square, painted
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_masks

from tumorseg.core.errors import UserError
from tumorseg.imaging.scans import Scan

CONVERTER = [
    0,
    0,
    9,
    96,
    57,
    27,
    255,
    1,
    123,
    0,
    194,
    255,
    249,
    124,
    3,
    11,
    255,
    229,
    240,
    12,
    47,
    255,
    151,
    192,
    48,
    191,
    254,
    95,
    0,
    194,
    255,
    249,
    124,
    3,
    11,
    255,
    240,
    87,
    48,
    0,
]

# --- Label Studio ---


def item(kind, label="tumour", *, number="r1", **value):
    """An item of a result, in percent of the image."""
    return {
        "id": number,
        "type": kind,
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        "value": value | ({kind: [label]} if kind.endswith("labels") else {}),
    }


def percent(points):
    return [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in points]


def polygon(points=tuple(SQUARE), label="tumour", **more):
    return item("polygonlabels", label, points=percent(points), closed=True, **more)


def task(*results, image="/data/upload/1/0a1b2c3d-scan.png", **data):
    return {
        "id": 1,
        "data": {"image": image, **data},
        "annotations": [{"id": n, "result": result} for n, result in enumerate(results)],
    }


def tasks(tmp_path, *content) -> Path:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(list(content)), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (polygon(), expected_square()),
        (
            item("rectanglelabels", x=500 / 30, y=15, width=20, height=30, rotation=0),
            expected_square(),
        ),
        # Turned by a quarter around its upper left corner, it reaches to the left and down.
        (
            item("rectanglelabels", x=1100 / 30, y=15, width=20, height=30, rotation=90),
            expected_square(),
        ),
        (
            item("ellipselabels", x=50, y=50, radiusX=100 * 9.4 / 30, radiusY=21, rotation=0),
            disc(15, 10, 9.4, 4.2),
        ),
        (
            item("ellipselabels", x=50, y=50, radiusX=14, radiusY=47, rotation=90),
            disc(15, 10, 9.4, 4.2),
        ),
    ],
)
def test_shapes_lie_where_label_studio_draws_them(tmp_path, shape, expected):
    np.testing.assert_array_equal(painted(tasks(tmp_path, task([shape]))), expected)


def encoded(values: np.ndarray, value_bits=8, counts=(3, 4, 8, 16)) -> list[int]:
    """Label Studio's run lengths: blocks that repeat one value or list several."""
    bits = f"{len(values):032b}{value_bits - 1:05b}" + "".join(f"{c - 1:04b}" for c in counts)
    edges = np.flatnonzero(np.diff(values)) + 1
    for number, run in enumerate(np.split(values, edges) if len(values) else []):
        while len(run):
            which = next((n for n, c in enumerate(counts) if len(run) <= 2**c), len(counts) - 1)
            block, run = run[: 2 ** counts[which]], run[2 ** counts[which] :]
            repeated = len(block) > 1 or number % 2
            written = block[:1] if repeated else block
            bits += f"{int(repeated)}{which:02b}{len(block) - 1:0{counts[which]}b}"
            bits += "".join(f"{value:0{value_bits}b}" for value in written)
    bits += "0" * (-len(bits) % 8)
    return [int(bits[n : n + 8], 2) for n in range(0, len(bits), 8)]


def brush(numbers, **more):
    return item("brushlabels", format="rle", rle=numbers, **more)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**31), share=st.floats(0, 0.9), counts=st.tuples(*[st.integers(1, 16)] * 4)
)
def test_brush_strokes_are_the_mask_that_was_encoded(tmp_path_factory, seed, share, counts):
    mask = (np.random.default_rng(seed).random((HEIGHT, WIDTH)) < share).astype(np.uint8)
    mask[0, 0] = 0
    numbers = encoded(np.repeat(mask.ravel() * 255, 4), counts=sorted(counts))
    path = tasks(tmp_path_factory.mktemp("brush"), task([brush(numbers)]))
    np.testing.assert_array_equal(painted(path), mask)


def test_a_brush_stroke_of_label_studios_own_package_is_read(tmp_path):
    """Made by label-studio-converter 0.0.59, mask2rle of the square, on 20 x 30 pixels."""
    np.testing.assert_array_equal(
        painted(tasks(tmp_path, task([brush(CONVERTER)]))), expected_square()
    )


def test_the_opaque_half_of_a_stroke_counts(tmp_path):
    values = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    values[3:9, 5:11, 3], values[15, :, 3], values[17, :, :3] = 128, 127, 255
    path = tasks(tmp_path, task([brush(encoded(values.ravel()))]))
    np.testing.assert_array_equal(painted(path), expected_square())


@pytest.mark.parametrize(
    ("image", "key"),
    [
        ("/data/upload/1/0a1b2c3d-scan.png", "p1/scan.png"),
        ("/data/upload/0a1b2c3d-scan.png", "scan.png"),
        ("/data/upload/1/x-my-scan.png", "my-scan.png"),
        ("/data/local-files/?d=set/p1/scan.png", "p1/scan.png"),
        ("s3://bucket/p1/scan.png", "p1/scan.png"),
        ("https://host/a%20b/scan.png?token=1", "a b/scan.png"),
        ("scan.png", "scan.png"),
    ],
)
def test_an_image_of_label_studio_is_found_under_its_own_name(tmp_path, image, key):
    other = task([], image="p2/other.png")
    path = tasks(tmp_path, task([polygon()], image=image, patient="7"), other)
    np.testing.assert_array_equal(painted(path, key=key), expected_square())
    assert painted(path, key="p2/other.png").sum() == 0


def test_labels_of_label_studio_decide_what_counts(tmp_path):
    small = polygon([(20, 3), (26, 3), (26, 9)], "cyst", number="r2")
    labels = {"tumour": "tumour", "cyst": "background"}
    path = tasks(tmp_path, task([polygon(), small, item("choices", choices=["good"])]))
    np.testing.assert_array_equal(painted(path, labels=labels), expected_square())
    # Separate tags for shape and label give one item for each, with the same id.
    bare = item("polygon", points=percent(SQUARE))
    named = item("labels", points=percent(SQUARE))
    path = tasks(tmp_path, task([bare, named, small]))
    np.testing.assert_array_equal(painted(path, labels=labels), expected_square())
    with pytest.raises(UserError, match=r"label 'cyst'.*label_unknown"):
        painted(path, labels={"tumour": "tumour"})


def test_a_task_as_the_api_gives_it_is_read(tmp_path):
    path = tmp_path / "one.json"
    path.write_text(json.dumps(task([polygon()])), encoding="utf-8")
    np.testing.assert_array_equal(painted(path), expected_square())


SKIPPED = {"annotations": [{"result": [], "was_cancelled": True}]}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (
            [task([polygon()], [polygon()])],
            r"2 annotations.*delete all but one.*annotation_several",
        ),
        ([task()], r"without annotation.*submit it.*annotation_unfinished"),
        ([task() | SKIPPED], "annotation_unfinished"),
        ([{"image": "scan.png", "label": []}], r"short export.*not `JSON-MIN`.*annotation_form"),
        ([task([item("keypointlabels", x=1, y=1, width=2)])], r"'keypointlabels'.*shape_type"),
        (
            [task([brush([0, 0, 1])])],
            r"brush stroke of 3 bytes.*export the masks as PNG.*rle_length",
        ),
        ([task([brush(encoded(np.zeros(40, int)))])], "rle_length"),
        ([task([brush(encoded(np.zeros(2400, int))[:-2])])], "rle_length"),
        ([task([polygon() | {"image_rotation": 90}])], r"turned by 90 degrees.*annotation_form"),
        ([task([polygon() | {"original_width": 99}])], "annotation_size"),
        ([task([polygon()], image="b.png")], r"no image 'scan.png' among 1, only 'b.png'"),
    ],
)
def test_errors_of_label_studio_are_one_line(tmp_path, content, complaint):
    with pytest.raises(UserError, match=complaint) as caught:
        painted(tasks(tmp_path, *content))
    assert "\n" not in str(caught.value)


# --- CVAT ---


def cvat(
    tmp_path, *shapes, name="scan.png", head='<?xml version="1.0" encoding="utf-8"?>\n'
) -> Path:
    path = tmp_path / "annotations.xml"
    image = (
        f'<image id="0" name="{name}" width="{WIDTH}" height="{HEIGHT}">{"".join(shapes)}</image>'
    )
    rest = f'<image id="1" name="p2/other.png" width="{WIDTH}" height="{HEIGHT}"/>'
    meta = "<version>1.1</version><meta><task><name>a</name></task></meta>"
    path.write_text(f"{head}<annotations>{meta}{image}{rest}</annotations>", encoding="utf-8")
    return path


POINTS = ";".join(f"{x}.00,{y}.00" for x, y in SQUARE)
DRAWN = f'<polygon label="tumour" source="manual" occluded="0" points="{POINTS}" z_order="0"/>'


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (DRAWN, expected_square()),
        ('<box label="tumour" xtl="5" ytl="3" xbr="11" ybr="9"/>', expected_square()),
        (
            '<box label="tumour" xtl="4" ytl="5" xbr="14" ybr="9" rotation="90"/>',
            np.pad(np.ones((10, 4), int), ((2, 8), (7, 19))),
        ),
        (
            '<ellipse label="tumour" cx="15" cy="10" rx="9.4" ry="4.2"/>',
            disc(15, 10, 9.4, 4.2),
        ),
        (
            '<ellipse label="tumour" cx="15" cy="10" rx="4.2" ry="9.4" rotation="90.0"/>',
            disc(15, 10, 9.4, 4.2),
        ),
        (
            '<mask label="tumour" rle="0, 36" left="5" top="3" width="6" height="6"/>',
            expected_square(),
        ),
    ],
)
def test_shapes_lie_where_cvat_draws_them(tmp_path, shape, expected):
    path = cvat(tmp_path, shape, '<tag label="seen" source="manual"></tag>', name="p1/scan.png")
    np.testing.assert_array_equal(painted(path, key="images/p1/scan.png"), expected)
    assert painted(path, key="p2/other.png").sum() == 0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), data=st.data())
def test_cvat_masks_are_coco_run_lengths_of_the_turned_box(tmp_path_factory, seed, data):
    """CVAT's server decodes them so: pycocotools on the transposed box."""
    left, top = data.draw(st.integers(0, WIDTH - 1)), data.draw(st.integers(1, HEIGHT - 1))
    width, height = data.draw(st.integers(1, WIDTH - left)), data.draw(st.integers(1, HEIGHT - top))
    box = (np.random.default_rng(seed).random((height, width)) < 0.5).astype(np.uint8)
    edges = np.flatnonzero(np.diff(np.pad(box.ravel(), (1, 0)))).tolist()
    runs = np.diff([0, *edges, box.size]).tolist()
    coco = coco_masks.frPyObjects({"counts": runs, "size": [width, height]}, width, height)
    np.testing.assert_array_equal(coco_masks.decode(coco).T, box)
    place = f'left="{left}" top="{top}" width="{width}" height="{height}"'
    rle = ", ".join(map(str, runs))
    path = cvat(tmp_path_factory.mktemp("cvat"), f'<mask label="t" rle="{rle}" {place}/>')
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[top : top + height, left : left + width] = box
    np.testing.assert_array_equal(painted(path), expected)


def test_labels_of_cvat_decide_what_counts(tmp_path):
    path = cvat(tmp_path, DRAWN, '<polyline label="midline" points="1,1;9,9"/>')
    labels = {"tumour": "tumour", "midline": "background"}
    np.testing.assert_array_equal(painted(path, labels=labels), expected_square())


ENTITIES = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]>'


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("<annotations><image", r"not XML: wrong at line 1, column.*annotation_not_xml"),
        ('<?xml version="1.0" encoding="no-such"?><annotations/>', "annotation_not_xml"),
        (f"{ENTITIES}<annotations>&c;</annotations>", r"document type.*annotation_form"),
        (f"{ENTITIES}<annotations>&c;</annotations>".encode("utf-16"), "document type"),
        ("<annotations/>", r"among 0.*key_missing"),
        (
            '<annotations><track id="0" label="t"><box frame="0"/></track></annotations>',
            r"XML for videos.*CVAT for images 1.1.*annotation_form",
        ),
        ('<annotations><image id="0"/></annotations>', "cvat_xml: it lacks 'name'"),
    ],
)
def test_errors_of_cvat_are_one_line(tmp_path, content, complaint):
    path = tmp_path / "a.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=complaint) as caught:
        painted(path, form="cvat_xml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "complaint"),
    [
        ('<points label="tumour" points="1,1"/>', r"'points'.*shape_type"),
        ('<mask label="t" rle="0, 35" left="5" top="3" width="6" height="6"/>', "rle_length"),
        ('<mask label="t" rle="0, 36" left="27" top="3" width="6" height="6"/>', "x 27, y 3"),
        ('<mask label="t" rle="0, 36" left="-1" top="3" width="6" height="6"/>', "annotation_form"),
        ('<polygon label="t" points="1,1;2"/>', "cannot be read as cvat_xml"),
        ('<polygon points="1,1;2,2"/>', "it lacks 'label'"),
    ],
)
def test_wrong_shapes_of_cvat_are_one_line(tmp_path, shape, complaint):
    with pytest.raises(UserError, match=complaint) as caught:
        painted(cvat(tmp_path, shape))
    assert "\n" not in str(caught.value)


def test_other_xml_is_named_as_such(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text("<annotation><object><bndbox/></object></annotation>", encoding="utf-8")
    with pytest.raises(UserError, match=r"XML of no known annotation tool.*annotation_form"):
        painted(path)


def test_the_new_exports_on_a_volume_are_one_line(tmp_path):
    volume = Scan(Path("scan.png"), np.zeros((5, 6, 7), np.uint16), affine=np.eye(4))
    for path in (cvat(tmp_path, DRAWN), tasks(tmp_path, task([polygon()]))):
        with pytest.raises(UserError, match=r"5 x 6 x 7.*outline_on_volume"):
            painted(path, scan=volume)
