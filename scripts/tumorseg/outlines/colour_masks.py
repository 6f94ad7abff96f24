"""Masks painted in colour or with transparency: which pixels have which colour."""

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tumorseg.core.problems import error
from tumorseg.outlines.grey_edges import tumour_level
from tumorseg.outlines.two_colours import TwoColours, two_colours

MAX_COLOURS = 64  # a picture with more is a photograph, or smoothed
SHADE_LEVELS = 3  # a shade of a colour is rounded by at most this much
FEW = 3  # a picture of more colours may have mixed edges
CHANNELS_HINT = "save one number for each class: that of the channel with the largest value"
CLOSE = 40.0  # levels by which compression may move a colour from the one that was painted


class ColourMask(NamedTuple):
    """A mask in colour: (height, width) numbers, 0 for background, and the name of each from 1.

    by_alpha: the background is what is transparent. cut_at: the share of the full colour or opacity
    from which shades counted, where there were shades.
    """

    numbers: np.ndarray
    names: list[str]
    by_alpha: bool
    cut_at: float | None = None


def read_colours(rgba: np.ndarray, known: Iterable[str] = ()) -> ColourMask:
    """The labels of a mask in colour, named as "#ff0000" (red, green, blue in hexadecimal).

    The background is what is transparent or, in an opaque picture, black. Shades of a single colour
    or opacity at the edges count from half.

    Args:
        rgba: (height, width, 4) uint8.
        known: names of colours, for one that compression has changed.

    Raises:
        DataError: for more than MAX_COLOURS colours, and for colours under what is transparent.
    """
    alpha = rgba[..., 3]
    by_alpha = int(alpha.min()) < int(alpha.max()) / 2
    painted = alpha > 0 if by_alpha else rgba[..., :3].any(axis=-1)
    packed = rgba[..., :3].astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    colours = np.unique(packed[painted])
    if by_alpha:
        _check_hidden(packed, np.asarray(painted))
    if len(colours) == 0:
        return ColourMask(np.zeros(alpha.shape, np.int32), [], by_alpha)
    if by_alpha and len(colours) == 1:
        return _one_colour(alpha, int(colours[0]), by_alpha)
    if not by_alpha and len(colours) > 1 and (brightest := _common_hue(colours)) is not None:
        strength = rgba[..., :3].max(axis=-1)
        if tumour_level(strength) is not None:
            return _one_colour(strength, brightest, by_alpha)
    if not by_alpha and len(colours) > FEW and (mixed := two_colours(rgba[..., :3])) is not None:
        return _mixed(mixed, [name.lower() for name in known])
    cut_at = None
    if by_alpha:
        level, cut_at = _cut(alpha, "a mask")
        painted = alpha >= level
        colours = np.unique(packed[painted])
    if len(colours) > MAX_COLOURS:
        raise error(
            "image_colour",
            f"a mask of {len(colours)} colours",
            f"one colour for each label, at most {MAX_COLOURS}",
            "save the mask as PNG without smoothing, and check that it is not the image itself",
        )
    numbers = np.where(painted, np.searchsorted(colours, packed) + 1, 0)
    return ColourMask(numbers, [_name(int(colour)) for colour in colours], by_alpha, cut_at)


def _check_hidden(packed: np.ndarray, painted: np.ndarray) -> None:
    """Raises DataError where opacity seems to be the fourth channel of one-hot classes.

    Then all that is opaque is black, and under what is transparent are several colours whose red,
    green and blue are there or not.
    """
    hidden = np.unique(packed[~painted])
    levels = [np.unique(hidden >> shift & 255) for shift in (0, 8, 16)]
    switched = all(np.count_nonzero(one) <= 1 for one in levels)
    if painted.any() and not packed[painted].any() and np.count_nonzero(hidden) > 1 and switched:
        value = f"a mask of {len(hidden)} colours under what is transparent"
        raise error("mask_channels", value, "one label for each pixel", CHANNELS_HINT)


def _mixed(mask: TwoColours, known: list[str]) -> ColourMask:
    """A mask of one colour with mixed edges; a background that is not black is a label as well."""
    name, back = (_nearest(colour, known) for colour in (mask.colour, mask.background))
    if np.linalg.norm(mask.background) <= CLOSE:
        return ColourMask(mask.inside.astype(np.int32), [name], False, 0.5)
    return ColourMask(mask.inside + np.int32(1), [back, name], False, 0.5)


def _nearest(colour: tuple[int, int, int], known: list[str]) -> str:
    """The known name of a colour that compression has changed a little, else its own name."""
    parts = {name: [int(name[at : at + 2], 16) for at in (1, 3, 5)] for name in known if _is(name)}
    far = {name: np.linalg.norm(np.subtract(one, colour)) for name, one in parts.items()}
    best = min(far, key=lambda name: far[name], default="")
    return best if best and far[best] <= CLOSE else "#{:02x}{:02x}{:02x}".format(*colour)


def _is(name: str) -> bool:
    return re.fullmatch("#[0-9a-f]{6}", name) is not None


def _one_colour(strength: np.ndarray, colour: int, by_alpha: bool) -> ColourMask:
    """A mask of one colour, of which each pixel has the strength 0..255."""
    level, cut_at = _cut(strength, f"colour '{_name(colour)}'")
    return ColourMask((strength >= level).astype(np.int32), [_name(colour)], by_alpha, cut_at)


def _cut(strength: np.ndarray, what: str) -> tuple[float, float | None]:
    """The strength from which a pixel is painted, and its share of the full one, if any are less.

    Raises DataError where strengths differ elsewhere than at the edges: a faint region is a label.
    """
    largest = int(strength.max())
    if np.isin(strength, (0, largest)).all():
        return largest, None
    # A faint brush has a low opacity: only the proportion to the largest counts.
    level = tumour_level(strength.astype(np.float64) * (255 / largest))
    if level is None:
        raise error(
            "label_unknown",
            f"{what} of {np.unique(strength[strength > 0]).size} strengths",
            "one strength, and others only at the edges",
            "paint each label in a colour of its own, without transparency",
        )
    return level / 255 * largest / 2, 0.5


def _common_hue(colours: np.ndarray) -> int | None:
    """The brightest of the colours where all others are shades of it, else None."""
    channels = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1)
    strength = channels.max(axis=-1)
    brightest = int(np.argmax(strength))
    shades = channels[brightest] * (strength / strength[brightest])[:, None]
    return int(colours[brightest]) if np.abs(channels - shades).max() <= SHADE_LEVELS else None


def _name(colour: int) -> str:
    return f"#{colour:06x}"
