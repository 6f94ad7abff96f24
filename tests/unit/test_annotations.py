"""Annotations drawn in JSON or painted as masks: what each format reads and rejects."""

import base64
import io
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from annotation_files import HEIGHT, WIDTH, expected_square, filled, painted
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from shapely.geometry import Polygon

from tumorseg.core import registry
from tumorseg.core.cases import Case
from tumorseg.core.errors import UserError
from tumorseg.core.images import write_mask
from tumorseg.data import storing
from tumorseg.imaging import scans
from tumorseg.imaging.scans import Labels, Scan
from tumorseg.outlines import any_form
from tumorseg.outlines.drawings import Annotation

SQUARE = [[4.5, 2.5], [10.5, 2.5], [10.5, 8.5], [4.5, 8.5]]  # pixels x 5..10, y 3..8
SCAN = Scan(Path("image.png"), np.zeros((HEIGHT, WIDTH), np.uint8))
SLICE = Scan(Path("series"), SCAN.voxels[None], affine=np.eye(4), uids=("1.2",))


def shape(points, **more):
    return {"label": "tumour", "points": points, "shape_type": "polygon"} | more


def store(tmp_path, content) -> Path:
    path = tmp_path / "annotation.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def read(path, form="auto", **options) -> np.ndarray:
    return painted(path, form, scan=SCAN, **options)


def codes(annotation: Annotation) -> list[str]:
    return [note.code for note in annotation.notes]


@pytest.mark.parametrize("form", ["auto", None])
def test_every_format_of_a_square_gives_the_same_mask(tmp_path, form):
    polygons = store(tmp_path, {"shapes": [shape(SQUARE)], "imageHeight": 20, "imageWidth": 30})
    np.testing.assert_array_equal(read(polygons, form or "labelme"), expected_square())
    one_based = (np.array(SQUARE) + 1).tolist()
    flat = np.ravel(one_based).tolist()
    for content, key in [(one_based, ""), (flat, ""), ({"a": flat, "b": []}, "a")]:
        path = store(tmp_path, content)
        np.testing.assert_array_equal(read(path, form or "border", key=key), expected_square())
    path = tmp_path / "mask.png"
    write_mask(path, expected_square())
    np.testing.assert_array_equal(read(path, form or "mask"), expected_square())


def test_outlines_on_a_single_dicom_slice_become_a_mask_of_its_shape(tmp_path):
    annotation = any_form.read(store(tmp_path, {"shapes": [shape(SQUARE)]}), "auto", SLICE)
    assert annotation.parts is None
    np.testing.assert_array_equal(annotation.mask, expected_square()[None])


def test_labelme_polygons_are_united(tmp_path):
    second = [[8.5, 5.5], [14.5, 5.5], [14.5, 11.5], [8.5, 11.5]]
    mask = read(store(tmp_path, {"shapes": [shape(SQUARE), shape(second)]}))
    assert mask.sum() == 36 + 36 - 2 * 3
    assert set(np.unique(mask)) == {0, 1}


def test_labelme_rectangle_and_circle(tmp_path):
    corners = [[10.5, 8.5], [4.5, 2.5]]
    mask = read(store(tmp_path, {"shapes": [shape(corners, shape_type="rectangle")]}))
    np.testing.assert_array_equal(mask, expected_square())
    circle = shape([[14.0, 9.0], [14.0, 16.3]], shape_type="circle")
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    disc = np.hypot(rows - 9, columns - 14) < 7.3
    np.testing.assert_array_equal(read(store(tmp_path, {"shapes": [circle]})), disc)


@pytest.mark.parametrize("kind", ["rectangle", "rotation", "polygon"])
def test_a_labelme_rectangle_may_have_four_corners_and_be_turned(tmp_path, kind):
    path = store(tmp_path, {"shapes": [shape(SQUARE, shape_type=kind)]})
    np.testing.assert_array_equal(read(path), expected_square())
    turned = [[15.0, 3.1], [20.9, 9.0], [15.0, 14.9], [9.1, 9.0]]
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    diamond = np.abs(columns - 15) + np.abs(rows - 9) < 5.9
    path = store(tmp_path, {"shapes": [shape(turned, shape_type=kind)]})
    np.testing.assert_array_equal(read(path), diamond)


def brush(inside, left, top, **more):
    """A shape as LabelMe's brush writes it: the box's last pixel belongs to it."""
    stored = io.BytesIO()
    Image.fromarray(inside).save(stored, "PNG")
    height, width = inside.shape
    points = [[left, top], [left + width - 1, top + height - 1]]
    text = base64.b64encode(stored.getvalue()).decode()
    return shape(points, shape_type="mask", mask=text) | more


@pytest.mark.parametrize("convert", [lambda m: m > 0, lambda m: m, lambda m: m * np.uint8(255)])
def test_labelmes_brush_paints_its_box_to_the_last_pixel(tmp_path, convert):
    inside = (np.random.default_rng(1).random((7, 9)) < 0.5).astype(np.uint8)
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[12:19, 20:29] = inside
    path = store(tmp_path, {"shapes": [brush(convert(inside), 20, 12)]})
    np.testing.assert_array_equal(read(path), expected)
    path = store(tmp_path, {"shapes": [brush(convert(inside), 20, 12), shape(SQUARE)]})
    np.testing.assert_array_equal(read(path), expected | expected_square())


@pytest.mark.parametrize("points", [[[20, 12], [27, 18]], [[25, 12], [33, 18]], [[-1, 0], [7, 6]]])
def test_a_brush_that_does_not_fill_its_box_in_the_image_is_rejected(tmp_path, points):
    path = store(tmp_path, {"shapes": [brush(np.ones((7, 9), bool), 20, 12, points=points)]})
    with pytest.raises(UserError, match=r"mask of 9 x 7 in a box.*annotation_size"):
        read(path)


@pytest.mark.parametrize("damaged", [None, "", "!!", "AAAA", base64.b64encode(b"GIF89a").decode()])
def test_a_brush_without_a_png_is_rejected_without_pythons_words(tmp_path, damaged):
    path = store(tmp_path, {"shapes": [brush(np.ones((7, 9), bool), 20, 12, mask=damaged)]})
    with pytest.raises(UserError, match="cannot be read as labelme"):
        read(path)


LINES = [
    shape([[1, 1]], shape_type="point"),
    shape([[1, 1], [5, 5], [9, 1]], shape_type="linestrip"),
    shape([[1, 1], [5, 5]], shape_type="line"),
]


def test_points_and_lines_beside_a_labelme_polygon_are_left_out_with_a_warning(tmp_path):
    path = store(tmp_path, {"shapes": [LINES[0], shape(SQUARE), *LINES[1:]]})
    annotation = any_form.read(path, "auto", SCAN)
    np.testing.assert_array_equal(filled(annotation), expected_square())
    assert codes(annotation) == ["polygon_stray"]
    assert "3 of 4 shapes enclose nothing: line, linestrip, point" in annotation.notes[0].line()


@pytest.mark.parametrize("line", LINES)
def test_a_labelme_file_of_lines_alone_and_unknown_shapes_stay_errors(tmp_path, line):
    for shapes in ([line], [shape(SQUARE), shape(SQUARE, shape_type="cuboid")]):
        with pytest.raises(UserError, match="shape_type"):
            read(store(tmp_path, {"shapes": shapes}))


@pytest.mark.parametrize(
    ("image_path", "warned"),
    [
        ("image.png", False),
        ("..\\scans\\image.png", False),
        ("/home/x/Image.JPG ", False),
        ("image.nii.gz", False),
        ("", False),
        (None, False),
        (7, False),
        ("image2.png", True),
        ("images\\other.png", True),
    ],
)
def test_a_labelme_file_that_names_another_image_gives_a_warning(tmp_path, image_path, warned):
    path = store(tmp_path, {"shapes": [shape(SQUARE)], "imagePath": image_path})
    annotation = any_form.read(path, "auto", SCAN)
    np.testing.assert_array_equal(filled(annotation), expected_square())
    assert codes(annotation) == (["annotation_other_image"] if warned else [])


@given(
    points=st.lists(
        st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1)), min_size=3, max_size=8
    ).filter(lambda points: Polygon(points).is_valid)
)
def test_labelme_polygons_lie_where_labelme_draws_them(tmp_path_factory, points):
    """LabelMe draws with PIL, which also fills border pixels and rounds thin tips: every pixel that
    differs touches the outline."""
    path = store(tmp_path_factory.mktemp("pil"), {"shapes": [shape(points)]})
    ours = read(path).astype(bool)
    picture = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(picture).polygon(points, outline=1, fill=1)
    theirs = np.array(picture, bool)
    border = Polygon(points).exterior
    for row, column in np.argwhere(theirs != ours):
        assert border.distance(Polygon([(column, row)] * 3).centroid) < 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_json_of_windows_programs_is_recognised(tmp_path, encoding):
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    path = tmp_path / "annotation.json"
    path.write_bytes((mark + json.dumps({"shapes": [shape(SQUARE)]})).encode(encoding))
    np.testing.assert_array_equal(read(path), expected_square())


def test_an_annotation_without_outlines_is_empty_and_accepted(tmp_path):
    annotation = any_form.read(store(tmp_path, {"shapes": []}), "auto", SCAN)
    assert annotation.parts == () and annotation.mask is None


def test_the_map_of_labels_decides_what_counts(tmp_path):
    other = [[20.5, 2.5], [26.5, 2.5], [26.5, 8.5]]
    path = store(tmp_path, {"shapes": [shape(SQUARE), shape(other, label="oedema")]})
    assert read(path).sum() > 36
    chosen = read(path, labels={"tumour": "tumour", "oedema": "background"})
    np.testing.assert_array_equal(chosen, expected_square())
    with pytest.raises(UserError, match=r"label 'oedema'; expected one of 'tumour'.*label_unknown"):
        read(path, labels={"tumour": "tumour"})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "not JSON"),
        ("[" * 10_000, "not JSON"),
        ([1, 2], "cannot be read as labelme"),
        ({"regions": []}, r"no image 'image.png' among 1.*key_missing"),
        ({"shapes": [shape(SQUARE)], "imageHeight": 30, "imageWidth": 20}, "annotation_size"),
        ({"shapes": [shape(SQUARE, shape_type="line")]}, "'line'; expected polygon, rectangle"),
        ({"shapes": [shape([[40, 0], [99, 0], [55, 5]])]}, "polygon_outside"),
        ({"shapes": [shape([[0, 0], [9, 0]])]}, "at least three"),
        ({"shapes": [shape([[0, 0], [9, 0], [0, 0]])]}, "at least three"),
        ({"shapes": [shape([[0, 0], [9, 0], [4, 0]])]}, "polygon_no_area"),
        ({"shapes": [shape([[0, 0], [1e9, 0], [4, 4]])]}, "polygon_absurd"),
        ({"shapes": [shape([[0, 0], [None, 0], [4, 4]])]}, "polygon_not_finite"),
        ('{"shapes": [{"points": [[0, 0], [NaN, 1], [4, 4]]}]}', "polygon_not_finite"),
        ({"shapes": [shape([[0, 0], ["a", 0], [1, 1]])]}, "cannot be read as labelme"),
        ({"shapes": [shape([[0, 0], [1], [1, 1]])]}, "cannot be read as labelme"),
        ({"shapes": [{"label": "tumour"}]}, "cannot be read as labelme"),
        ({"shapes": ["tumour"]}, "cannot be read as labelme"),
        ({"shapes": None}, "cannot be read as labelme"),
        ({"shapes": [shape([[-1, -1], [99, -1], [99, 99], [-1, 99]])]}, "annotation_all"),
    ],
)
def test_labelme_errors_are_one_line(tmp_path, content, complaint):
    with pytest.raises(UserError, match=complaint) as caught:
        read(store(tmp_path, content), "labelme")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "not JSON"),
        ({"a": 1}, "key_missing"),
        ([[1, 2], [3]], "cannot be read as border"),
        ([1, 2, 3], "expected pairs"),
        ('{"image.png": [1, 1, 9, 1, 9, 9], "image.png": []}', "key 'image.png' twice"),
        # Four points of x, y, z are six pairs, and two borders one list, if nobody looks.
        ([[5, 3, 0], [11, 3, 0], [11, 9, 0], [5, 9, 0]], "lists of 3 numbers.*border_odd"),
        ([[[5, 3], [9, 3], [9, 9]], [[1, 1], [2, 1], [2, 2]]], "lists of 3 x 2.*border_odd"),
        ([[1, 1], [5, 5]], "at least three"),
        ([], "at least three"),
        ([[1, 1], [None, 1], [5, 5]], "polygon_not_finite"),
    ],
)
def test_border_errors_are_one_line(tmp_path, content, complaint):
    with pytest.raises(UserError, match=complaint) as caught:
        read(store(tmp_path, content), "border")
    assert "\n" not in str(caught.value)


def test_a_mask_of_another_size_is_rejected(tmp_path):
    path = tmp_path / "mask.png"
    write_mask(path, expected_square().T)
    with pytest.raises(UserError, match=r"image 20 wide and 30 high.*annotation_size"):
        read(path)


def labelled(values, labels=None, monkey=None):
    monkey.setattr(scans, "read_labels", lambda path: Labels(values))
    return any_form.read(Path("mask.png"), "mask", SCAN, "", labels)


@pytest.mark.parametrize("value", [1, 2, 255, 65535])
def test_a_mask_of_one_value_needs_no_map(monkeypatch, value):
    annotation = labelled(expected_square().astype(int) * value, monkey=monkeypatch)
    np.testing.assert_array_equal(annotation.mask, expected_square())
    assert annotation.mask.dtype == np.uint8 and annotation.notes == ()


def test_a_mask_of_several_labels_needs_a_map_of_all_of_them(monkeypatch):
    values = expected_square().astype(int)
    values[4, 6], values[0, 0] = 4, 2
    with pytest.raises(UserError, match=r"label 1, 2, 4; expected a single label.*label_unknown"):
        labelled(values, monkey=monkeypatch)
    with pytest.raises(UserError, match=r"label 2; expected one of '1', '4'"):
        labelled(values, {"1": "tumour", "4": "tumour"}, monkey=monkeypatch)
    counted = {"1": "tumour", "2": "background", "4": "tumour", "7": "tumour"}
    annotation = labelled(values, counted, monkey=monkeypatch)
    np.testing.assert_array_equal(annotation.mask, expected_square())


@pytest.mark.parametrize("name", ["--1", "1.5", "one", "٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣"])
def test_a_name_that_is_no_number_means_no_value_of_a_mask(monkeypatch, name):
    values = expected_square().astype(int)
    labelled(values, {"1": "tumour", name: "background"}, monkey=monkeypatch)
    with pytest.raises(UserError, match="label_unknown"):
        labelled(values, {name: "tumour"}, monkey=monkeypatch)


def test_a_value_that_the_map_names_twice_must_mean_the_same(monkeypatch):
    values = expected_square().astype(int)
    labelled(values, {"1": "tumour", "01": "tumour"}, monkey=monkeypatch)
    with pytest.raises(UserError, match=r"label '01' tumour and background.*label_twice"):
        labelled(values, {"1": "tumour", "01": "background"}, monkey=monkeypatch)


def test_grey_edges_are_cut_at_half_with_a_warning(monkeypatch):
    values = expected_square().astype(int) * 250
    values[3, 5:11], values[2, 5:11], values[15, 20] = 125, 124, 3
    annotation = labelled(values, monkey=monkeypatch)
    np.testing.assert_array_equal(annotation.mask, expected_square())
    assert codes(annotation) == ["mask_grey_edges"]


def test_grey_labels_are_not_mistaken_for_grey_edges(monkeypatch):
    values = np.zeros((HEIGHT, WIDTH), int)
    values[2:12, 2:12], values[2:12, 16:26] = 127, 255
    with pytest.raises(UserError, match="label 127, 255"):
        labelled(values, monkey=monkeypatch)


def test_an_empty_mask_is_accepted_and_a_full_one_rejected(monkeypatch):
    assert labelled(np.zeros((HEIGHT, WIDTH), int), monkey=monkeypatch).mask.sum() == 0
    with pytest.raises(UserError, match="annotation_all"):
        labelled(np.full((HEIGHT, WIDTH), 255), monkey=monkeypatch)


def test_a_label_volume_is_put_on_the_images_grid(tmp_path):
    """Its first axis is reversed and its last two are exchanged."""
    values = np.random.default_rng(1).integers(0, 2, (5, 6, 7)).astype(np.uint8)
    image = Scan(Path("v.nii"), np.zeros((5, 6, 7), np.uint16), affine=np.diag([1.0, 1, 2, 1]))
    other = image.affine[:, [0, 2, 1, 3]] @ np.diag([-1.0, 1, 1, 1])
    other[0, 3] = 4
    turned = np.ascontiguousarray(values[::-1].transpose(0, 2, 1))
    nibabel.save(nibabel.Nifti1Image(turned, other), tmp_path / "labels.nii.gz")
    annotation = any_form.read(tmp_path / "labels.nii.gz", "auto", image)
    np.testing.assert_array_equal(annotation.mask, values)


def test_a_jpeg_mask_is_restored_exactly(tmp_path):
    """Compression leaves greys above and below half around the edge."""
    square = np.kron(expected_square(), np.ones((7, 7), np.uint8)) * 255
    Image.fromarray(square).save(tmp_path / "mask.jpg", quality=75)
    scan = Scan(Path("image.png"), square)
    annotation = any_form.read(tmp_path / "mask.jpg", "auto", scan)
    np.testing.assert_array_equal(annotation.mask, square > 0)
    assert codes(annotation) == ["mask_grey_edges"]


def test_outlines_on_a_volume_are_rejected(tmp_path):
    volume = Scan(Path("volume.nii"), np.zeros((5, 6, 7), np.uint16), affine=np.eye(4))
    with pytest.raises(UserError, match=r"5 x 6 x 7.*outline_on_volume"):
        any_form.read(store(tmp_path, {"shapes": [shape(SQUARE)]}), "auto", volume)


@pytest.mark.parametrize("name", [*registry.names("annotations"), "auto"])
def test_every_format_reports_a_missing_file(tmp_path, name):
    with pytest.raises(UserError, match="no such"):
        any_form.read(tmp_path / "missing", name, SCAN)


def test_a_stored_annotation_gives_the_same_mask_and_holds_only_numbers(tmp_path):
    secret = "Jane Doe 1970"
    content = {"shapes": [shape(SQUARE, label=secret, description=secret)], "imagePath": secret}
    annotation = any_form.read(store(tmp_path, content), "auto", SCAN)
    for parts, mask in [(annotation.parts, None), (None, filled(annotation))]:
        case = Case("a.b", "p", "axial", SCAN.voxels, parts, mask, (1, 1), secret)
        folder = tmp_path / ("parts" if mask is None else "mask")
        path = storing.store_annotation(folder, "a.b", storing.every_class(case)[0], case)
        assert path.name == ("a.b.json" if mask is None else "a.b.png")
        found = storing.load_annotation(folder, "a.b", (HEIGHT, WIDTH))
        np.testing.assert_array_equal(found, expected_square())
        assert b"Jane" not in path.read_bytes()
    with pytest.raises(UserError, match="expected"):
        storing.load_annotation(folder, "a.b", (WIDTH, HEIGHT))
    (tmp_path / "parts" / "a.b.json").write_text('{"shapes": []}', encoding="utf-8")
    with pytest.raises(UserError, match="import the cases again"):
        storing.load_annotation(tmp_path / "parts", "a.b", (HEIGHT, WIDTH))
