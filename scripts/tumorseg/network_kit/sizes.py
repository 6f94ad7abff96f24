"""By how much a network shrinks each side of its input at each level."""

from collections.abc import Sequence

SMALLEST = 2  # an axis is not halved to less
LARGEST_ODD = 15  # an axis of so many voxels may stay as it is where it cannot be halved further


def poolings(shape: Sequence[int], levels: int = 4) -> list[tuple[int, ...]]:
    """By how much each pooling shrinks each axis of a patch: 2 or 1, for at most `levels` poolings.

    A pooling halves every axis that is at least half as long as the longest one, so a patch of few
    thick slices is pooled within its slices first and becomes a cube. An axis stays as it is where
    half of it would be less than SMALLEST, or where it is odd. There are fewer poolings where no
    axis can be halved any more.

    >>> poolings((40, 56, 40))
    [(2, 2, 2), (2, 2, 2), (2, 2, 2)]
    >>> poolings((16, 96, 96))
    [(1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2)]

    Raises:
        ValueError: an axis longer than LARGEST_ODD would have to be halved and is odd, or no axis
            can be halved at all; the message names a size that can.
    """
    sizes, found = list(shape), []
    for _ in range(levels):
        due = [2 * size >= max(sizes) and size >= 2 * SMALLEST for size in sizes]
        for whole, size, halved in zip(shape, sizes, due, strict=True):
            if halved and size % 2 and size > LARGEST_ODD:
                step = 2**levels
                better = max(step, whole // step * step)
                raise ValueError(
                    f"shape {tuple(shape)}: a side of {whole} cannot be halved {levels} times "
                    f"({size} is odd); use {better} or {better + step}"
                )
        factors = tuple(1 + (h and not s % 2) for s, h in zip(sizes, due, strict=True))
        if max(factors) == 1:
            break
        sizes = [size // factor for size, factor in zip(sizes, factors, strict=True)]
        found.append(factors)
    if not found:
        raise ValueError(
            f"shape {tuple(shape)}: no side can be halved; use multiples of {2**levels}"
        )
    return found


def sides_of(size_px: int, shape: Sequence[int] | None, levels: int) -> tuple[int, ...]:
    """The sides of a network's input: `shape`, or a square of size_px; ValueError if impossible."""
    if shape is None and size_px % 2**levels:
        raise ValueError(f"size_px must be a multiple of {2**levels}, not {size_px}")
    sides = tuple(shape or (size_px, size_px))
    if len(sides) not in (2, 3) or levels < 1:
        raise ValueError(
            f"shape {sides}, {levels} levels: expected a shape of 2 or 3 sides, and at least one "
            "level"
        )
    return sides
