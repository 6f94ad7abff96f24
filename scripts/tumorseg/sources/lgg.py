"""Source: lower-grade gliomas of TCGA, FLAIR abnormalities outlined (Buda et al. 2019, Kaggle).

kaggle_3m/TCGA_<site>_<patient>_<date>/<folder's name>_<slice>.tif and ..._<slice>_mask.tif: axial
pictures whose three channels are three sequences, not colours.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tumorseg.core.cases import Entry, ImageFile
from tumorseg.core.problems import DataError
from tumorseg.data import source_files

# Where pre or post was not acquired (15 of 110 patients), its channel contains FLAIR.
SEQUENCES = ("pre", "flair", "post")
LAYOUT = "kaggle_3m/TCGA_CS_4941_19960909/ with TCGA_CS_4941_19960909_1.tif and ..._1_mask.tif"
SUBJECT = r"TCGA_[A-Za-z0-9]+_[A-Za-z0-9]+_\d{8}"


def entries(
    *,
    data_dir: str,
    sequence: str = "flair",
    channels: list[str] | None = None,
    labels: dict[str, str] | None = None,
    **_: Any,
) -> Iterator[Entry | DataError]:
    """One slice per case; most have no tumour, so the experiment needs `negatives: true`.

    sequence: pre, flair or post (contrast); channels: several of them. The patient is the folder's
    name without the date; the site is TCGA's code of the hospital, such as CS or DU.
    """
    folder = source_files.data_folder(data_dir)
    wanted = channels or [sequence]
    source_files.check_sequences(wanted, SEQUENCES)
    yield from source_files.with_missing_files(_entries(folder, wanted, labels), folder, LAYOUT)


def files(*, data_dir: str, **_: Any) -> list[Path]:
    """All pictures to be read; each holds every sequence."""
    return source_files.existing_files(_entries(Path(data_dir).expanduser(), ["flair"], None))


def _entries(folder: Path, wanted: list[str], labels: dict[str, str] | None) -> Iterator[Entry]:
    # Kaggle's archive contains everything twice: kaggle_3m/ and lgg-mri-segmentation/kaggle_3m/.
    inner = folder / "kaggle_3m"
    for place in source_files.folders(inner if inner.is_dir() else folder, SUBJECT):
        pattern = re.escape(place.name) + r"_\d+(?:_mask)?\.tif"
        paths = source_files.files_below(place, pattern)
        slices = {int(path.stem.removesuffix("_mask").rpartition("_")[2]) for path in paths}
        for number in sorted(slices):
            image = place / f"{place.name}_{number}.tif"
            first, *others = [ImageFile(image, SEQUENCES.index(name)) for name in wanted]
            yield Entry(
                case=image.stem,
                patient=place.name.rpartition("_")[0],
                image=image,
                annotation=image.with_name(f"{image.stem}_mask.tif"),
                origin=str(image),
                form="mask",
                plane="axial",
                site=place.name.split("_")[1],
                labels=labels,
                channel=first.inner,
                further=tuple(others),
            )
