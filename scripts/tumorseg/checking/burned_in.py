"""Tells whether a picture may carry burned-in text: a row of bright letters in the air."""

import cv2
import numpy as np

HEAD_LEVEL = 0.12  # of the brightest pixels: what is brighter belongs to the head, or is text
STROKE_LEVEL = 0.4  # of the brightest pixels: letters are meant to be read
LETTERS = 3  # in a row
HEIGHTS_PX = (5, 60)
JOINED_PX = 16  # height up to which letters of a row may touch each other


def suspicious(image: np.ndarray) -> bool:
    """Whether at least three letters stand in a row outside the head.

    image: (height, width), any number type. A letter is a bright piece of 5 to 60 pixels height,
    of thin strokes with sharp borders, not joined to the head; letters of a row have one height and
    lie side by side. Text over the head is not found, nor text that is dark.
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
    _, pieces, facts, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    if len(facts) < 2:
        return np.zeros(scaled.shape, bool)
    largest = 1 + int(np.argmax(facts[1:, cv2.CC_STAT_AREA]))
    head = (pieces == largest).astype(np.uint8)
    contours, _ = cv2.findContours(head, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(head, contours, -1, 1, cv2.FILLED)
    return cv2.dilate(head, np.ones((5, 5), np.uint8)).astype(bool)


def _letters(bright: np.ndarray, scaled: np.ndarray) -> np.ndarray:
    """Boxes (left, top, width, height) of the pieces that could be letters."""
    _, pieces, facts, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    depth = cv2.distanceTransform(np.pad(bright, 1), cv2.DIST_L1, 3)[1:-1, 1:-1]
    found = []
    for number, (left, top, width, height, area) in enumerate(facts[1:], start=1):
        joined = width > 1.6 * height  # small letters touch each other
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
        found.append((left, top, width, height))
    return np.array(found, int).reshape(-1, 4)


def _has_row(letters: np.ndarray) -> bool:
    for left, top, width, height in letters:
        row, right = _count(width, height), left + width
        if row >= LETTERS:
            return True
        same = (np.abs(letters[:, 3] - height) <= 0.35 * height + 1) & (
            np.abs(letters[:, 1] + letters[:, 3] - top - height) <= 0.35 * height + 1
        )
        for x, _, w, _ in sorted(map(tuple, letters[same])):
            if x >= right and x - right <= 1.2 * height:
                row, right = row + _count(w, height), x + w
                if row >= LETTERS:
                    return True
    return False


def _count(width: int, height: int) -> int:
    """How many letters a piece of this size is: one, or as many as fit into a joined one."""
    return max(1, round(width / (0.9 * height)))
