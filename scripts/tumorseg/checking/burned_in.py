"""Detects burned-in text in a picture: a row of bright letters in the air."""

import cv2
import numpy as np

HEAD_LEVEL = 0.12  # share of the brightest pixels; brighter pixels are head or text
STROKE_LEVEL = 0.4  # share of the brightest pixels; letters are at least this bright
LETTERS = 3  # in a row
HEIGHTS_PX = (5, 60)
JOINED_PX = 16  # up to this height, letters of a row may touch each other


def has_letters(image: np.ndarray) -> bool:
    """Whether a row of at least three letters is visible outside the head.

    image: (height, width), any number type. A letter is a bright piece, 5 to 60 pixels high, of
    thin strokes with sharp borders, not connected to the head. Letters of a row are side by side
    and have the same height. Text on the head and dark text are not detected.
    """
    brightest = np.percentile(image, 99.8)
    if image.max() == 0 or brightest <= np.percentile(image, 50):
        brightest = image.max()
    if brightest == 0:
        return False
    scaled = np.clip(image / brightest, 0, 1).astype(np.float32)
    air = ~_head(scaled)
    bright = ((scaled >= STROKE_LEVEL) & air).astype(np.uint8)
    return _has_row(_letters(bright, scaled))


def _head(scaled: np.ndarray) -> np.ndarray:
    """The largest bright piece, with a border of two pixels."""
    bright = (cv2.blur(scaled, (3, 3)) > HEAD_LEVEL).astype(np.uint8)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    if len(stats) < 2:
        return np.zeros(scaled.shape, bool)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    head = (pieces == largest).astype(np.uint8)
    contours, _ = cv2.findContours(head, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(head, contours, -1, 1, cv2.FILLED)
    return cv2.dilate(head, np.ones((5, 5), np.uint8)).astype(bool)


def _letters(bright: np.ndarray, scaled: np.ndarray) -> np.ndarray:
    """Boxes (left, top, width, height) of the pieces that may be letters."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    depth = cv2.distanceTransform(np.pad(bright, 1), cv2.DIST_L1, 3)[1:-1, 1:-1]
    boxes = []
    for number, (left, top, width, height, area) in enumerate(stats[1:], start=1):
        joined = width > 1.6 * height  # several small letters that touch
        if not HEIGHTS_PX[0] <= height <= (JOINED_PX if joined else HEIGHTS_PX[1]):
            continue
        if joined and area < 0.35 * width * height:
            continue  # a line, not letters
        box = slice(top, top + height), slice(left, left + width)
        piece = pieces[box] == number
        if 2 * depth[box][piece].max() - 1 > 0.45 * height + 1:
            continue  # a blob, not strokes
        around = slice(max(0, top - 2), top + height + 2), slice(max(0, left - 2), left + width + 2)
        ring = cv2.dilate((pieces[around] == number).astype(np.uint8), np.ones((5, 5), np.uint8))
        ring = (ring > 0) & (pieces[around] == 0)
        if ring.any() and np.median(scaled[around][ring]) > 0.5 * np.median(scaled[box][piece]):
            continue  # a soft border
        boxes.append((left, top, width, height))
    return np.array(boxes, int).reshape(-1, 4)


def _has_row(letters: np.ndarray) -> bool:
    for left, top, width, height in letters:
        count, right = _letters_in(width, height), left + width
        if count >= LETTERS:
            return True
        same = (np.abs(letters[:, 3] - height) <= 0.35 * height + 1) & (
            np.abs(letters[:, 1] + letters[:, 3] - top - height) <= 0.35 * height + 1
        )
        for x, _, w, _ in sorted(map(tuple, letters[same])):
            if x >= right and x - right <= 1.2 * height:
                count, right = count + _letters_in(w, height), x + w
                if count >= LETTERS:
                    return True
    return False


def _letters_in(width: int, height: int) -> int:
    """The number of letters in a piece of this size: one, or as many as fit into its width."""
    return max(1, round(width / (0.9 * height)))
