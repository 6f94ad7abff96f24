"""VIA, COCO and ImageJ annotations: where each tool's coordinates lie, and what is rejected."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import shapely
from annotation_files import box, composite, selection
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_masks
from roifile import ROI_OPTIONS, ROI_SUBTYPE, ROI_TYPE, roiwrite

from tumorseg.annotations import coco
from tumorseg.core.errors import UserError
from tumorseg.imaging.scans import Scan
from tumorseg.outlines import any_form, json_files
from tumorseg.outlines.polygons import fill_parts

HEIGHT, WIDTH = 20, 30
# Pixels x 5..10, y 3..8, in coordinates that start at the first pixel's corner.
SQUARE = [(5, 3), (11, 3), (11, 9), (5, 9)]
SCAN = Scan(Path("scan.png"), np.zeros((HEIGHT, WIDTH), np.uint8))
COCO_SLICES = Path(__file__).parents[3] / "shared" / "data" / "coco_slices"


def expected_square() -> np.ndarray:
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[3:9, 5:11] = 1
    return expected


def disc(x, y, across, down):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return ((columns + 0.5 - x) / across) ** 2 + ((rows + 0.5 - y) / down) ** 2 < 1


def store(tmp_path, content) -> Path:
    path = tmp_path / "annotation.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def painted(path, form="auto", key="", labels=None, scan=SCAN) -> np.ndarray:
    annotation = any_form.read(path, form, scan, key, labels)
    if annotation.mask is None:
        return fill_parts(annotation.parts, *scan.voxels.shape)
    return annotation.mask


def region(shape, **attributes):
    return {"shape_attributes": shape, "region_attributes": attributes}


def outline(points):
    xs, ys = map(list, zip(*points, strict=True))
    return {"name": "polygon", "all_points_x": xs, "all_points_y": ys}


def via(regions, name="scan.png"):
    return {f"{name}123": {"filename": name, "size": 123, "regions": regions}}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (outline(SQUARE), expected_square()),
        (outline([*SQUARE, SQUARE[0]]), expected_square()),
        ({"name": "rect", "x": 5, "y": 3, "width": 6, "height": 6}, expected_square()),
        ({"name": "circle", "cx": 15, "cy": 10, "r": 6.3}, disc(15, 10, 6.3, 6.3)),
        ({"name": "ellipse", "cx": 15, "cy": 10, "rx": 9.4, "ry": 4.2}, disc(15, 10, 9.4, 4.2)),
        (
            {"name": "ellipse", "cx": 15, "cy": 10, "rx": 4.2, "ry": 9.4, "theta": np.pi / 2},
            disc(15, 10, 9.4, 4.2),
        ),
    ],
)
def test_via_regions_lie_where_via_draws_them(tmp_path, version, shape, expected):
    regions = [region(shape)] if version == 2 else {"0": region(shape)}
    content = via(regions) if version == 1 else {"_via_img_metadata": via(regions)}
    np.testing.assert_array_equal(painted(store(tmp_path, content)), expected)


def test_via_labels_may_be_words_menus_or_check_boxes(tmp_path):
    small = outline([(20, 3), (26, 3), (26, 9)])
    regions = [region(outline(SQUARE), kind="tumour", by="x"), region(small, kind={"cyst": True})]
    path = store(tmp_path, via(regions))
    chosen = {"tumour": "tumour", "cyst": "background"}
    np.testing.assert_array_equal(painted(path, labels=chosen), expected_square())
    with pytest.raises(UserError, match=r"label 'cyst'; expected one of 'tumour'.*label_unknown"):
        painted(path, labels={"tumour": "tumour"})


def test_an_image_is_found_by_name_file_name_or_stem(tmp_path):
    content = via([region(outline(SQUARE))], "a/scan.png") | via([], "b/other.jpg")
    path = store(tmp_path, content)
    for key in ("", "a/scan.png", "scan.png", "elsewhere/scan.png", "scan.dcm", "scan"):
        assert painted(path, key=key).sum() == 36
    assert painted(path, key="other.png").sum() == 0
    with pytest.raises(UserError, match=r"no image 'third.png' among 2.*key_missing"):
        painted(path, key="third.png")
    doubled = via([], "a/scan.png") | via([], "b/scan.png")
    with pytest.raises(UserError, match=r"2 images called 'scan.png'.*key_ambiguous"):
        painted(store(tmp_path, doubled), key="scan.png")


def test_a_changed_file_is_read_again(tmp_path):
    assert painted(store(tmp_path, via([region(outline(SQUARE))]))).sum() == 36
    assert painted(store(tmp_path, via([]))).sum() == 0


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (via([region({"name": "polyline"})]), "'polyline'; expected polygon, rect"),
        (via([region({"name": "polygon", "all_points_x": [1]})]), "cannot be read as via"),
        (via([region(outline([(1, 1), (2, 2)]))]), "polygon_few_points"),
        (via(None), "cannot be read as via"),
        ({"a": {"regions": []}}, "cannot be read as via"),
        ([], "cannot be read as via"),
    ],
)
def test_via_errors_are_one_line(tmp_path, content, complaint):
    with pytest.raises(UserError, match=complaint) as caught:
        painted(store(tmp_path, content), "via")
    assert "\n" not in str(caught.value)


def coco_file(*segmentations, size=(HEIGHT, WIDTH), **more):
    annotations = [
        {"id": n, "image_id": 7, "category_id": 1, "segmentation": s, "iscrowd": 0} | more
        for n, s in enumerate(segmentations)
    ]
    return {
        "images": [
            {"id": 7, "file_name": "scan.png", "height": size[0], "width": size[1]},
            {"id": 8, "file_name": "empty.png", "height": size[0], "width": size[1]},
        ],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "tumour"}, {"id": 2, "name": "box"}],
    }


def flat(points):
    return [float(number) for point in points for number in point]


def rle(mask, compressed=True):
    packed = coco_masks.encode(np.asfortranarray(mask))
    if compressed:
        return {"size": packed["size"], "counts": packed["counts"].decode()}
    down = mask.T.ravel()
    ends = np.flatnonzero(np.diff(np.r_[0, down, 2]))
    counts = np.diff(np.r_[0, ends]).tolist()
    return {"size": list(mask.shape), "counts": counts}


def test_coco_polygons_and_run_lengths_of_a_square_agree(tmp_path):
    for segmentation in (
        [flat(SQUARE)],
        rle(expected_square()),
        rle(expected_square(), compressed=False),
    ):
        path = store(tmp_path, coco_file(segmentation))
        np.testing.assert_array_equal(painted(path), expected_square())
        crowd = store(tmp_path, coco_file(segmentation, iscrowd=1))
        np.testing.assert_array_equal(painted(crowd), expected_square())
        assert painted(path, key="empty.png").sum() == 0


def test_coco_polygons_and_run_lengths_are_united(tmp_path):
    other = np.zeros((HEIGHT, WIDTH), np.uint8)
    other[7:15, 9:20] = 1
    union = painted(store(tmp_path, coco_file([flat(SQUARE)], rle(other))))
    np.testing.assert_array_equal(union, expected_square() | other)


@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    seed=st.integers(0, 999),
    p=st.floats(0, 1),
)
def test_run_lengths_decode_as_in_pycocotools(shape, seed, p):
    mask = (np.random.default_rng(seed).random(shape) < p).astype(np.uint8)
    scan = Scan(Path("a"), mask)
    for packed in (rle(mask), rle(mask, compressed=False)):
        np.testing.assert_array_equal(coco.decode_rle(packed, scan), mask)


def test_large_run_lengths_decode_as_in_pycocotools():
    rows, columns = np.mgrid[:1000, :1200]
    mask = (np.hypot(rows - 480, columns - 700) < 331.7).astype(np.uint8)
    np.testing.assert_array_equal(coco.decode_rle(rle(mask), Scan(Path("a"), mask)), mask)


@given(
    radii=st.lists(st.floats(2, 9), min_size=3, max_size=12),
    x=st.floats(10, 20),
    y=st.floats(9.5, 10.5),
)
def test_coco_polygons_lie_where_pycocotools_draws_them(tmp_path_factory, radii, x, y):
    """pycocotools rounds outlines to 0.2 px, so centres within 0.4 px of an outline may differ."""
    angles = np.arange(len(radii)) * 2 * np.pi / len(radii)
    points = np.column_stack([x + radii * np.cos(angles), y + radii * np.sin(angles)])
    path = store(tmp_path_factory.mktemp("coco"), coco_file([flat(points)]))
    try:
        ours = painted(path)
    except UserError as error:
        assert "polygon_outside" in str(error) or "no_area" in str(error)
        return
    theirs = coco_masks.decode(coco_masks.frPyObjects([flat(points)], HEIGHT, WIDTH))[..., 0]
    border = shapely.LinearRing(points)
    for row, column in np.argwhere(ours != theirs):
        assert border.distance(shapely.Point(column + 0.5, row + 0.5)) < 0.4


def test_coco_labels_are_names_or_numbers(tmp_path):
    path = store(tmp_path, coco_file([flat(SQUARE)]))
    for labels in ({"tumour": "tumour"}, {"1": "tumour"}):
        np.testing.assert_array_equal(painted(path, labels=labels), expected_square())
    assert painted(path, labels={"1": "background"}).sum() == 0
    with pytest.raises(UserError, match="label 'tumour' or '1'; expected one of 'oedema'"):
        painted(path, labels={"oedema": "tumour"})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (coco_file([]), r"a box without an outline.*box_only"),
        (coco_file([flat(SQUARE)], size=(30, 20)), "annotation_size"),
        (coco_file({"size": [30, 20], "counts": [600]}), "annotation_size"),
        (coco_file({"size": [20, 30], "counts": [10, 20]}), "rle_length"),
        (coco_file({"size": [20, 30], "counts": [-10, 610]}), "rle_length"),
        (coco_file({"size": [20, 30], "counts": [2**62, 2**62, 2**62, 2**62, 600]}), "rle_length"),
        (coco_file({"size": [20, 30], "counts": "\x7f\x7f"}), "cannot be read as coco"),
        (coco_file({"size": [20, 30], "counts": "o" * 200}), "cannot be read as coco"),
        (coco_file([[1, 2, 3, 4]]), "polygon_few_points"),
        (coco_file([[1, 2, 3, 4, 5]]), "cannot be read as coco"),
        (coco_file("no"), "cannot be read as coco"),
        ({"images": [], "annotations": []}, "key_missing"),
        ({"images": [{"id": 1}], "annotations": []}, "cannot be read as coco"),
    ],
)
def test_coco_errors_are_one_line(tmp_path, content, complaint):
    with pytest.raises(UserError, match=complaint) as caught:
        painted(store(tmp_path, content), "coco")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(
    not COCO_SLICES.is_dir(), reason=f"REAL SLICES NOT CHECKED: no {COCO_SLICES.name} in shared/"
)
def test_the_real_coco_slices_agree_with_pycocotools():
    images, overlaps = 0, []
    for part in ("train", "test"):
        path = COCO_SLICES / part / "_annotations.coco.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        for image in content["images"]:
            images += 1
            scan = Scan(Path("x"), np.zeros((image["height"], image["width"]), np.uint8))
            annotations = [a for a in content["annotations"] if a["image_id"] == image["id"]]
            ours = painted(path, key=image["file_name"], scan=scan).astype(bool)
            rles = [
                rle
                for annotation in annotations
                for rle in coco_masks.frPyObjects(annotation["segmentation"], *scan.voxels.shape)
            ]
            theirs = coco_masks.decode(coco_masks.merge(rles)).astype(bool)
            overlaps.append((ours & theirs).sum() / (ours | theirs).sum())
    assert images == 158
    assert np.mean(overlaps) > 0.99 and min(overlaps) > 0.95


def roi_file(tmp_path, *rois) -> Path:
    path = tmp_path / ("one.roi" if len(rois) == 1 else "many.zip")
    path.unlink(missing_ok=True)
    roiwrite(path, rois[0] if len(rois) == 1 else rois)
    return path


@pytest.mark.parametrize("kind", [ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED])
@pytest.mark.parametrize("number", [int, float])
def test_imagej_areas_start_at_the_pixels_corner(tmp_path, kind, number):
    points = [(number(x), number(y)) for x, y in SQUARE]
    mask = painted(roi_file(tmp_path, selection(points, kind)))
    np.testing.assert_array_equal(mask, expected_square())


def test_imagej_rectangle_oval_and_composite(tmp_path):
    rectangle = box(ROI_TYPE.RECT, 5, 3, 11, 9)
    np.testing.assert_array_equal(painted(roi_file(tmp_path, rectangle)), expected_square())
    rectangle.options |= ROI_OPTIONS.SUB_PIXEL_RESOLUTION
    rectangle.version = 229
    rectangle.xd, rectangle.yd, rectangle.widthd, rectangle.heightd = 5, 3, 6, 6
    np.testing.assert_array_equal(painted(roi_file(tmp_path, rectangle)), expected_square())
    oval = box(ROI_TYPE.OVAL, 6, 4, 25, 15)
    np.testing.assert_array_equal(painted(roi_file(tmp_path, oval)), disc(15.5, 9.5, 9.5, 5.5))
    ring = composite(SQUARE, [(7, 5), (9, 5), (9, 7), (7, 7)])
    expected = expected_square()
    expected[5:7, 7:9] = 0
    np.testing.assert_array_equal(painted(roi_file(tmp_path, ring)), expected)


def test_selections_of_an_imagej_zip_are_united_and_labelled_by_name_or_group(tmp_path):
    other = selection([(20, 3), (26, 3), (26, 9), (20, 9)], name="cyst")
    other.group = 2
    path = roi_file(tmp_path, selection(SQUARE), other)
    assert painted(path).sum() == 72
    for labels in ({"tumour": "tumour", "2": "background"}, {"0": "tumour", "cyst": "background"}):
        np.testing.assert_array_equal(painted(path, labels=labels), expected_square())


def test_lines_beside_an_imagej_selection_are_left_out_with_a_warning(tmp_path):
    path = roi_file(tmp_path, selection(SQUARE), box(ROI_TYPE.LINE, 0, 0, 4, 4, "line"))
    annotation = any_form.read(path, "auto", SCAN)
    np.testing.assert_array_equal(painted(path), expected_square())
    assert [note.code for note in annotation.notes] == ["polygon_stray"]


def test_imagej_errors_are_one_line(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"type line; expected polygon.*shape_type"):
        painted(roi_file(tmp_path, box(ROI_TYPE.LINE, 0, 0, 4, 4)))
    text = box(ROI_TYPE.RECT, 0, 0, 4, 4)
    text.subtype = ROI_SUBTYPE.TEXT
    with pytest.raises(UserError, match="shape_type"):
        painted(roi_file(tmp_path, text))
    path = tmp_path / "bad.roi"
    path.write_bytes(b"Iout" + b"\0" * 20)
    with pytest.raises(UserError, match="cannot be read as imagej_roi"):
        painted(path)
    bomb = tmp_path / "bomb.zip"
    monkeypatch.setattr(json_files, "MAX_FILE_BYTES", 10_000)
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("1.roi", bytes(9_000))
        opened.writestr("2.roi", bytes(9_000))
    with pytest.raises(UserError, match=r"18000 bytes.*annotation_too_large"):
        painted(bomb)
