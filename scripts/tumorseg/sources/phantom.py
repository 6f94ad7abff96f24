"""Source: made heads with made tumours, MRI slices or volumes with known brain and tumour.

The brain is the MNI 2009a template from nilearn's package (tumorseg.phantom). Nothing is
downloaded, and nothing comes from a real patient.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from tumorseg.core.cases import Case, Channel
from tumorseg.core.errors import UserError
from tumorseg.phantom.contrast import SEQUENCES
from tumorseg.phantom.slices import slices
from tumorseg.phantom.volumes import COARSEST_MM, FINEST_MM, volumes

HEIGHT_PX, WIDTH_PX = 512, 800


def cases(
    *,
    seed: int = 1,
    patients: int = 40,
    height_px: int = HEIGHT_PX,
    width_px: int = WIDTH_PX,
    dimensions: int = 2,
    channels: Sequence[str] | None = None,
    voxel_mm: float = 4.0,
    negatives: bool | Literal["leave_out"] = False,
    **_: Any,
) -> Iterator[Case]:
    """The slices, or with three dimensions the volumes, of the first `patients` patients.

    A patient's images depend only on the seed, the patient's number, and their size; the image of
    a channel does not depend on the other channels. Other arguments are ignored.

    Args:
        height_px, width_px: of slices.
        channels: any of t1, t1ce, t2 and flair; without them T1-CE alone.
        voxel_mm: side of a volume's voxels; 4 gives 40 x 56 x 48 of them.
        negatives: whether (True) every eighth volume shows no tumour.

    Raises UserError for fewer than one patient, an unknown channel, a picture too small to show a
    head, and voxels too large or too small.
    """
    sequences = list(channels or ["t1ce"])
    if unknown := [name for name in sequences if name not in SEQUENCES]:
        raise UserError(f"phantom: no channel {unknown[0]!r}; there are: {', '.join(SEQUENCES)}")
    if patients < 1:
        raise UserError(f"phantom: {patients} patients, expected at least one")
    if dimensions == 3:
        yield from _volumes(seed, patients, sequences, voxel_mm, negatives is True)
        return
    if height_px < 64 or width_px < height_px:
        raise UserError(
            f"phantom: slices of {width_px} x {height_px} pixels, expected a height of at least 64 "
            "and a width not below the height"
        )
    made = slices(
        seed=seed, patients=patients, height_px=height_px, width_px=width_px, sequences=sequences
    )
    for one in made:
        yield Case(
            case=one.case,
            patient=one.patient,
            plane=one.plane,
            image=one.images[0],
            parts=one.parts,
            mask=None,
            spacing_mm=(one.spacing_mm, one.spacing_mm),
            origin=f"phantom of seed {seed}",
            true_brain=one.brain,
            tumour_type=one.tumour_type,
            further=tuple(Channel(image) for image in one.images[1:]),
        )


def _volumes(
    seed: int, patients: int, sequences: list[str], voxel_mm: float, negatives: bool
) -> Iterator[Case]:
    if not FINEST_MM <= voxel_mm <= COARSEST_MM:
        raise UserError(
            f"phantom: voxels of {voxel_mm:g} mm, expected {FINEST_MM:g} to {COARSEST_MM:g}"
        )
    for one in volumes(
        seed=seed,
        patients=patients,
        sequences=sequences,
        voxel_mm=voxel_mm,
        negatives=negatives,
    ):
        yield Case(
            case=one.patient,
            patient=one.patient,
            plane="axial",
            image=one.images[0],
            parts=None,
            mask=(one.labels > 0).astype("uint8"),
            spacing_mm=(voxel_mm, voxel_mm, voxel_mm),
            origin=f"phantom of seed {seed}",
            true_brain=one.brain,
            tumour_type=one.tumour_type,
            further=tuple(Channel(image) for image in one.images[1:]),
            labels=one.labels,
            affine=one.affine,
        )
