"""Where the patches of a sliding window lie, and how much each counts: NumPy only, no network."""

import math
from dataclasses import dataclass

import numpy as np

OVERLAP = 0.5  # share of a patch that its neighbour covers as well; as in nnU-Net
SIGMA_SHARE = 1 / 8  # standard deviation of the weights, of the patch's side; as in nnU-Net


@dataclass(frozen=True)
class Windows:
    """Patches that cover an image of any number of axes.

    Along each axis the patches begin at equal distances, rounded, of at most patch * (1 - overlap);
    the first begins and the last ends with the image. A patch's weights are a Gaussian around its
    middle, divided by the sum of those of all patches there: they sum to 1 in every voxel. Patches
    form a grid, so both are done along each axis by itself, and no volume of weights is kept.

    Attributes:
        image_shape: of the image, before it is padded.
        shape: of the image, at least a patch.
        patch: of a patch.
        starts: along each axis, the first voxel of every patch.
        weights: along each axis, (patches, patch side) float64.
    """

    image_shape: tuple[int, ...]
    shape: tuple[int, ...]
    patch: tuple[int, ...]
    starts: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, image_shape: tuple[int, ...], patch: tuple[int, ...], overlap: float) -> "Windows":
        """The patches of an image; raises ValueError for a patch or overlap that does not fit."""
        if len(patch) != len(image_shape) or min(patch) < 1 or min(image_shape) < 1:
            raise ValueError(f"a patch of {tuple(patch)} for an image of {tuple(image_shape)}")
        if not 0 <= overlap <= 0.9:
            raise ValueError(f"an overlap of {overlap}, expected 0 to .9")
        shape = tuple(map(max, image_shape, patch))
        starts = tuple(_starts(*sides, overlap) for sides in zip(shape, patch, strict=True))
        weights = tuple(map(_weights, shape, patch, starts))
        return cls(tuple(image_shape), shape, tuple(patch), starts, weights)

    def __len__(self) -> int:
        return math.prod(map(len, self.starts))

    def place(self, number: int) -> tuple[slice, ...]:
        """Where a patch lies in the padded image."""
        firsts = [starts[at] for starts, at in zip(self.starts, self._at(number), strict=True)]
        return tuple(slice(a, a + side) for a, side in zip(firsts, self.patch, strict=True))

    def weight(self, number: int) -> np.ndarray:
        """A patch's weights, float32 of the patch's shape."""
        product = np.ones((1,) * len(self.patch))
        for axis, (weights, at) in enumerate(zip(self.weights, self._at(number), strict=True)):
            side = np.expand_dims(weights[at], [a for a in range(len(self.patch)) if a != axis])
            product = product * side
        return product.astype(np.float32)

    def padded(self, image: np.ndarray) -> np.ndarray:
        """The image (spatial..., channels) with at least a patch's sides.

        Both ends get each channel's lowest value. An image that is large enough is not copied.
        """
        if self.shape == self.image_shape:
            return image
        lowest = image.min(axis=tuple(range(len(self.shape))))
        larger = np.broadcast_to(lowest, (*self.shape, len(lowest))).copy()
        larger[self.unpadded] = image
        return larger

    @property
    def unpadded(self) -> tuple[slice, ...]:
        """Where the image lies in the padded one."""
        before = ((n - own) // 2 for n, own in zip(self.shape, self.image_shape, strict=True))
        return tuple(slice(a, a + own) for a, own in zip(before, self.image_shape, strict=True))

    def _at(self, number: int) -> tuple[int, ...]:
        """The position of a patch in the grid of patches; the last axis changes first."""
        return tuple(map(int, np.unravel_index(number, [len(starts) for starts in self.starts])))


def _starts(length: int, side: int, overlap: float) -> np.ndarray:
    free = length - side
    count = math.ceil(free / max(1.0, side * (1 - overlap))) + 1
    return np.rint(np.linspace(0, free, count)).astype(int)


def _weights(length: int, side: int, starts: np.ndarray) -> np.ndarray:
    from_middle = np.arange(side) - (side - 1) / 2
    gaussian = np.exp(-0.5 * (from_middle / (side * SIGMA_SHARE)) ** 2)
    total = np.zeros(length)
    for start in starts:
        total[start : start + side] += gaussian
    return np.stack([gaussian / total[start : start + side] for start in starts])
