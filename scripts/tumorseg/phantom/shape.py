"""A patient's own shape: where a point of the scanner lies in the template's brain."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from tumorseg.phantom.fields import Noise

CONVOLUTIONS_MM = np.float32(1.2)  # shift of a patient's convolutions from the template's


@dataclass(frozen=True)
class Shape:
    """A smooth map from the scanner's space to the template's; all points are (..., 3) in mm."""

    noise: Noise
    turn: np.ndarray  # rotation and scale from scanner space to template space
    bend_mm: float

    def to_template(self, points: np.ndarray) -> np.ndarray:
        """Scanner points to template points."""
        bend = [self.noise(points, 110, channel) for channel in (20, 21, 22)]
        return points @ self.turn.T + self.bend_mm * np.stack(bend, -1)

    def shift_convolutions(self, points: np.ndarray) -> np.ndarray:
        """Template points moved slightly, so that every patient has different convolutions."""
        shift = [self.noise(points, 34, channel) for channel in (23, 24, 25)]
        return points + CONVOLUTIONS_MM * np.stack(shift, -1)

    def from_template(self, point: np.ndarray) -> np.ndarray:
        """The inverse of to_template for one point, by fixed-point iteration."""
        estimate = point.copy()
        for _ in range(12):
            estimate += point - self.to_template(estimate[None])[0]
        return estimate


def random_turn(rng: np.random.Generator, least: float, most: float) -> np.ndarray:
    """A slight rotation, and a scale of every axis between two factors: (3, 3) float32."""
    angles = rng.normal(0, (3.0, 2.5, 3.0))
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    return (turn / rng.uniform(least, most, 3)).astype(np.float32)


def magnified(
    points: np.ndarray, hull: np.ndarray, centre: np.ndarray, radius: float, strength: float
) -> np.ndarray:
    """The points of a brain whose surroundings of `centre` have grown: where each came from.

    hull: the template's `hull` at the points, in mm. radius: in mm. strength: growth in the middle
    as a share of the distance; negative where they have shrunk.
    """
    away = points - centre
    distance = np.sqrt(np.einsum("...i,...i", away, away)) / radius
    depth = np.clip(-hull / 20, 0, 1)  # the skull does not move
    return points - away * (strength * depth * np.exp(-((distance / 1.5) ** 2)))[..., None]
