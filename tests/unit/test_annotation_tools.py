"""VIA, COCO and ImageJ annotations: where each tool's coordinates lie, and what is rejected."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import shapely
from annotation_files import (
    HEIGHT,
    SCAN,
    SQUARE,
    WIDTH,
    box,
    composite,
    disc,
    expected_square,
    filled,
    painted,
    selection,
)
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_masks
from roifile import ROI_OPTIONS, ROI_SUBTYPE, ROI_TYPE, roiwrite

from tumorseg.annotations import coco
from tumorseg.core.errors import UserError
from tumorseg.imaging.scans import Scan
from tumorseg.outlines import any_form, json_files
from tumorseg.outlines.image_keys import ImageKey

COCO_SLICES = Path(__file__).parents[3] / "shared" / "data" / "coco_slices"


def store(tmp_path, content) -> Path:
    path = tmp_path / "annotation.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


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
        (
            coco_file({"size": [20, 30], "counts": "\x7f\x7f"}),
            r"RLE with the character.*annotation_form",
        ),
        (
            coco_file({"size": [20, 30], "counts": "o" * 200}),
            r"RLE with the character.*annotation_form",
        ),
        (coco_file({"size": [20, 30], "counts": "o"}), r"RLE that ends too early.*annotation_form"),
        (coco_file({"size": [20, 30]}), r"without `size` or `counts`.*annotation_form"),
        (coco_file([[SQUARE]]), r"a list of lists of lists.*annotation_form"),
        (coco_file([SQUARE]), r"a list of lists of lists.*annotation_form"),
        (coco_file([[5, 3, 11, 3, 11]]), r"a polygon of 5 numbers.*border_odd"),
        (coco_file([5, 3, 11, 3, 11]), r"a polygon of 5 numbers.*border_odd"),
        (coco_file([[1, 2, 3, 4]]), "polygon_few_points"),
        (coco_file("no"), r"text or a number.*annotation_form"),
        ({"images": [], "annotations": []}, "key_missing"),
        ({"images": [{"id": 1}], "annotations": []}, "read as coco: it lacks 'file_name'"),
        (coco_file([[5, 3], [11, 3], [11, 9]]), "polygon_few_points"),
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


def coco_of(*names):
    """A COCO file of these images, each with the square."""
    images = [{"id": n, "file_name": name} for n, name in enumerate(names)]
    drawn = [{"image_id": n, "segmentation": [flat(SQUARE)]} for n in range(len(names))]
    return {"images": images, "annotations": drawn}


def via_of(*names):
    """The same as a VIA project."""
    return {f"{name}9": via([region(outline(SQUARE))], name)[f"{name}123"] for name in names}


PATIENTS = [f"p{number}/slice.png" for number in range(1, 9)]


def outcomes(path, keys):
    """For each key: found, or the code of the error."""
    results = []
    for key in keys:
        try:
            painted(path, key=ImageKey(key, frozenset(keys)))
            results.append("found")
        except UserError as wrong:
            results.append(str(wrong).rpartition("[")[2].strip("]"))
    return results


@pytest.mark.parametrize("file_of", [coco_of, via_of])
@pytest.mark.parametrize(
    ("names", "keys", "expected"),
    [
        (PATIENTS, PATIENTS, ["found"] * 8),
        (PATIENTS[:1], PATIENTS, ["found", *["key_missing"] * 7]),
        (PATIENTS[:3], PATIENTS[2:5], ["found", "key_missing", "key_missing"]),
        (["slice.png"], PATIENTS, ["key_ambiguous"] * 8),
        ([f"C:\\data\\{name}" for name in PATIENTS], PATIENTS, ["found"] * 8),
        ([f"export/{name}" for name in PATIENTS], PATIENTS, ["found"] * 8),
        ([f"export/{name}" for name in PATIENTS], [f"in/{p}" for p in PATIENTS], ["found"] * 8),
        (["a.png", "b.png"], ["in/p1/a.png", "in/p2/b.png"], ["found"] * 2),
        (["x/a.png", "y/b.png"], ["p1/a.png", "p2/b.png"], ["found"] * 2),
        (["a.jpg", "b.jpg"], ["p1/a.png", "p2/b.png"], ["found"] * 2),
        # Each patient's other slice is annotated: the file names would cross.
        (["p1/2.png", "p2/1.png"], ["p1/1.png", "p2/2.png"], ["key_missing"] * 2),
        (["p1/s.png"], ["s.png", "p1/s.png"], ["key_missing", "found"]),
        (["a.png", "old/a.png"], ["a.png", "old/a.png"], ["found"] * 2),
        (["a.png"], ["a.png", "a.jpg"], ["found", "key_missing"]),
        (["x/a.png", "y/a.png"], ["in/a.png"], ["key_ambiguous"]),
        (["a.png", "a.png"], ["a.png"], ["key_ambiguous"]),
        (["Tumo\u0308r.png"], ["p1/Tum\u00f6r.png"], ["found"]),
        # Names that differ only in capitals: as they are written, else the only one.
        (["P1/A.PNG", "P2/A.PNG"], ["p1/a.png", "p2/a.png"], ["found"] * 2),
        (["A.png", "a.png"], ["a.png", "A.png"], ["found"] * 2),
        (["a.png"], ["a.png", "A.png"], ["found", "key_missing"]),
        (["ab.png", "AB.png"], ["p1/Ab.png"], ["key_ambiguous"]),
        (["A.PNG"], ["p1/a.png", "p2/a.png"], ["key_ambiguous"] * 2),
        (["P1/a.png", "P2/b.png"], ["p1/b.png", "p2/a.png"], ["key_missing"] * 2),
        (["1.2.7.png", "1.2.8.png"], ["1.2.7", "1.2.8"], ["found"] * 2),
    ],
)
def test_an_annotation_belongs_to_the_image_of_its_path(tmp_path, file_of, names, keys, expected):
    if file_of is via_of and len(set(names)) < len(names):
        pytest.skip("a JSON object cannot repeat a key")
    assert outcomes(store(tmp_path, file_of(*names)), keys) == expected


def notes(path, keys=("scan.png",), form="auto"):
    key = ImageKey(keys[0], frozenset(keys))
    return [note for note in any_form.read(path, form, SCAN, key).notes if note.whole_file]


@pytest.mark.parametrize("number", ["7", 7.0, "7.0", " 7 ", "007"])
def test_coco_ids_are_compared_by_value(tmp_path, number):
    content = coco_file([flat(SQUARE)])
    content["annotations"][0] |= {"image_id": number, "category_id": "1"}
    path = store(tmp_path, content)
    np.testing.assert_array_equal(painted(path, labels={"tumour": "tumour"}), expected_square())
    assert notes(path, ["scan.png", "empty.png"]) == []


@pytest.mark.parametrize("number", ["seven", "7e0", "0x7", None, 7.5, [7], True])
def test_other_coco_ids_are_not(tmp_path, number):
    content = coco_file([flat(SQUARE)], [flat(SQUARE)])
    content["annotations"][0]["image_id"] = number
    (note,) = notes(store(tmp_path, content))
    assert note.code == "annotations_unlisted" and note.value.startswith("1 of 2 annotations")


def test_a_coco_file_of_which_most_annotations_fit_no_image_is_an_error(tmp_path):
    content = coco_file(*[[flat(SQUARE)]] * 3)
    for annotation in content["annotations"][1:]:
        annotation["image_id"] = 99
    with pytest.raises(UserError, match=r"2 of 3 annotations.*image 99.*annotations_unlisted_most"):
        painted(store(tmp_path, content))


def test_two_coco_images_or_categories_of_one_id_are_an_error(tmp_path):
    for place, name in (("images", "file_name"), ("categories", "name")):
        content = coco_file([flat(SQUARE)])
        content[place].append(
            content[place][0] | {name: "other", "id": f"{content[place][0]['id']}"}
        )
        with pytest.raises(UserError, match=rf"'other' in `{place}` have the id.*id_repeated"):
            painted(store(tmp_path, content))
        content[place][-1] = content[place][0]
        np.testing.assert_array_equal(painted(store(tmp_path, content)), expected_square())


def test_coco_annotations_of_one_id_all_count_with_a_warning(tmp_path):
    content = coco_file([flat(SQUARE)], [flat([(20, 3), (26, 3), (26, 9)])])
    content["annotations"][1]["id"] = "0"
    path = store(tmp_path, content)
    assert painted(path).sum() > 36
    assert [note.code for note in notes(path)] == ["annotation_id_repeated"]


@pytest.mark.parametrize("file_of", [coco_of, via_of])
def test_annotated_images_that_are_no_case_are_counted(tmp_path, file_of):
    path = store(tmp_path, file_of("scan.png", "b.png", "c.png"))
    (note,) = notes(path, ["scan.png", "c.png"])
    assert note.code == "annotated_image_unused"
    assert note.value.startswith("1 annotated images") and "'b.png'" in note.value
    assert notes(path, ["scan.png", "b.png", "c.png"]) == []


def test_names_that_differ_only_in_capitals_keep_their_own_outlines(tmp_path):
    names = ["a.png", "A.png"]
    content = coco_of(*names)
    content["annotations"][1]["segmentation"] = [flat([(20, 3), (26, 3), (26, 9)])]
    for written in (names, [f"C:\\x\\{name}" for name in names]):
        for image, name in zip(content["images"], written, strict=True):
            image["file_name"] = name
        path = store(tmp_path, content)
        large, small = (painted(path, key=ImageKey(name, frozenset(names))) for name in names)
        np.testing.assert_array_equal(large, expected_square())
        assert 0 < small.sum() < 36


def test_a_via_region_with_labels_that_contradict_each_other_is_an_error(tmp_path):
    path = store(tmp_path, via([region(outline(SQUARE), kind="tumour", side="left")]))
    assert painted(path, labels={"tumour": "tumour"}).sum() == 36
    with pytest.raises(UserError, match=r"labels 'tumour', 'left'.*label_twice"):
        painted(path, labels={"tumour": "tumour", "left": "background"})


def test_a_flat_coco_segmentation_is_one_polygon(tmp_path):
    path = store(tmp_path, coco_file(flat(SQUARE)))
    np.testing.assert_array_equal(painted(path), expected_square())


def test_a_stray_click_beside_an_outline_is_left_out_with_a_warning(tmp_path):
    path = store(tmp_path, coco_file([flat(SQUARE), [1, 1, 2, 2]], [[3, 3, 4, 4, 5, 5]]))
    annotation = any_form.read(path, "auto", SCAN)
    np.testing.assert_array_equal(filled(annotation), expected_square())
    (note,) = annotation.notes
    assert note.code == "polygon_stray"
    assert "2 of 3 shapes enclose nothing: outline of 2 points, outline without area" in note.line()
    with pytest.raises(UserError, match="polygon_few_points"):
        painted(store(tmp_path, coco_file([[1, 1, 2, 2]], [[3, 3, 4, 4, 5, 5]])))
    brush = {"size": [HEIGHT, WIDTH], "counts": [100, 5, 495]}
    assert painted(store(tmp_path, coco_file(brush, [[1, 1, 2, 2]]))).sum() == 5


def via3(regions, files=("scan.png",)):
    numbers = [str(n) for n in range(1, len(files) + 1)]
    return {
        "project": {"pid": "__VIA_PROJECT_ID__", "data_format_version": "3.1.1"},
        "config": {},
        "attribute": {
            "1": {"aname": "kind", "type": 3, "options": {"0": "tumour", "1": "cyst"}},
            "2": {"aname": "by", "type": 1, "options": {"default": ""}},
        },
        "file": {n: {"fid": n, "fname": f, "type": 2} for n, f in zip(numbers, files, strict=True)},
        "view": {n: {"fid_list": [n]} for n in numbers},
        "metadata": {
            f"{view}_{n}": {"vid": view, "flg": 0, "z": [], "xy": xy, "av": av}
            for n, (view, xy, av) in enumerate(regions)
        },
    }


@pytest.mark.parametrize(
    ("xy", "expected"),
    [
        ([7, *flat(SQUARE)], expected_square()),
        ([2, 5, 3, 6, 6], expected_square()),
        ([3, 15, 10, 6.3], disc(15, 10, 6.3, 6.3)),
        ([4, 15, 10, 9.4, 4.2], disc(15, 10, 9.4, 4.2)),
    ],
)
def test_projects_of_via_3_are_read(tmp_path, xy, expected):
    content = via3([("1", xy, {"1": "0"}), ("2", [7, *flat(SQUARE)], {})], ["scan.png", "b.png"])
    np.testing.assert_array_equal(painted(store(tmp_path, content)), expected)


def test_labels_of_via_3_are_the_names_of_its_options(tmp_path):
    small = [7, 20, 3, 26, 3, 26, 9]
    path = store(tmp_path, via3([("1", [7, *flat(SQUARE)], {"1": "0"}), ("1", small, {"1": "1"})]))
    chosen = {"tumour": "tumour", "cyst": "background"}
    np.testing.assert_array_equal(painted(path, labels=chosen), expected_square())


@pytest.mark.parametrize(
    ("regions", "complaint"),
    [
        ([("1", [6, 1, 1, 5, 5], {})], r"'number 6 of VIA 3'.*shape_type"),
        ([("9", [7, *flat(SQUARE)], {})], r"1 of 1 annotations.*annotations_unlisted_most"),
        ([("1", [2, 5, 3], {})], "cannot be read as via"),
    ],
)
def test_errors_of_via_3_are_one_line(tmp_path, regions, complaint):
    with pytest.raises(UserError, match=complaint):
        painted(store(tmp_path, via3(regions)))


@pytest.mark.parametrize("content", [coco_file([flat(SQUARE)]), via([region(outline(SQUARE))])])
def test_outlines_of_every_tool_on_a_volume_are_one_line(tmp_path, content):
    volume = Scan(Path("volume.nii"), np.zeros((5, 6, 7), np.uint16), affine=np.eye(4))
    with pytest.raises(UserError, match=r"5 x 6 x 7.*outline_on_volume"):
        any_form.read(store(tmp_path, content), "auto", volume, "scan.png")
