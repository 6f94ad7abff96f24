"""Masks of several values or colours: edges are no labels, and no label is taken for an edge."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tumorseg.core.errors import UserError
from tumorseg.core.problems import DataError
from tumorseg.imaging.scans import Scan
from tumorseg.outlines import any_form
from tumorseg.outlines.colour_masks import read_colours
from tumorseg.outlines.drawings import unknown_label
from tumorseg.outlines.grey_edges import tumour_level

SIDE = 96
RED, GREEN, BLACK, WHITE = (255, 0, 0), (0, 160, 0), (0, 0, 0), (255, 255, 255)
SLOWLY = settings(max_examples=30, deadline=None, derandomize=True)


def ellipse(centre, axes, turn=0.0, side=SIDE) -> np.ndarray:
    mask = np.zeros((side, side), np.uint8)
    return cv2.ellipse(mask, centre, axes, turn, 0, 360, 1, -1)


CENTRES = st.tuples(st.integers(30, 66), st.integers(30, 66))
# Not thinner than 13 pixels, so that its middle keeps its value when it is smoothed.
REGIONS = st.builds(
    ellipse, CENTRES, st.tuples(st.integers(6, 24), st.integers(6, 24)), st.floats(0, 180)
)
LEVELS = st.sampled_from([148, 200, 254, 255])


def as_jpeg(mask, quality):
    stored = io.BytesIO()
    Image.fromarray(mask).save(stored, "JPEG", quality=quality)
    return np.asarray(Image.open(stored))


def resized(mask, factor, how):
    return cv2.resize(mask, None, fx=factor, fy=factor, interpolation=how)


# Overshoots: cubic and Lanczos. Shrinking, and JPEG of quality 60, are the coarsest.
DISTURBANCES = {
    **{f"JPEG {quality}": (lambda m, q=quality: as_jpeg(m, q)) for quality in (60, 75, 90, 100)},
    **{f"blur {s}": (lambda m, s=s: cv2.GaussianBlur(m, (0, 0), s)) for s in (0.5, 0.8, 1.0)},
    **{f"bilinear x {f}": (lambda m, f=f: resized(m, f, cv2.INTER_LINEAR)) for f in (0.7, 2, 8)},
    **{f"cubic x {f}": (lambda m, f=f: resized(m, f, cv2.INTER_CUBIC)) for f in (1.5, 2, 4)},
    **{f"Lanczos x {f}": (lambda m, f=f: resized(m, f, cv2.INTER_LANCZOS4)) for f in (1.5, 3)},
}


def two_sizes(mask, disturb):
    """The undisturbed mask at the disturbed one's size, and where it is at least 1.5 px inside."""
    side = disturb.shape[0]
    wanted = cv2.resize(mask, (side, side), interpolation=cv2.INTER_NEAREST_EXACT) > 0
    square = np.ones((7, 7), np.uint8)
    sure = cv2.erode(wanted.astype(np.uint8), square) > 0
    never = cv2.dilate(wanted.astype(np.uint8), square) == 0
    return sure, never


@pytest.mark.parametrize("name", DISTURBANCES)
@SLOWLY
@given(region=REGIONS, level=LEVELS)
def test_edges_of_any_region_are_cut_at_half_of_its_level(name, region, level):
    disturbed = DISTURBANCES[name](region * np.uint8(level))
    if np.unique(disturbed).size < 4:  # nothing was disturbed
        return
    found = tumour_level(disturbed)
    assert found is not None
    sure, never = two_sizes(region, disturbed)
    assert (disturbed[sure] >= found / 2).all()
    assert (disturbed[never] < found / 2).all()


@SLOWLY
@given(region=REGIONS, other=REGIONS, level=LEVELS, value=st.integers(1, 254))
def test_a_second_label_of_any_value_is_never_an_edge(region, other, level, value):
    if abs(value - level) < 1:
        return
    values = np.where(region > 0, level, other * value).astype(np.uint8)
    if not cv2.erode((values == value).astype(np.uint8), np.ones((3, 3))).any():
        return  # the first region hides the second
    assert tumour_level(values) is None


@SLOWLY
@given(region=REGIONS, value=st.integers(50, 200), quality=st.integers(75, 100))
def test_a_second_label_survives_compression_or_the_mask_is_refused(region, value, quality):
    other = ellipse((15, 80), (8, 8))
    values = np.where(region > 0, 255, other * value).astype(np.uint8)
    assert tumour_level(as_jpeg(values, quality)) is None


@SLOWLY
@given(region=REGIONS, value=st.integers(32, 223))
def test_a_thin_ring_of_one_value_around_the_tumour_is_a_label(region, value):
    ring = cv2.dilate(region, np.ones((3, 3), np.uint8))
    values = np.where(region > 0, 255, ring * value).astype(np.uint8)
    assert tumour_level(values) is None


@SLOWLY
@given(centre=CENTRES, width=st.floats(8, 20), top=st.floats(0.6, 1))
def test_soft_probabilities_are_never_thresholded(centre, width, top):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    distance = np.hypot(rows - centre[1], columns - centre[0])
    assert tumour_level((255 * top * np.exp(-((distance / width) ** 2))).astype(np.uint8)) is None
    soft = 255 * top / (1 + np.exp((distance - 25) / 4))
    assert tumour_level(soft.astype(np.uint8)) is None


@pytest.mark.parametrize("labels", [(1, 255), (1, 2, 255), (50, 255), (254, 255), (127, 128)])
@pytest.mark.parametrize("scale", [1, 257])
def test_labels_beside_a_large_number_are_labels(labels, scale):
    """As in masks where 255 marks pixels to ignore; scale: the same in 16 bit."""
    values = np.zeros((SIDE, SIDE), np.uint16)
    for number, value in enumerate(labels):
        values[10 + 25 * number : 20 + 25 * number, 20:60] = value * scale
    assert tumour_level(values) is None


def test_twenty_labels_and_one_for_ignored_pixels_are_labels():
    values = np.kron(np.arange(25).reshape(5, 5) % 20, np.ones((12, 12))).astype(np.uint8)
    values[:6, :6] = 255
    assert tumour_level(values) is None


def test_noise_and_photographs_are_no_masks():
    noise = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE)).astype(np.uint8)
    assert tumour_level(noise) is None
    assert tumour_level(cv2.GaussianBlur(noise, (0, 0), 3) * 2) is None


def test_smoothed_16_bit_masks_are_cut_at_half():
    region = ellipse((40, 50), (20, 12)).astype(np.uint16) * 65535
    assert tumour_level(cv2.GaussianBlur(region, (0, 0), 0.8)) == 65535


def stored(folder: Path, pixels, mode=None, **options) -> Path:
    path = folder / "mask.png"
    picture = Image.fromarray(np.asarray(pixels, np.uint8), mode)
    if "palette" in options:
        picture.putpalette(options.pop("palette"))
    picture.save(path, **options)
    return path


def read(path: Path, labels=None):
    with Image.open(path) as picture:
        scan = Scan(Path("image.png"), np.zeros((picture.height, picture.width), np.uint8))
    return any_form.read(path, "auto", scan, "", labels)


def codes(annotation) -> list[str]:
    return [note.code for note in annotation.notes]


def painted(region, colour, background=BLACK) -> np.ndarray:
    return np.where(region[..., None] > 0, np.array(colour), np.array(background))


REGION = ellipse((40, 50), (20, 12))


def test_probabilities_are_refused_with_a_hint_to_threshold_them(tmp_path):
    soft = cv2.GaussianBlur(REGION * 255, (0, 0), 9)
    with pytest.raises(UserError, match=r"threshold probabilities.*label_unknown"):
        read(stored(tmp_path, soft))


@pytest.mark.parametrize("colour", [RED, (255, 0, 255), (7, 200, 31), (1, 0, 0)])
def test_a_mask_of_one_colour_on_black_is_taken_with_a_warning(tmp_path, colour):
    annotation = read(stored(tmp_path, painted(REGION, colour)))
    np.testing.assert_array_equal(annotation.mask, REGION)
    assert codes(annotation) == ["mask_colour"]
    assert "#{:02x}{:02x}{:02x}".format(*colour) in annotation.notes[0].line()


def test_smoothed_edges_of_one_colour_are_cut_at_half(tmp_path):
    smooth = cv2.GaussianBlur(painted(REGION, (200, 40, 120)).astype(np.float32), (0, 0), 0.8)
    annotation = read(stored(tmp_path, smooth.round()))
    np.testing.assert_array_equal(annotation.mask, smooth[..., 0].round() >= 100)
    assert "from 50% of it" in annotation.notes[0].line()


def test_several_colours_are_labels_that_must_be_listed(tmp_path):
    pixels = painted(REGION, RED)
    pixels[80:90, 10:30] = GREEN
    path = stored(tmp_path, pixels)
    with pytest.raises(UserError, match=r"label '#00a000', '#ff0000'; expected a single label"):
        read(path)
    with pytest.raises(UserError, match=r"label '#00a000'; expected one of '#ff0000'"):
        read(path, {"#ff0000": "tumour"})
    annotation = read(path, {"#FF0000": "tumour", "#00a000": "background"})
    np.testing.assert_array_equal(annotation.mask, REGION)


def test_shades_of_one_colour_that_are_regions_are_labels(tmp_path):
    pixels = painted(REGION, RED)
    pixels[80:90, 10:30] = (128, 0, 0)
    with pytest.raises(UserError, match=r"label '#800000', '#ff0000'"):
        read(stored(tmp_path, pixels))


def test_a_colour_on_white_needs_both_names(tmp_path):
    path = stored(tmp_path, painted(REGION, RED, WHITE))
    with pytest.raises(UserError, match=r"label '#ff0000', '#ffffff'"):
        read(path)
    annotation = read(path, {"#ff0000": "tumour", "#ffffff": "background"})
    np.testing.assert_array_equal(annotation.mask, REGION)


def test_a_colour_photograph_is_no_mask(tmp_path):
    photograph = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3))
    with pytest.raises(UserError, match=r"a mask of \d+ colours.*image_colour"):
        read(stored(tmp_path, photograph))


@pytest.mark.parametrize("colour", [RED, BLACK, WHITE])
@pytest.mark.parametrize("alpha", [128, 255, 40])
def test_a_mask_on_a_transparent_background_is_taken_by_its_alpha(tmp_path, colour, alpha):
    pixels = np.dstack([painted(REGION, colour, (9, 9, 9)), REGION * alpha])
    annotation = read(stored(tmp_path, pixels))
    np.testing.assert_array_equal(annotation.mask, REGION)
    assert codes(annotation) == ["mask_colour"]
    assert "transparent is background" in annotation.notes[0].line()


def test_soft_brush_edges_are_cut_at_half_of_the_brushs_opacity(tmp_path):
    alpha = cv2.GaussianBlur(REGION * 128, (0, 0), 0.8)
    annotation = read(stored(tmp_path, np.dstack([painted(REGION * 0 + 1, RED), alpha])))
    np.testing.assert_array_equal(annotation.mask, alpha >= 64)


def test_two_opacities_of_one_colour_are_refused(tmp_path):
    alpha = REGION * 255
    alpha[80:90, 10:30] = 60
    with pytest.raises(UserError, match=r"'#ff0000' of 2 strengths.*label_unknown"):
        read(stored(tmp_path, np.dstack([painted(alpha > 0, RED), alpha])))


def test_a_label_painted_faintly_is_not_lost_beside_another(tmp_path):
    """It was taken for a soft edge, whatever its size, and `labels` never asked for it."""
    pixels = np.dstack([painted(REGION, RED), REGION * 255])
    pixels[80:90, 10:30] = (*GREEN, 90)
    labels = {"#ff0000": "tumour"}
    with pytest.raises(UserError, match=r"a mask of 2 strengths.*label_unknown"):
        read(stored(tmp_path, pixels), labels)
    pixels[80:90, 10:30] = (*GREEN, 255)
    pixels[..., 3] = cv2.GaussianBlur(pixels[..., 3].astype(np.uint8), (0, 0), 0.8)
    with pytest.raises(UserError, match=r"label '#00a000'.*label_unknown"):
        read(stored(tmp_path, pixels), labels)


def test_colours_on_a_transparent_background_are_labels_black_too(tmp_path):
    pixels = np.dstack([painted(REGION, RED), REGION * 255])
    pixels[80:90, 10:30] = (*BLACK, 255)
    path = stored(tmp_path, pixels)
    with pytest.raises(UserError, match=r"label '#000000', '#ff0000'"):
        read(path)
    annotation = read(path, {"#000000": "background", "#ff0000": "tumour"})
    np.testing.assert_array_equal(annotation.mask, REGION)


def test_a_palettes_numbers_are_labels_where_0_is_black(tmp_path):
    path = stored(tmp_path, REGION * 2, "P", palette=[*BLACK, *GREEN, *RED])
    annotation = read(path, {"2": "tumour"})
    np.testing.assert_array_equal(annotation.mask, REGION)
    assert annotation.notes == ()
    transparent = stored(tmp_path, REGION, "P", palette=[*BLACK, *RED], transparency=0)
    np.testing.assert_array_equal(read(transparent).mask, REGION)


@pytest.mark.parametrize("more", [{}, {"transparency": 1}])
def test_a_palette_sorted_by_a_program_is_read_by_its_colours(tmp_path, more):
    """Number 0 is the tumour, 1 the background; by numbers the mask would be swapped."""
    path = stored(tmp_path, 1 - REGION, "P", palette=[*RED, *BLACK], **more)
    annotation = read(path)
    np.testing.assert_array_equal(annotation.mask, REGION)
    assert codes(annotation) == ["mask_colour"]


def test_a_mask_in_colour_of_another_size_is_rejected(tmp_path):
    path = stored(tmp_path, painted(REGION, RED)[:50])
    scan = Scan(Path("image.png"), np.zeros((SIDE, SIDE), np.uint8))
    with pytest.raises(UserError, match="annotation_size"):
        any_form.read(path, "auto", scan)


def test_a_one_bit_tiff_is_a_mask(tmp_path):
    Image.fromarray(REGION > 0).save(tmp_path / "mask.tif", compression="group4")
    np.testing.assert_array_equal(read(tmp_path / "mask.tif").mask, REGION)


# ---------------------------------------------------------------- JPEG of masks in colour

BLUE, YELLOW, SKIN = (0, 0, 255), (255, 255, 0), (200, 120, 90)
COLOURS = st.sampled_from([RED, GREEN, BLUE, YELLOW, SKIN, (255, 0, 255), (128, 0, 0)])
COMPRESSION = {"quality": st.integers(75, 98), "subsampling": st.sampled_from([0, 1, 2])}


def compressed(folder: Path, pixels, quality=90, subsampling=2) -> Path:
    path = folder / "mask.jpg"
    Image.fromarray(np.asarray(pixels, np.uint8)).save(
        path, quality=quality, subsampling=subsampling
    )
    return path


def read_shared(rgb):
    """What read_colours says of a JPEG, without a file."""
    rgba = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    return read_colours(rgba)


def as_colour_jpeg(pixels, quality, subsampling):
    stored = io.BytesIO()
    picture = Image.fromarray(np.asarray(pixels, np.uint8))
    picture.save(stored, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(stored).convert("RGB"))


@SLOWLY
@given(region=REGIONS, colour=COLOURS, **COMPRESSION)
def test_a_jpeg_of_one_colour_is_read_to_the_pixel_or_refused(region, colour, quality, subsampling):
    rgb = as_colour_jpeg(painted(region, colour), quality, subsampling)
    try:
        found = read_shared(rgb)
    except DataError as refused:
        assert refused.problem.code in ("image_colour", "label_unknown")
        return
    assert len(found.names) == 1
    wrong = (found.numbers > 0) != (region > 0)
    distance = [cv2.distanceTransform(one, cv2.DIST_L2, 5) for one in (region, 1 - region)]
    assert (sum(distance)[wrong] <= 1.5).all()


@pytest.mark.parametrize("colour", [RED, GREEN, BLUE, YELLOW, SKIN])
@pytest.mark.parametrize("quality", [75, 95])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_jpeg_of_one_colour_is_taken_with_a_warning(tmp_path, colour, quality, subsampling):
    annotation = read(compressed(tmp_path, painted(REGION, colour), quality, subsampling))
    assert (annotation.mask != REGION).sum() < 0.05 * REGION.sum()
    assert codes(annotation) == ["mask_colour"]
    assert "black is background; shades count from 50% of it" in annotation.notes[0].line()


def test_a_jpegs_colour_has_the_name_that_labels_gives_it(tmp_path):
    path = compressed(tmp_path, painted(REGION, RED))
    annotation = read(path, {"#FF0000": "tumour", "#00ff00": "background"})
    assert (annotation.mask != REGION).sum() < 0.05 * REGION.sum()
    assert not read(path, {"#ff0000": "background"}).mask.any()
    with pytest.raises(UserError, match=r"label '#f[de]0[01]00'; expected one of '#00ff00'"):
        read(path, {"#00ff00": "tumour"})
    white = compressed(tmp_path, painted(REGION, RED, WHITE))
    with pytest.raises(UserError, match=r"label '#ffffff', '#f[de]0[01]0[01]'; expected a single"):
        read(white)
    annotation = read(white, {"#ff0000": "tumour", "#ffffff": "background"})
    assert (annotation.mask != REGION).sum() < 0.05 * REGION.sum()


@SLOWLY
@given(
    region=REGIONS,
    colours=st.permutations([RED, GREEN, BLUE, YELLOW, (0, 255, 255), (255, 0, 255)]),
    width=st.integers(1, 5),
    **COMPRESSION,
)
def test_a_jpeg_of_two_colours_is_refused_however_thin_one_is(
    region, colours, width, quality, subsampling
):
    side = 2 * width + 1
    ring = cv2.dilate(region, np.ones((side, side), np.uint8)) - region
    pixels = painted(region, colours[0]) + painted(ring, colours[1])
    with pytest.raises(DataError, match=r"image_colour|label_unknown"):
        found = read_shared(as_colour_jpeg(pixels, quality, subsampling))
        assert len(found.names) > 1  # then labels must name each of them
        raise unknown_label("several", None)


def test_a_jpeg_of_two_regions_of_two_colours_is_refused_with_one_line(tmp_path):
    pixels = painted(REGION, RED)
    pixels[80:90, 10:30] = BLUE
    with pytest.raises(UserError, match=r"a mask of \d+ colours.*as PNG without smoothing"):
        read(compressed(tmp_path, pixels))


def test_an_image_with_a_coloured_tumour_is_no_mask(tmp_path):
    grey = cv2.GaussianBlur(np.random.default_rng(1).normal(90, 99, (SIDE, SIDE)), (0, 0), 2)
    pixels = np.where(REGION[..., None] > 0, RED, np.clip(grey, 0, 255)[..., None])
    with pytest.raises(UserError, match="image_colour"):
        read(compressed(tmp_path, pixels))


# ---------------------------------------------------------------- a channel for each class


def test_the_channels_of_four_classes_are_no_colours_on_a_transparent_background(tmp_path):
    """The tumour's channels were dropped as transparent, and the fourth alone counted."""
    classes = np.zeros((SIDE, SIDE), np.uint8)
    classes[REGION > 0], classes[80:90, 10:30] = 1, 2
    hot = (np.arange(4) == classes[..., None]) * np.uint8(255)
    for order in ((0, 1, 2, 3), (3, 1, 2, 0)):
        path = stored(tmp_path, hot[..., order])
        with pytest.raises(UserError, match=r"label_unknown|mask_channels"):
            read(path)


@pytest.mark.parametrize("case", ["one hot", "overlap", "sums", "16 bit"])
def test_classes_as_channels_of_a_colour_picture_are_never_one_label(tmp_path, case):
    other = ellipse((55, 50), (12, 12))
    background = 1 - (REGION | other)
    channels = np.dstack([background, REGION & ~other & 1, other])
    if case == "overlap":
        channels = np.dstack([REGION, other, 0 * other])
    path = stored(tmp_path, channels * 255)
    if case == "sums":
        soft = cv2.GaussianBlur(channels.astype(np.float32) * 180, (0, 0), 4)
        path = stored(tmp_path, soft.round())
    elif case == "16 bit":
        small = channels.astype(np.uint16) * 3  # read with 8 bit, all of it would be black
        path.write_bytes(cv2.imencode(".png", small)[1].tobytes())
    with pytest.raises(UserError, match=r"label_unknown|image_colour"):
        read(path)
