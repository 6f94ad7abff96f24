"""Cuts volumes into axial, coronal and sagittal slices and puts slices back together."""

import numpy as np
from nibabel.orientations import io_orientation

from tumorseg.core.problems import Problem, warning

# Patient coordinates of DICOM and ITK point to Left, Posterior, Superior; ours to Right, Anterior,
# Superior. Multiplying by it converts either way.
LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
LPS_TO_RAS_AFFINE = np.diag([*LPS_TO_RAS, 1.0])
OBLIQUE_DEGREES = 15.0  # slices tilted by more give a warning
# For slices, rows and columns of a displayed plane (as DICOM displays it): the RAS axis, and 1
# where the index increases to Right, Anterior or Superior, -1 to Left, Posterior or Inferior.
DISPLAY = {
    "axial": ((2, 1), (1, -1), (0, -1)),
    "coronal": ((1, -1), (2, -1), (0, -1)),
    "sagittal": ((0, -1), (2, -1), (1, -1)),
}


def world_axes(affine: np.ndarray) -> np.ndarray:
    """(3, 2): for every voxel axis, the nearest RAS axis and its direction, +1 or -1."""
    return io_orientation(affine).astype(int)


def view(affine: np.ndarray, plane: str) -> tuple[tuple[int, ...], tuple[slice, ...]]:
    """The voxel axes of a plane's slices, rows and columns, and a slice object that orders each."""
    world = world_axes(affine)
    axes, steps = [], []
    for ras, sign in DISPLAY[plane]:
        axis = int(np.flatnonzero(world[:, 0] == ras)[0])
        axes.append(axis)
        steps.append(slice(None, None, int(world[axis, 1]) * sign))
    return tuple(axes), tuple(steps)


def cut(array: np.ndarray, affine: np.ndarray, plane: str) -> np.ndarray:
    """A view of a volume (i, j, k) as (slice, height, width) of a plane; nothing is copied.

    Further axes, such as channels, stay behind these three.
    As DICOM displays it: axial rows run to Posterior, coronal and sagittal rows to Inferior;
    columns run to the patient's Left, sagittal ones to Posterior. Slices are ordered from Right to
    Left, Anterior to Posterior or Inferior to Superior. affine: (4, 4) from (i, j, k) to RAS+.
    """
    axes, steps = view(affine, plane)
    return np.transpose(array, (*axes, *range(3, array.ndim)))[steps]


def stack_affine(affine: np.ndarray, plane: str, shape: tuple[int, ...]) -> np.ndarray:
    """(4, 4) from (slice, row, column) of a volume as `cut` returns it to RAS+ millimetres.

    affine, shape: of the volume (i, j, k).
    """
    axes, steps = view(affine, plane)
    to_volume = np.zeros((4, 4))
    to_volume[3, 3] = 1
    for place, (axis, step) in enumerate(zip(axes, steps, strict=True)):
        to_volume[axis, place] = step.step
        to_volume[axis, 3] = shape[axis] - 1 if step.step < 0 else 0
    return affine @ to_volume


def reassemble(
    stack: np.ndarray, affine: np.ndarray, plane: str, shape: tuple[int, ...]
) -> np.ndarray:
    """The exact inverse of `cut`: (slice, height, width) back to the volume's (i, j, k).

    shape: the volume's, further axes included. Raises ValueError where the stack does not hold all
    of its slices.
    """
    axes, steps = view(affine, plane)
    array = np.transpose(stack[steps], (*np.argsort(axes), *range(3, stack.ndim)))
    if array.shape != tuple(shape):
        raise ValueError(f"slices of a volume {array.shape}, expected {tuple(shape)}")
    return np.ascontiguousarray(array)


def spacing_in(affine: np.ndarray, plane: str) -> tuple[float, float]:
    """The height and width in mm of a pixel of a plane's slices."""
    return spacing_of_stack(affine, plane)[1:]


def spacing_of_stack(affine: np.ndarray, plane: str) -> tuple[float, float, float]:
    """The distance of a plane's slices, and the height and width of their pixels, in mm."""
    axes, _ = view(affine, plane)
    between, height, width = np.linalg.norm(affine[:3, :3], axis=0)[list(axes)]
    return float(between), float(height), float(width)


def oblique_notes(affine: np.ndarray) -> tuple[Problem, ...]:
    """A warning where a volume is tilted by more than 15 degrees against the patient's axes."""
    linear = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosines = np.abs(linear[world_axes(affine)[:, 0], np.arange(3)])
    degrees = float(np.degrees(np.arccos(min(1.0, cosines.min()))))
    if degrees <= OBLIQUE_DEGREES:
        return ()
    return (
        warning(
            "plane_oblique",
            f"slices tilted by {degrees:.0f} degrees",
            f"at most {OBLIQUE_DEGREES:g} from axial, coronal or sagittal",
            "the nearest plane is used; resample the volume if that is wrong",
        ),
    )
