"""Promises of the page of one volume: the volume itself, every class, no network, no WebGL."""

import base64
import gzip
import json
import math
import re
import weakref

import cv2
import numpy as np
import pytest
from chromium import browser
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tumorseg.reporting import three_planes, volume_viewer
from tumorseg.reporting.page_parts import COLOURS

SHAPE = (8, 20, 16)
CLASSES = ("whole", "core")


def volume():
    """A brick in a brick: image, and masks of two classes."""
    masks = np.zeros((*SHAPE, 2), np.uint8)
    masks[2:6, 5:15, 4:12, 0] = masks[3:5, 8:12, 6:10, 1] = 1
    ramp = np.arange(math.prod(SHAPE)).reshape(SHAPE) % 97
    return (ramp + 300.0 * masks[..., 0]).astype(np.int16), masks


def written(path, **changes):
    """A page with one prediction, two voxels beside the truth."""
    image, masks = volume()
    given = {
        "title": "Case 0001",
        "image": image,
        "spacing_mm": (2.0, 1.0, 1.0),
        "truth": masks,
        "predictions": [("bce", np.roll(masks, 2, axis=2))],
        "classes": CLASSES,
    }
    volume_viewer.write_viewer(path, **(given | changes))
    return path.read_text(encoding="utf-8")


def stored(text, name, shape):
    """A stored array of a page."""
    packed = re.search(rf'id="{name}">([^<]*)<', text)[1]
    return np.frombuffer(gzip.decompress(base64.b64decode(packed)), np.uint8).reshape(shape)


def facts_of(text):
    return json.loads(re.search(r'id="facts">(.*?)</script>', text)[1])


@pytest.mark.parametrize("count", [1, 2, 8, 9, 17])
def test_the_page_holds_every_voxel_of_every_class(tmp_path, count):
    image = volume()[0]
    masks = np.random.default_rng(count).integers(0, 2, (*SHAPE, count)).astype(np.uint8)
    text = written(
        tmp_path / "page.html",
        truth=masks,
        predictions=[("bce", 1 - masks)],
        classes=[f"class {index}" for index in range(count)],
    )
    grey = three_planes.to_grey(image, three_planes.grey_range(image, volume_viewer.KEPT_RANGE))
    np.testing.assert_array_equal(stored(text, "image", SHAPE), grey)
    for index, wanted in enumerate((masks, 1 - masks)):
        bits = stored(text, f"overlay-{index}", (math.ceil(count / 8), *SHAPE))
        for number in range(count):
            found = bits[number // 8] >> (number % 8) & 1
            np.testing.assert_array_equal(found, wanted[..., number])
    assert facts_of(text)["overlays"] == ["ground truth", "bce"]


def test_equal_volumes_give_equal_bytes_and_no_page_needs_webgl_or_a_network(tmp_path):
    text = written(tmp_path / "a.html")
    assert text == written(tmp_path / "b.html")
    assert not re.search(r"webgl|https?:|src=", text.lower())


def test_a_volume_within_the_limit_is_whole_and_a_larger_one_is_reduced_and_the_page_says_so(
    tmp_path,
):
    text = written(tmp_path / "page.html")
    assert facts_of(text)["shape"] == list(SHAPE) and "Reduced" not in text
    text = written(tmp_path / "page.html", most_voxels=700)
    facts = facts_of(text)
    assert facts["shape"] == [8, 10, 8] and facts["spacing"] == [2, 2, 2]
    assert "of 8 x 20 x 16 voxels" in text and "each block of 1 x 2 x 2 is shown as one" in text
    assert facts["at"] == [4, 5, 4]
    assert stored(text, "overlay-0", (1, 8, 10, 8))[0, 3, 4, 3] == 0b11


@given(
    shape=st.tuples(*[st.integers(1, 40)] * 3),
    spacing=st.tuples(*[st.floats(0.1, 9)] * 3),
    most=st.integers(1, 30_000),
)
def test_a_reduced_volume_fits_and_its_voxels_are_no_less_even_than_they_were(shape, spacing, most):
    sides = volume_viewer.block_sides(shape, spacing, most)
    assert math.prod(math.ceil(n / side) for n, side in zip(shape, sides, strict=True)) <= most
    if math.prod(shape) <= most:
        assert sides == (1, 1, 1)


@given(arrays(np.uint8, st.tuples(*[st.integers(1, 7)] * 3)), st.tuples(*[st.integers(1, 4)] * 3))
def test_a_block_becomes_its_mean_and_keeps_each_class_that_is_in_it(grey, sides):
    masks = np.stack([grey > 200, grey < 3], axis=-1).astype(np.uint8)
    means = volume_viewer.mean_of_blocks(grey, sides)
    kept = volume_viewer.any_of_blocks(masks, sides)
    for place in np.ndindex(means.shape):
        block = tuple(slice(at * s, (at + 1) * s) for at, s in zip(place, sides, strict=True))
        assert abs(float(means[place]) - grey[block].mean()) <= 0.5
        np.testing.assert_array_equal(kept[place], masks[block].max(axis=(0, 1, 2)))


def test_a_stack_of_coronal_slices_gives_the_page_of_the_same_volume(tmp_path):
    """Coronal slices run from Anterior to Posterior, their rows from Superior to Inferior."""
    image, masks = volume()
    turned = {"image": image[::-1].swapaxes(0, 1), "truth": masks[::-1].swapaxes(0, 1)}
    turned |= {"predictions": [("bce", np.roll(turned["truth"], 2, axis=2))]}
    text = written(tmp_path / "a.html", plane="coronal", spacing_mm=(1.0, 2.0, 1.0), **turned)
    assert text == written(tmp_path / "b.html")


def test_predictions_are_read_one_by_one(tmp_path):
    given = []

    def predictions():
        for name in "abc":
            masks = volume()[1]
            given.append(weakref.ref(masks))
            yield name, masks
            del masks
            assert sum(reference() is not None for reference in given) <= 1

    assert (
        facts_of(written(tmp_path / "page.html", predictions=predictions()))["overlays"][3] == "c"
    )


def test_masks_that_do_not_fit_the_image_raise_with_their_name(tmp_path):
    with pytest.raises(ValueError, match=r"Case 0001, bce: masks of \(8, 20, 16, 1\), expected"):
        written(tmp_path / "page.html", predictions=[("bce", volume()[1][..., :1])])


def test_names_cannot_break_the_page(tmp_path):
    name = '</script><img src=x onerror="x=1">'
    text = written(tmp_path / "page.html", title=name, classes=(name, "b"), predictions=[])
    assert "<img" not in text and facts_of(text)["classes"][0]["name"] == name
    with browser(tmp_path / "page.html") as tab:
        drawn(tab)
        assert tab.evaluate("window.x") is None
        assert tab.locator("h1").text_content() == name
        assert tab.complaints == []


# ---- in a browser


def drawn(tab):
    """Waits until the page is ready, and for two frames: what was asked for is drawn."""
    tab.wait_for_selector("body[data-ready]")
    tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def pixels(tab, plane):
    """A plane's picture as (height, width, 3), red first."""
    url = tab.evaluate("(plane) => document.getElementById(plane).toDataURL()", plane)
    content = np.frombuffer(base64.b64decode(url.split(",")[1]), np.uint8)
    return cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1]


def of_colour(picture, colour):
    """The pixels in exactly this colour: those of an outline."""
    rgb = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return (picture == rgb).all(axis=-1)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("viewer") / "page.html"
    written(path)
    return path


def test_the_volume_opens_from_a_file_at_the_tumour_with_all_classes_in_three_planes(page):
    with browser(page) as tab:
        drawn(tab)
        labels = tab.locator("figcaption span").all_text_contents()
        assert labels == ["coronal 11 of 20", "sagittal 9 of 16", "axial 5 of 8"]
        for plane in ("axial", "coronal", "sagittal"):
            for colour in COLOURS[:2]:
                assert of_colour(pixels(tab, plane), colour).sum() > 100
        assert (
            tab.locator("#here")
            .text_content()
            .endswith("ground truth: whole, core; bce: whole, core")
        )
        assert tab.complaints == []


def test_lines_lie_on_the_borders_of_the_voxels(page):
    with browser(page) as tab:
        drawn(tab)
        for plane, (high, wide), (top, bottom, left, right) in [
            ("axial", (20, 16), (5, 15, 4, 12)),
            ("coronal", (8, 16), (2, 6, 4, 12)),
            ("sagittal", (8, 20), (2, 6, 5, 15)),
        ]:
            picture = pixels(tab, plane)
            rows, columns = np.nonzero(of_colour(picture, COLOURS[0]))
            scale = np.array(picture.shape[:2]) / (high, wide)
            found = [rows.min(), rows.max(), columns.min(), columns.max()]
            wanted = np.array([top, bottom, left, right]) * np.repeat(scale, 2)
            np.testing.assert_allclose(found, wanted, atol=4)


def test_wheel_keys_and_slider_go_through_slices_and_stop_at_the_last(page):
    with browser(page) as tab:
        drawn(tab)
        label = tab.locator("figcaption span").last
        tab.locator("#axial").hover()
        tab.mouse.wheel(0, 100)
        drawn(tab)
        assert label.text_content() == "axial 6 of 8"
        tab.locator("#axial").press("ArrowDown")
        drawn(tab)
        assert label.text_content() == "axial 5 of 8"
        tab.locator("#axial").press("PageUp")
        drawn(tab)
        assert label.text_content() == "axial 8 of 8"
        assert not of_colour(pixels(tab, "axial"), COLOURS[0]).any()
        tab.locator('input[aria-label="axial slice"]').fill("3")
        drawn(tab)
        assert label.text_content() == "axial 4 of 8"
        assert tab.complaints == []


def test_a_click_moves_the_other_two_planes_to_it(page):
    with browser(page) as tab:
        drawn(tab)
        box = tab.locator("#coronal").bounding_box()
        position = {"x": box["width"] * 2.5 / 16, "y": box["height"] * 0.5 / 8}
        tab.locator("#coronal").click(position=position)
        drawn(tab)
        labels = tab.locator("figcaption span").all_text_contents()
        assert labels == ["coronal 11 of 20", "sagittal 3 of 16", "axial 8 of 8"]
        assert tab.locator("#here").text_content().endswith("ground truth: nothing; bce: nothing")


def test_classes_lines_and_areas_can_be_switched(page):
    with browser(page) as tab:
        drawn(tab)
        tab.get_by_label("core").uncheck()
        drawn(tab)
        picture = pixels(tab, "axial")
        assert of_colour(picture, COLOURS[0]).any() and not of_colour(picture, COLOURS[1]).any()
        tab.select_option("#lines", label="none")
        drawn(tab)
        assert not of_colour(pixels(tab, "axial"), COLOURS[0]).any()
        coloured = np.ptp(pixels(tab, "axial").astype(int), axis=-1) > 20
        assert 0.15 < coloured.mean() < 0.4  # 80 of 320 voxels
        tab.select_option("#areas", label="none")
        tab.locator("#cross").uncheck()
        drawn(tab)
        assert np.ptp(pixels(tab, "axial").astype(int), axis=-1).max() == 0  # only grey
        assert tab.complaints == []


def test_level_and_window_change_the_grey_values_and_can_be_reset(page):
    with browser(page) as tab:
        drawn(tab)
        before = pixels(tab, "sagittal")
        tab.locator("#level").fill("10")
        drawn(tab)
        assert pixels(tab, "sagittal").mean() > before.mean() + 10
        tab.locator("#reset").click()
        drawn(tab)
        np.testing.assert_array_equal(pixels(tab, "sagittal"), before)


def test_a_volume_of_one_slice_shows_that_slice_alone(tmp_path):
    image, masks = volume()
    written(tmp_path / "page.html", image=image[4:5], truth=masks[4:5], predictions=[])
    with browser(tmp_path / "page.html") as tab:
        drawn(tab)
        assert tab.locator("canvas").count() == 1
        assert of_colour(pixels(tab, "axial"), COLOURS[1]).any()
        assert tab.complaints == []


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(page, width):
    with browser(page, width) as tab:
        drawn(tab)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.complaints == []
