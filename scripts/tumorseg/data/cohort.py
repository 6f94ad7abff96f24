"""What is wrong with cases only when they are held together, so that a run must not begin."""

import hashlib

import numpy as np

from tumorseg.core.cases import patients_needed
from tumorseg.core.problems import Problem, warning
from tumorseg.data.reading import Read

MIXED = 1.25  # spacings further apart than this factor are worth a word


class Cohort:
    """Takes in what was read, entry by entry; keeps a digest of each image and no image."""

    def __init__(self) -> None:
        self.patients: set[str] = set()
        self.failed = False
        self.names: set[str] = set()
        self.owners: dict[str, tuple[str, str]] = {}
        self.spacings: list[tuple[float, float]] = []

    def add(self, item: Read) -> list[Problem]:
        """What `add_slice` finds in the cases of an entry."""
        self.expect(item)
        row = item.entry.row if item.entry else 0
        found = []
        for case in item.cases:
            blank = case.image.min() == case.image.max()
            pixels = "" if blank else pixel_digest(case.image)
            new = self.add_slice(case.case, case.patient, pixels, case.spacing_mm)
            found += [problem.at(case.origin, row) for problem in new]
        return found

    def expect(self, item: Read) -> None:
        """Counts the patient of an entry with an error, which will be mended."""
        if any(problem.severity == "error" for problem in item.problems):
            self.failed = True
            self.patients |= {item.entry.patient} if item.entry else set()

    def add_slice(
        self, case: str, patient: str, pixels: str, spacing_mm: tuple[float, float]
    ) -> list[Problem]:
        """Errors: a name or pixels that an earlier slice has; its own patient's are a warning.

        pixels: the image's digest, empty for a blank one: those are all alike.
        """
        self.patients.add(patient)
        self.spacings.append(spacing_mm)
        found = []
        # A slice of a volume may get the name that a picture has.
        if case.casefold() in self.names:
            value, hint = f"case {case!r} is there already", "rename one of them"
            found.append(Problem("case_repeated", value, "a name of its own for every case", hint))
        self.names.add(case.casefold())
        owner, earlier = self.owners.setdefault(pixels, (patient, case)) if pixels else ("", "")
        same = f"has the same pixels as case {earlier} of patient"
        if owner == patient and earlier != case:
            value = f"case {case} {same} {owner}"
            found.append(warning("image_repeated", value, "every image once", "remove one"))
        elif owner not in ("", patient):
            value = f"case {case} of patient {patient} {same} {owner}"
            hint = "remove one, or give both the same patient"
            expected = "an image to be of one patient"
            found.append(Problem("patient_shared_image", value, expected, hint))
        return found

    def whole(self, fold_count: int, where: str) -> list[Problem]:
        """What can be said at the end: too few patients for the folds, mixed pixel spacings."""
        problems = []
        needed = patients_needed(fold_count)
        if len(self.patients) < needed and (self.patients or not self.failed):  # or it was told
            problems.append(
                Problem(
                    "patients_too_few",
                    f"{len(self.patients)} patients",
                    f"at least {needed} for {fold_count} folds of training, validation and "
                    "test patients",
                    "bring more patients or lower folds.count",
                    where,
                )
            )
        known = np.array([sides for sides in self.spacings if np.isfinite(sides).all()])
        unknown = len(self.spacings) - len(known)
        if len(known) and (unknown or (known.max(axis=0) > MIXED * known.min(axis=0)).any()):
            problems.append(
                warning(
                    "spacing_mixed",
                    f"pixels of {known.min():.3g} to {known.max():.3g} mm; {unknown} of "
                    f"{len(self.spacings)} slices without spacing",
                    "about one spacing",
                    "see that they are right; distances in mm leave slices without spacing out",
                    where,
                )
            )
        return problems


def pixel_digest(image: np.ndarray) -> str:
    """A digest of the pixels, their type and the shape."""
    told = f"{image.dtype.str} {image.shape}".encode()
    return hashlib.sha256(told + np.ascontiguousarray(image).tobytes()).hexdigest()[:32]
