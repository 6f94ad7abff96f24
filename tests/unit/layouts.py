"""Small folder trees in the layout of each public data set: names as published, made pixels."""

import json
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813
from PIL import Image

SHAPE = (18, 20, 5)  # i, j, k of a volume
BRATS_AFFINE = np.array([[-1, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]], float)
# The axes of KiTS19 run z, y, x.
KITS_AFFINE = np.array([[0, 0, -0.9, 0], [0, -0.9, 0, 0], [-3.0, 0, 0, 0], [0, 0, 0, 1]])


def values(seed: int, shape=SHAPE) -> np.ndarray:
    """Random grey values, different for every seed."""
    return np.random.default_rng(seed).integers(0, 3000, shape).astype(np.int16)


def labels(*numbers: int, shape=SHAPE) -> np.ndarray:
    """Columns of 4 x 3 voxels in the two middle slices, one of each label, side by side."""
    volume = np.zeros(shape, np.uint8)
    for place, number in enumerate(numbers):
        volume[3 + 4 * place : 7 + 4 * place, 6:9, 1:3] = number
    return volume


def write_nifti(path: Path, array: np.ndarray, affine: np.ndarray = BRATS_AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)


def write_mat(path: Path, seed: int, pid: str, label: int, side: int = 512) -> np.ndarray:
    """A file of the public T1-CE set; returns its mask (height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((side, side), np.uint8)
    mask[side // 4 : side // 2, side // 2 : side // 2 + 20] = 1
    corners = [[side // 2, side // 4], [side // 2 + 20, side // 4], [side // 2, side // 2]]
    with h5py.File(path, "w", userblock_size=512) as file:
        data = file.create_group("cjdata")
        data.attrs["MATLAB_class"] = np.bytes_("struct")
        data["PID"] = np.array([list(map(ord, pid))], np.uint16).T
        data["label"] = np.array([[float(label)]])
        data["image"] = values(seed, (side, side)).T  # MATLAB stores columns first
        data["tumorMask"] = mask.T
        data["tumorBorder"] = np.array([np.array(corners, float).ravel() + 1])
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(124) + b"\0\2IM")
    return mask


def cheng_mat(folder: Path) -> None:
    for number, pid, label in ((1, "100360", 1), (767, "MR040240", 2), (1000, "MR040240B", 2)):
        part = "1-766" if number < 767 else "767-1532"
        write_mat(folder / f"brainTumorDataPublic_{part}" / f"{number}.mat", number, pid, label)
    write_mat(folder / "brainTumorDataPublic_2299-3064" / "2300.mat", 9, "MR017260F", 3, side=256)
    with h5py.File(folder / "cvind.mat", "w") as file:
        file["cvind"] = np.ones((1, 4))
    rows = ("1\taxial", "767\tcoronal", "1000\tsagittal", "2300\taxial")
    (folder / "planes.tsv").write_text("\n".join(("case\tplane", *rows, "")), encoding="utf-8")


def lgg(folder: Path) -> None:
    inner = folder / "kaggle_3m"
    for seed, (place, numbers) in enumerate(
        (("TCGA_CS_4941_19960909", (1, 2, 10)), ("TCGA_DU_7010_19860307", (1, 2)))
    ):
        (inner / place).mkdir(parents=True)
        for number in numbers:
            colours = values(100 * seed + number, (32, 32, 3)) % 256
            Image.fromarray(colours.astype(np.uint8)).save(inner / place / f"{place}_{number}.tif")
            mask = labels(255, shape=(32, 32, 5))[..., 1 if number == 2 else 0]
            Image.fromarray(mask).save(inner / place / f"{place}_{number}_mask.tif")
    (inner / "data.csv").write_text("Patient,RNASeqCluster\nTCGA_CS_4941,2\n", encoding="utf-8")
    (inner / "README.md").write_text("# LGG Segmentation Dataset\n", encoding="utf-8")


def _subject(folder: Path, seed: int, suffix: str = ".nii.gz", mask: str = "") -> None:
    for number, sequence in enumerate(("t1", "t1ce", "t2", "flair")):
        write_nifti(folder / f"{folder.name}_{sequence}{suffix}", values(10 * seed + number))
    write_nifti(folder / f"{mask or folder.name + '_seg'}{suffix}", labels(1, 2, 4))


def brats18(folder: Path) -> None:
    folder = folder / "MICCAI_BraTS_2018_Data_Training"
    _subject(folder / "HGG" / "Brats18_CBICA_ABO_1", 1)
    _subject(folder / "HGG" / "Brats18_TCIA01_131_1", 2)
    _subject(folder / "LGG" / "Brats18_TCIA01_131_2", 3)
    (folder / "survival_data.csv").write_text("Brats18ID,Age,Survival\n", encoding="utf-8")
    # The validation set has neither grade nor segmentation.
    validation = folder.parent / "MICCAI_BraTS_2018_Data_Validation" / "Brats18_CBICA_AAM_1"
    write_nifti(validation / f"{validation.name}_flair.nii.gz", values(4))


def brats20(folder: Path) -> None:
    training = folder / "MICCAI_BraTS2020_TrainingData"
    _subject(training / "BraTS20_Training_001", 1, ".nii")
    _subject(training / "BraTS20_Training_002", 2, ".nii")
    _subject(training / "BraTS20_Training_355", 3, ".nii", mask="W39_1998.09.19_Segm")
    header = "Grade,BraTS_2017_subject_ID,BraTS_2018_subject_ID,TCGA_TCIA_subject_ID,"
    lines = (
        header + "BraTS_2019_subject_ID,BraTS_2020_subject_ID",
        "HGG,Brats17_CBICA_AAB_1,Brats18_CBICA_AAB_1,NA,BraTS19_CBICA_AAB_1,BraTS20_Training_001",
        "LGG,NA,NA,NA,BraTS19_CBICA_AAB_2,BraTS20_Training_002",
        "HGG,NA,NA,NA,NA,BraTS20_Training_355",
    )
    (training / "name_mapping.csv").write_text("\n".join((*lines, "")), encoding="utf-8")
    validation = folder / "MICCAI_BraTS2020_ValidationData" / "BraTS20_Validation_001"
    write_nifti(validation / f"{validation.name}_flair.nii", values(4))


def msd_brain(folder: Path) -> None:
    """The Decathlon's: four volumes along the fourth axis; dataset.json shortened."""
    task = folder / "Task01_BrainTumour"
    names = [f"BRATS_{number:03d}.nii.gz" for number in (1, 457)]
    for number, name in zip((1, 457), names, strict=True):
        write_nifti(task / "imagesTr" / name, values(number, (*SHAPE, 4)), np.eye(4))
        write_nifti(task / "labelsTr" / name, labels(1, 2, 3), np.eye(4))
    write_nifti(task / "imagesTs" / "BRATS_485.nii.gz", values(5, (*SHAPE, 4)), np.eye(4))
    (task / "imagesTr" / "._BRATS_001.nii.gz").write_bytes(b"\0\5\x16\7")
    (folder / "__MACOSX" / task.name / "imagesTr").mkdir(parents=True)
    tissues = ("background", "edema", "non-enhancing tumor", "enhancing tumour")
    about = {
        "name": "BRATS",
        "tensorImageSize": "4D",
        "modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"},
        "labels": {str(number): tissue for number, tissue in enumerate(tissues)},
        "numTraining": 2,
        "numTest": 1,
        "training": [{"image": f"./imagesTr/{n}", "label": f"./labelsTr/{n}"} for n in names],
        "test": ["./imagesTs/BRATS_485.nii.gz"],
    }
    write_dataset_json(task, about)


def write_dataset_json(folder: Path, content: object) -> None:
    (folder / "dataset.json").write_text(json.dumps(content), encoding="utf-8")


def _nnunet(folder: Path, *numbers: int, channels: int = 1, ending: str = ".nii.gz") -> None:
    """Images and labels of two cases, prostate_16 and prostate_04, and a test image."""
    for seed, case in enumerate(("prostate_16", "prostate_04")):
        for channel in range(channels):
            image = folder / "imagesTr" / f"{case}_{channel:04d}{ending}"
            write_nifti(image, values(10 * seed + channel), np.eye(4))
        write_nifti(folder / "labelsTr" / f"{case}{ending}", labels(*numbers), np.eye(4))
    write_nifti(folder / "imagesTs" / f"prostate_08_0000{ending}", values(7), np.eye(4))


def nnunet_1(folder: Path) -> None:
    """nnU-Net 1: dataset.json as the Decathlon's, one file for each channel."""
    folder = folder / "nnUNet_raw_data" / "Task005_Prostate"
    _nnunet(folder, 1, 2, channels=2)
    names = ("prostate_16.nii.gz", "prostate_04.nii.gz")
    about = {
        "modality": {"0": "T2", "1": "ADC"},
        "labels": {"0": "background", "1": "PZ", "2": "TZ"},
        "numTraining": 2,
        "training": [{"image": f"./imagesTr/{n}", "label": f"./labelsTr/{n}"} for n in names],
        "test": ["./imagesTs/prostate_08.nii.gz"],
    }
    write_dataset_json(folder, about)


def nnunet_2(folder: Path) -> None:
    """nnU-Net 2."""
    folder = folder / "Dataset005_Prostate"
    _nnunet(folder, 1, 2, channels=2)
    about = {
        "channel_names": {"0": "T2", "1": "ADC"},
        "labels": {"background": 0, "PZ": 1, "TZ": 2},
        "numTraining": 2,
        "file_ending": ".nii.gz",
        "overwrite_image_reader_writer": "SimpleITKIO",
    }
    write_dataset_json(folder, about)


def nnunet_regions(folder: Path) -> None:
    """nnU-Net 2 with regions and pixels to ignore, in NRRD."""
    for seed, case in enumerate(("a_0001", "a_0002")):  # cases that look as if they had a channel
        files = {"imagesTr": (f"{case}_0000", values(seed)), "labelsTr": (case, labels(1, 2, 3, 4))}
        for part, (name, array) in files.items():
            (folder / part).mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(sitk.GetImageFromArray(array.T), str(folder / part / f"{name}.nrrd"))
    about = {
        "channel_names": {"0": "CT"},
        "labels": {
            "background": 0,
            "whole_tumor": [1, 2, 3],
            "tumor_core": [2, 3],
            "enhancing_tumor": 3,
            "ignore": 4,
        },
        "regions_class_order": [1, 2, 3],
        "numTraining": 2,
        "file_ending": ".nrrd",
    }
    write_dataset_json(folder, about)


def nnunet_pictures(folder: Path) -> None:
    """nnU-Net 2 with colour PNG, whose three channels are one file."""
    for seed, case in enumerate(("p1", "p2")):
        colours = (values(seed, (32, 32, 3)) % 256).astype(np.uint8)
        for part in ("imagesTr", "labelsTr"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        Image.fromarray(colours).save(folder / "imagesTr" / f"{case}_0000.png")
        mask = labels(1, shape=(32, 32, 5))[..., 1]
        Image.fromarray(mask).save(folder / "labelsTr" / f"{case}.png")
    about = {
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "labels": {"background": 0, "road": 1},
        "numTraining": 2,
        "file_ending": ".png",
    }
    write_dataset_json(folder, about)


def nnunet_paths(folder: Path) -> None:
    """nnU-Net 2 with the paths of all files in dataset.json."""
    _nnunet(folder / "scans", 1)
    cases = {
        case: {
            "images": [f"scans/imagesTr/{case}_0000.nii.gz"],
            "label": f"scans/labelsTr/{case}.nii.gz",
        }
        for case in ("prostate_16", "prostate_04")
    }
    about = {
        "channel_names": {"0": "T2"},
        "labels": {"background": 0, "tumour": 1},
        "numTraining": 2,
        "file_ending": ".nii.gz",
        "dataset": cases,
    }
    write_dataset_json(folder, about)


def kits19(folder: Path) -> None:
    for case in ("case_00000", "case_00001"):
        number = int(case[-5:])
        image, mask = values(number, SHAPE[::-1]), labels(1, 2).T
        write_nifti(folder / "data" / case / "imaging.nii.gz", image, KITS_AFFINE)
        write_nifti(folder / "data" / case / "segmentation.nii.gz", mask, KITS_AFFINE)
    write_nifti(folder / "data" / "case_00210" / "imaging.nii.gz", image + 1, KITS_AFFINE)
    (folder / "data" / "kits.json").write_text("[]", encoding="utf-8")


def picai(folder: Path) -> None:
    experts = folder / "picai_labels" / "csPCa_lesion_delineations" / "human_expert"
    studies = (
        ("10000_1000000", 0),
        ("10001_1000001", 0),
        ("10001_1000002", 1),
        ("11475_1001499", 4),
    )
    for number, (study, fold) in enumerate(studies):
        place = folder / "images" / f"fold{fold}" / study.split("_")[0]
        place.mkdir(parents=True, exist_ok=True)
        coarse = (9, 10, 5), 1.0
        for sequence, shape, side in (("t2w", SHAPE, 0.5), ("adc", *coarse), ("hbv", *coarse)):
            image = sitk.GetImageFromArray(values(number, shape).T)
            image.SetSpacing((side, side, 3.0))
            sitk.WriteImage(image, str(place / f"{study}_{sequence}.mha"))
        given = ((), (3,), (2, 5), (1,))[number]
        label = sitk.GetImageFromArray(labels(*given).T)
        label.SetSpacing((0.5, 0.5, 3.0))
        form = experts / ("Pooch25" if number == 3 else "resampled")
        form.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(label, str(form / f"{study}.nii.gz"))
        gland = np.zeros(SHAPE, np.uint8)
        gland[2:16, 4:11, 1:4] = 1
        whole = sitk.GetImageFromArray(gland.T)
        whole.CopyInformation(label)
        glands = folder / "picai_labels" / "anatomical_delineations" / "whole_gland" / "AI"
        glands = glands / ("Guerbet23" if number == 2 else "Bosma22b")
        glands.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(whole, str(glands / f"{study}.nii.gz"))
    # The labels of all folds come together; no image of this study was downloaded.
    sitk.WriteImage(label, str(experts / "resampled" / "10500_1000510.nii.gz"))
