"""One's own slices: a TSV with a line a case, beside the images and annotations that it names."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tumorseg import registry
from tumorseg.cases import PLANES, Case
from tumorseg.errors import UserError
from tumorseg.images import read_image

COLUMNS = ("case", "image", "annotation", "patient", "plane")
OPTIONAL = ("spacing_mm", "tumour_type")
UNKNOWN = ("", "NA", "NaN", "nan", "n/a")


def cases(
    *,
    data_dir: str,
    table: str = "cases.tsv",
    form: str = "labelme",
    columns: dict[str, str] | None = None,
    annotation_file: str | None = None,
    **_: Any,
) -> Iterator[Case]:
    """The table's cases in its order; every line is checked before the first is yielded.

    data_dir: folder of the table; its paths are relative to it. columns: our column name -> the
    table's, where they differ. form: one of tumorseg.annotations. annotation_file: one JSON file
    that maps each case to its annotation, instead of the annotation column. spacing_mm and
    tumour_type may be missing or NA. Raises UserError naming file and row (1 is the first line
    after the header).
    """
    folder = Path(data_dir).expanduser()
    path = folder / table
    rows = _read(path, columns or {}, annotation_file is None)
    shared = _shared(folder / annotation_file) if annotation_file else None
    _check(rows, path, folder, shared)
    for number, row in enumerate(rows.itertuples(index=False), start=1):
        origin = f"{path} row {number}"
        try:
            yield Case(
                case=row.case,
                patient=row.patient,
                plane=row.plane,
                image=read_image(folder / row.image),
                annotation=_annotation(folder, row, form, shared),
                form=form,
                spacing_mm=math.nan if row.spacing_mm in UNKNOWN else float(row.spacing_mm),
                origin=origin,
                tumour_type="" if row.tumour_type in UNKNOWN else row.tumour_type,
            )
        except UserError as error:
            raise UserError(f"{origin}: {error}") from None


def _read(path: Path, columns: dict[str, str], with_annotation: bool) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise UserError(f"{path}: no such table; set data_dir and source.table") from None
    except (ValueError, pd.errors.EmptyDataError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{path}: not a tab-separated table ({reason})") from None
    replaced = [ours for ours, theirs in columns.items() if ours != theirs and ours in rows]
    rows = rows.drop(columns=[name for name in replaced if name not in columns.values()])
    rows = rows.rename(columns={theirs: ours for ours, theirs in columns.items()})
    for name in OPTIONAL:
        if name not in rows:
            rows[name] = "NA"
    for name in COLUMNS:
        if name not in rows and (name != "annotation" or with_annotation):
            theirs = columns.get(name, name)
            raise UserError(f"{path}: no column {theirs!r}; name it in source.columns ({name})")
    if rows.empty:
        raise UserError(f"{path}: the table has a header and no case")
    return rows


def _shared(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such annotation file") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error})") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a JSON object that maps each case to its annotation")
    return content


def _check(rows: pd.DataFrame, path: Path, folder: Path, shared: dict | None) -> None:
    seen: dict[str, int] = {}
    for number, row in enumerate(rows.to_dict("records"), start=1):
        where = f"{path} row {number}"
        case = row["case"]
        if not case or "/" in case or case.startswith("."):
            raise UserError(f"{where}: case {case!r} cannot name a file; use letters and digits")
        # Some file systems do not tell capitals apart, and every case becomes a file.
        earlier = seen.setdefault(case.casefold(), number)
        if earlier != number:
            raise UserError(f"{where}: case {case!r} stands already in row {earlier}")
        if not row["patient"]:
            raise UserError(f"{where}: no patient; folds need one for every case")
        if row["plane"] not in PLANES:
            raise UserError(f"{where}: plane {row['plane']!r}, expected one of {', '.join(PLANES)}")
        if row["spacing_mm"] not in UNKNOWN:
            _check_spacing(row["spacing_mm"], where)
        for name in ("image",) if shared is not None else ("image", "annotation"):
            if not (folder / row[name]).is_file():
                raise UserError(f"{where}: no such {name} file: {folder / row[name]}")
        if shared is not None and case not in shared:
            raise UserError(f"{where}: case {case!r} has no entry in source.annotation_file")


def _check_spacing(text: str, where: str) -> None:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 100:
        raise UserError(f"{where}: spacing_mm {text!r}, expected millimetres above 0 or NA")


def _annotation(folder: Path, row: Any, form: str, shared: dict | None) -> Any:
    if shared is not None:
        return shared[row.case]
    path = folder / row.annotation
    if registry.entry("annotations", form).SUFFIX == ".json":
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{path}: not JSON ({error})") from None
    return read_image(path)
