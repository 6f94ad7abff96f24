"""A small own-data experiment in which everything that can carry a name carries a loud one."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pydicom
from PIL import Image, PngImagePlugin
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from tumorseg.sources import phantom

# Words that occur nowhere by chance; each is hidden in a different place.
_PLACES = """user folder table patient case stem exif comment flag label path dicomname dicomid
institution physician study station private accession gps"""
LOUD = {place: f"ZQX{number:02d}{place.upper()}" for number, place in enumerate(_PLACES.split())}
UID = "1.2.826.0.1.3680043.8.498.6606606606"
BORN = "19310229"


def write(folder: Path) -> Path:
    """Makes data of 8 patients (PNG, JPEG, DICOM; LabelMe, masks); the folder of the table."""
    root = folder / LOUD["user"] / LOUD["folder"]
    lines = []
    cases = list(phantom.cases(seed=3, patients=8, height_px=128, width_px=200))
    for number, case in enumerate(cases):
        patient = f"{LOUD['patient']}^{case.patient}"
        stem = f"{LOUD['stem']}_{number}"
        place = root / patient.replace("^", "_")
        place.mkdir(parents=True, exist_ok=True)
        kind = ("png", "jpg", "dcm")[int(case.patient.strip("p")) % 3]
        image = place / f"{stem}.{kind}"
        {"png": _png, "jpg": _jpeg, "dcm": _dicom}[kind](image, case.image)
        drawn = _labelme(place / f"{stem}.json", case)
        lines.append(
            {
                "case": f"{LOUD['case']}-{number}",
                "image": image.relative_to(root),
                "annotation": drawn.relative_to(root),
                "patient": patient,
                "plane": case.plane,
                "spacing_mm": case.spacing_mm[0],
            }
        )
    pd.DataFrame(lines).to_csv(root / f"{LOUD['table']}.tsv", sep="\t", index=False)
    return root


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = LOUD["exif"]
    exif.get_ifd(0x8825)[0x1D] = LOUD["gps"]
    return exif


def _png(path: Path, image: np.ndarray) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", LOUD["comment"], zip=True)
    Image.fromarray(image).save(path, pnginfo=texts, exif=_exif())


def _jpeg(path: Path, image: np.ndarray) -> None:
    Image.fromarray(image).save(path, quality=95, exif=_exif(), comment=LOUD["comment"].encode())


def _dicom(path: Path, image: np.ndarray) -> None:
    data = pydicom.Dataset()
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, f"{UID}.{path.stem.split('_')[-1]}"
    data.SeriesInstanceUID = data.FrameOfReferenceUID = UID
    data.StudyInstanceUID = f"{UID}.1{path.parent.name[-2:]}"  # a study is of one patient
    data.Modality, data.PatientName, data.PatientID = "MR", LOUD["dicomname"], LOUD["dicomid"]
    data.PatientBirthDate, data.InstitutionName = BORN, LOUD["institution"]
    data.ReferringPhysicianName, data.StudyDescription = LOUD["physician"], LOUD["study"]
    data.StationName, data.AccessionNumber = LOUD["station"], LOUD["accession"]
    data.add_new((0x0009, 0x0010), "LO", "SITE")
    data.add_new((0x0009, 0x1001), "LO", LOUD["private"])
    data.Rows, data.Columns = image.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.PixelRepresentation, data.PixelData = 0, (image.astype("<u2") * 8).tobytes()
    data.PixelSpacing, data.ImageType = [1.9, 1.9], ["ORIGINAL", "PRIMARY"]
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.save_as(path, enforce_file_format=True)


def _labelme(path: Path, case: phantom.Case) -> Path:
    shapes = [
        {"label": LOUD["label"], "points": ring.tolist(), "shape_type": "polygon", "flags": {}}
        for ring, *_ in case.parts
    ]
    shapes[0]["flags"] = {LOUD["flag"]: True}
    content = {
        "version": "5.0.1",
        "imagePath": f"{LOUD['path']}/{path.stem}.png",
        "imageHeight": case.image.shape[0],
        "imageWidth": case.image.shape[1],
        "imageData": None,
        "shapes": shapes,
        "flags": {LOUD["flag"]: False},
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def new_image(folder: Path) -> Path:
    """An image to predict, with a name to find again."""
    path = folder / LOUD["folder"] / f"{LOUD['stem']}_new.png"
    path.parent.mkdir(parents=True)
    image = next(phantom.cases(seed=4, patients=7, height_px=128, width_px=200)).image
    cv2.imwrite(str(path), image)
    return path
