"""Pictures that EXIF turns upright, and masks that lack the turn."""

from dataclasses import replace

from tumorseg.core.problems import Problem, warning
from tumorseg.imaging.raw import upright
from tumorseg.imaging.scans import Labels, Scan


def like(labels: Labels, scan: Scan) -> Labels:
    """The labels turned as the scan was, where only its EXIF states a turn.

    A mask without EXIF of the stored picture's size is turned; one of the upright picture's size
    (or where both sizes are the same) is taken as drawn on the upright picture. Notes say which.
    """
    if scan.turn == labels.turn or labels.values.ndim != 2 or scan.voxels.ndim != 2:
        return labels
    stored = scan.voxels.shape[::-1] if scan.turn >= 5 else scan.voxels.shape
    values, hint = labels.values, "it was taken as drawn on the upright picture"
    if labels.turn == 1 and values.shape != scan.voxels.shape and values.shape == stored:
        values, hint = upright(values, scan.turn), "it was turned like the image"
    note = warning(
        "exif_turned",
        f"EXIF orientation {labels.turn}, but {scan.turn} of its image",
        "the same orientation",
        f"{hint}; look at the outlines of the check",
    )
    return replace(labels, values=values, turn=scan.turn, notes=(*labels.notes, note))


def outline_notes(scan: Scan) -> list[Problem]:
    """A warning about outlines on a picture that EXIF turned."""
    if scan.turn == 1:
        return []
    hint = "outlines count as drawn on the upright picture; look at the outlines of the check"
    value = f"a picture that EXIF orientation {scan.turn} turns upright"
    return [warning("exif_turned", value, "a picture stored upright", hint)]
