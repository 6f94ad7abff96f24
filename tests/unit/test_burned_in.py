"""Burned-in text: letters in the air are detected; heads, ghosts and noise are not."""

import cv2
import numpy as np
import pytest

from tumorseg.checking.burned_in import has_letters
from tumorseg.sources import phantom


@pytest.fixture(scope="module")
def heads() -> list[np.ndarray]:
    made = phantom.cases(seed=11, patients=7, height_px=256, width_px=400)
    return [case.image for case in made]


def lettered(image: np.ndarray, scale: float, thickness: int = 1, text="SMITH 1962") -> np.ndarray:
    image = image.copy()
    top = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)[0][1]
    white = int(image.max())
    place = (3, top + 4)
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, white, thickness)
    return image


def test_heads_without_text_are_not_reported(heads):
    assert not any(map(has_letters, heads))


@pytest.mark.parametrize(
    ("scale", "thickness"), [(0.35, 1), (0.4, 1), (0.5, 1), (0.5, 2), (0.7, 1)]
)
def test_letters_beside_the_head_are_detected(heads, scale, thickness):
    assert all(has_letters(lettered(head, scale, thickness)) for head in heads)


def test_depth_and_brightness_of_the_image_do_not_matter(heads):
    head = lettered(heads[0], 0.5)
    assert has_letters(head.astype(np.uint16) * 257)
    assert has_letters(head // 2)
    assert not has_letters(heads[0].astype(np.uint16) * 257)


def test_letters_without_a_head_are_detected(heads):
    assert has_letters(
        lettered(np.zeros((200, 300), np.uint8) + np.eye(200, 300, dtype=np.uint8), 0.8)
    )


@pytest.mark.parametrize("kind", ["black", "white", "noise", "dots", "line", "ring"])
def test_other_bright_pieces_are_not_letters(kind):
    image = np.zeros((256, 256), np.uint8)
    cv2.circle(image, (128, 140), 80, 120, -1)
    if kind == "black":
        image[:] = 0
    elif kind == "white":
        image[:] = 255
    elif kind == "noise":
        image[:] = np.random.default_rng(1).integers(0, 256, image.shape)
    elif kind == "dots":  # markers on the skin
        for x in (20, 40, 60, 80):
            cv2.circle(image, (x, 20), 6, 255, -1)
    elif kind == "line":
        cv2.line(image, (5, 10), (250, 20), 255, 2)
    elif kind == "ring":  # a ghost of the scalp
        cv2.ellipse(image, (128, 140), (120, 110), 0, 200, 330, 255, 2)
    assert not has_letters(image)
