"""What is wrong with cases only when they are held together."""

import hashlib

import numpy as np

from tumorseg.cases import Case
from tumorseg.problems import Problem, warning
from tumorseg.reading import Read

MIXED = 1.25  # spacings further apart than this factor are worth a word


class Cohort:
    """Takes in what was read, entry by entry; keeps a digest of each image and no image."""

    def __init__(self) -> None:
        self.patients: set[str] = set()
        self.names: set[str] = set()
        self.owners: dict[bytes, tuple[str, str]] = {}
        self.spacings: list[tuple[float, float]] = []

    def add(self, item: Read) -> list[Problem]:
        """Errors: a case's name or pixels that an earlier case has, of another patient."""
        problems = []
        row = item.entry.row if item.entry else 0
        if item.entry:  # one that could not be read will be mended, so it counts as a patient
            self.patients.add(item.entry.patient)
        for case in item.cases:
            self.patients.add(case.patient)
            self.spacings.append(case.spacing_mm)
            found = [self._name(case), self._pixels(case)]
            problems += [problem.at(case.origin, row) for problem in found if problem]
        return problems

    def _name(self, case: Case) -> Problem | None:
        """A slice of a volume may get the name that a picture has."""
        name = case.case.casefold()
        if name not in self.names:
            self.names.add(name)
            return None
        value, hint = f"case {case.case!r} is there already", "rename one of them"
        return Problem("case_repeated", value, "a name of its own for every case", hint)

    def _pixels(self, case: Case) -> Problem | None:
        if case.image.min() == case.image.max():
            return None  # blank slices at the ends of volumes are all alike
        pixels = hashlib.sha256(f"{case.image.shape} {case.image.dtype}".encode())
        pixels.update(np.ascontiguousarray(case.image))
        key = pixels.digest()
        owner, earlier = self.owners.setdefault(key, (case.patient, case.case))
        if owner == case.patient:
            return None
        return Problem(
            "patient_shared_image",
            f"case {case.case} of patient {case.patient} has the same pixels as case {earlier} of "
            f"patient {owner}",
            "an image to be of one patient",
            "remove one, or give both the same patient",
        )

    def whole(self, fold_count: int, where: str) -> list[Problem]:
        """What can be said at the end: too few patients for the folds, mixed pixel spacings."""
        problems = []
        if len(self.patients) < fold_count + 2:
            problems.append(
                Problem(
                    "patients_too_few",
                    f"{len(self.patients)} patients",
                    f"at least {fold_count + 2} for {fold_count} folds of training, validation and "
                    "test patients",
                    "bring more patients or lower folds.count",
                    where,
                )
            )
        known = np.array([sides for sides in self.spacings if np.isfinite(sides).all()])
        unknown = len(self.spacings) - len(known)
        if len(known) and (unknown or known.max() > MIXED * known.min()):
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
