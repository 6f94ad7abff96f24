"""Sources of public data sets, tested on made folder trees in their layout (layouts.py)."""

import os
from dataclasses import replace
from pathlib import Path

import layouts
import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from tumorseg.core import registry
from tumorseg.core.files import read_table
from tumorseg.core.problems import DataError
from tumorseg.data import listing, reading
from tumorseg.data.source_check import check_source
from tumorseg.imaging import scans

REAL = Path(__file__).parents[3] / "shared" / "data" / "t1ce_slices" / "samples.tsv"

IGNORED = {"ignore": "background"}

# name -> source, options, and (case, patient, tumour type) from the data set's names.
SETS = {
    "cheng_mat": (
        "cheng_mat",
        {},
        [
            ("1", "100360", "meningioma"),
            ("767", "MR040240", "glioma"),
            ("1000", "MR040240", "glioma"),
            ("2300", "MR017260", "pituitary"),
        ],
    ),
    "lgg": (
        "lgg",
        {"negatives": True},
        [
            ("TCGA_CS_4941_19960909_1", "TCGA_CS_4941", ""),
            ("TCGA_CS_4941_19960909_2", "TCGA_CS_4941", ""),
            ("TCGA_CS_4941_19960909_10", "TCGA_CS_4941", ""),
            ("TCGA_DU_7010_19860307_1", "TCGA_DU_7010", ""),
            ("TCGA_DU_7010_19860307_2", "TCGA_DU_7010", ""),
        ],
    ),
    "brats18": (
        "brats",
        {},
        [
            ("Brats18_CBICA_ABO_1", "CBICA_ABO", "hgg"),
            ("Brats18_TCIA01_131_1", "TCIA01_131", "hgg"),
            ("Brats18_TCIA01_131_2", "TCIA01_131", "lgg"),
        ],
    ),
    "brats20": (
        "brats",
        {},
        [
            ("BraTS20_Training_001", "CBICA_AAB", "hgg"),
            ("BraTS20_Training_002", "CBICA_AAB", "lgg"),
            ("BraTS20_Training_355", "BraTS20_Training_355", "hgg"),
        ],
    ),
    "msd_brain": (
        "nnunet",
        {"sequence": "FLAIR", "labels": {"1": "tumour", "2": "tumour", "3": "tumour"}},
        [("BRATS_001", "BRATS_001", ""), ("BRATS_457", "BRATS_457", "")],
    ),
    "nnunet_1": (
        "nnunet",
        {"sequence": "T2", "labels": {"PZ": "tumour", "TZ": "background"}},
        [("prostate_04", "prostate_04", ""), ("prostate_16", "prostate_16", "")],
    ),
    "nnunet_2": (
        "nnunet",
        {"sequence": 1, "labels": {"PZ": "tumour", "TZ": "tumour"}, "patient_pattern": "_(.+)"},
        [("prostate_04", "04", ""), ("prostate_16", "16", "")],
    ),
    "nnunet_regions": (
        "nnunet",
        {"labels": {"whole_tumor": "tumour", "ignore": "background"}},
        [("a_0001", "a_0001", ""), ("a_0002", "a_0002", "")],
    ),
    "nnunet_pictures": (
        "nnunet",
        {"sequence": "G", "plane": "axial"},
        [("p1", "p1", ""), ("p2", "p2", "")],
    ),
    "nnunet_paths": (
        "nnunet",
        {},
        [("prostate_04", "prostate_04", ""), ("prostate_16", "prostate_16", "")],
    ),
    "kits19": (
        "kits19",
        {},
        [("case_00000", "case_00000", ""), ("case_00001", "case_00001", "")],
    ),
    "picai": (
        "picai",
        {"negatives": True, "slices": "all"},
        [
            ("10000_1000000", "10000", ""),
            ("10001_1000001", "10001", ""),
            ("10001_1000002", "10001", ""),
            ("11475_1001499", "11475", ""),
        ],
    ),
}


@pytest.fixture(params=SETS)
def made(request, tmp_path):
    """A made data set: its module, folder, options and the expected names."""
    getattr(layouts, request.param)(tmp_path)
    source, options, names = SETS[request.param]
    return registry.entry("sources", source), tmp_path, options, names


def entries_of(name, folder, **options):
    getattr(layouts, name)(folder)
    source, given, _ = SETS[name]
    module = registry.entry("sources", source)
    return list(module.entries(data_dir=str(folder), **(given | options)))


def tumour_pixels(name, folder, number=0, **options):
    """Tumour pixels of every case of an entry."""
    entry = entries_of(name, folder, **options)[number]
    cases, problems = reading.cases_of(entry, SETS[name][1] | options)
    assert [p.line() for p in problems if p.severity == "error"] == []
    return [int(case.mask.sum()) for case in cases]


def test_every_source_passes_every_check(made):
    module, folder, options, _ = made
    outcomes = check_source(module, str(folder), **options)
    assert set(outcomes.values()) == {"passed"}, outcomes


def test_cases_patients_and_types_come_from_the_published_names(made):
    module, folder, options, names = made
    entries = module.entries(data_dir=str(folder), **options)
    entries = list(entries)
    assert [(entry.case, entry.patient, entry.tumour_type) for entry in entries] == names
    known = {"CS", "DU"} if module.__name__.endswith("lgg") else {""}  # TCGA's codes of hospitals
    assert {entry.site for entry in entries} == known


def listed_twice(listed, _):
    return [listed[0], *listed]


def with_unknown_labels(listed, _):
    return [replace(entry, labels={"7": "tumour"}) for entry in listed]


def in_a_different_order_each_time(listed, _):
    in_a_different_order_each_time.turn = not getattr(in_a_different_order_each_time, "turn", False)
    return listed[:: 1 if in_a_different_order_each_time.turn else -1]


def silent_about_an_empty_folder(listed, folder):
    return listed if folder.is_dir() and any(folder.iterdir()) else []


def named_by_the_folder(listed, folder):
    return [replace(entry, case=f"{folder.name} {entry.case}") for entry in listed]


def named_by_the_number_of_files(listed, folder):
    count = len(list(folder.rglob("*")))
    return [replace(entry, patient=f"{entry.patient} of {count}") for entry in listed]


def silent_about_what_is_missing(listed, _):
    return [item for item in listed if not isinstance(item, DataError)]


def without_the_case_in_problems(listed, _):
    return [
        DataError(replace(item.problem, case="")) if isinstance(item, DataError) else item
        for item in listed
    ]


def negative_where_damaged(listed, _):
    return [
        replace(item, annotation=None if item.annotation.stat().st_size < 100 else item.annotation)
        if not isinstance(item, DataError)
        else item
        for item in listed
    ]


def without_empty_images(listed, _):
    return [item for item in listed if isinstance(item, DataError) or item.image.stat().st_size]


@pytest.mark.parametrize(
    "fault, check",
    [
        (listed_twice, "everything_is_named_once"),
        (with_unknown_labels, "every_entry_is_readable"),
        (in_a_different_order_each_time, "the_order_is_stable"),
        (silent_about_an_empty_folder, "no_data_is_one_clear_problem"),
        (named_by_the_number_of_files, "junk_is_ignored"),
        (named_by_the_folder, "the_folder_may_have_any_name"),
        (silent_about_what_is_missing, "a_missing_file_is_a_problem_in_its_place"),
        (without_the_case_in_problems, "a_missing_file_is_a_problem_in_its_place"),
        (negative_where_damaged, "a_damaged_file_is_a_problem_in_its_place"),
        (without_empty_images, "listing_reads_no_pixels"),
    ],
)
def test_each_check_finds_its_fault(tmp_path, fault, check):
    layouts.kits19(tmp_path)
    good = registry.entry("sources", "kits19")

    class Faulty:
        files = staticmethod(good.files)

        @staticmethod
        def entries(*, data_dir, **options):
            folder = Path(data_dir)
            try:
                listed = list(good.entries(data_dir=data_dir, **options))
            except DataError as stop:
                listed = [stop]
            yield from fault(listed, folder)

    assert check_source(Faulty, str(tmp_path))[check] != "passed"


def test_a_file_that_is_read_but_not_among_files_is_found(tmp_path):
    layouts.kits19(tmp_path)
    good = registry.entry("sources", "kits19")

    class Faulty:
        entries = staticmethod(good.entries)

        @staticmethod
        def files(**options):
            return good.files(**options)[1:]

    assert check_source(Faulty, str(tmp_path))["files_are_all_that_is_read"] != "passed"


def test_cheng_spacing_is_known_only_for_512_pixels(tmp_path):
    entries = entries_of("cheng_mat", tmp_path)
    assert entries[0].spacing_mm == (0.49, 0.49)
    assert np.isnan(entries[3].spacing_mm).all()
    assert [entry.plane for entry in entries] == ["axial", "coronal", "sagittal", "axial"]


def test_cheng_mask_is_that_of_the_file_and_upright(tmp_path):
    mask = layouts.write_mat(tmp_path / "1.mat", 1, "100360", 1)
    (entry,) = registry.entry("sources", "cheng_mat").entries(data_dir=tmp_path, plane="axial")
    (case,), _ = reading.cases_of(entry, {})
    assert np.array_equal(case.mask, mask)
    assert np.array_equal(
        np.rint(case.offset + case.scale * case.image), layouts.values(1, (512, 512))
    )


def test_cheng_without_planes_explains_how_to_give_them(tmp_path):
    layouts.cheng_mat(tmp_path)
    (tmp_path / "planes.tsv").unlink()
    module = registry.entry("sources", "cheng_mat")
    with pytest.raises(DataError, match=r"planes\.tsv .* source\.plane .*plane_missing"):
        list(module.entries(data_dir=str(tmp_path)))
    assert len(list(module.entries(data_dir=str(tmp_path), plane="axial"))) == 4


def test_cheng_a_slice_missing_from_planes_tsv_is_one_problem(tmp_path):
    layouts.cheng_mat(tmp_path)
    (tmp_path / "planes.tsv").write_text("case\tplane\n1\taxial\n767\taxial\n2300\taxial\n")
    listed = list(registry.entry("sources", "cheng_mat").entries(data_dir=str(tmp_path)))
    assert [item.problem.code for item in listed if isinstance(item, DataError)] == [
        "plane_missing"
    ]


def test_cheng_a_faulty_slice_can_be_taken_out(tmp_path):
    layouts.cheng_mat(tmp_path)
    (tmp_path / "planes.tsv").write_text("case\tplane\n1\taxial\n2300\taxial\n767\taxial\n")
    cut = next(tmp_path.rglob("767.mat"))
    cut.write_bytes(cut.read_bytes()[:3000])
    source = {"kind": "cheng_mat"}
    found = listing.listed(source, str(tmp_path))
    assert [(problem.code, problem.case) for problem in found.problems] == [
        ("image_truncated", "767"),
        ("plane_missing", "1000"),
    ]
    found = listing.listed(source | {"exclude": ["767", "1000"]}, str(tmp_path))
    assert [entry.case for entry in found.entries] == ["1", "2300"]
    assert found.problems == []


def in_a_spreadsheet(text, delimiter):
    """A table as a spreadsheet saves it as CSV."""
    text = text.replace(delimiter, ";").replace("\n", "\r\n")
    return (text + ";;\r\n").encode("utf-8-sig")


@pytest.mark.parametrize("name", ["cheng_mat", "brats20"])
def test_tables_of_a_data_set_saved_again_by_a_spreadsheet_are_read_the_same(tmp_path, name):
    expected = entries_of(name, tmp_path)
    for table in [*tmp_path.rglob("planes.tsv"), *tmp_path.rglob("name_mapping.csv")]:
        delimiter = "\t" if table.suffix == ".tsv" else ","
        table.write_bytes(in_a_spreadsheet(table.read_text(), delimiter))
    module = registry.entry("sources", SETS[name][0])
    assert repr(list(module.entries(data_dir=str(tmp_path)))) == repr(expected)


@pytest.mark.parametrize(
    "content, code",
    [
        ("case\tview\n1\taxial\n", "table_columns"),
        ("case\tplane\n1\ttop\n", "plane_unknown"),
        ("case\tplane\n1\taxial\n2\taxial\n1\tcoronal\n", "case_repeated"),
    ],
)
def test_cheng_a_wrong_planes_tsv_is_reported_with_its_name(tmp_path, content, code):
    layouts.cheng_mat(tmp_path)
    (tmp_path / "planes.tsv").write_text(content)
    with pytest.raises(DataError, match=rf"planes\.tsv.*{code}"):
        list(registry.entry("sources", "cheng_mat").entries(data_dir=str(tmp_path)))


@pytest.mark.skipif(not REAL.is_file(), reason=f"PATIENTS NOT CHECKED: no {REAL.name} in shared/")
def test_cheng_patients_are_grouped_as_in_the_development_set():
    table = read_table(REAL, ("patient_id", "source_pid"))
    module = registry.entry("sources", "cheng_mat")
    ours = table["source_pid"].map(module.patient_of)
    assert (table.groupby(ours)["patient_id"].nunique() == 1).all()
    assert ours.nunique() == table["patient_id"].nunique() == 108


@pytest.mark.parametrize("sequence, channel", [("pre", 0), ("flair", 1), ("post", 2)])
def test_lgg_reads_the_configured_sequence(tmp_path, sequence, channel):
    entry = entries_of("lgg", tmp_path, sequence=sequence)[0]
    (case,), problems = reading.cases_of(entry, {"negatives": True})
    expected = layouts.values(1, (32, 32, 3))[..., channel] % 256
    assert np.array_equal(case.image, expected)
    assert case.channel == channel
    assert not problems


def test_lgg_empty_masks_are_negatives_only_if_declared(tmp_path):
    entry = entries_of("lgg", tmp_path)[0]
    cases, _ = reading.cases_of(entry, {"negatives": True})
    assert cases[0].mask.sum() == 0
    cases, problems = reading.cases_of(entry, {})
    assert cases == []
    assert [problem.code for problem in problems] == ["annotation_empty"]


def test_lgg_reads_only_one_of_the_two_copies_in_kaggles_archive(tmp_path):
    layouts.lgg(tmp_path / "lgg-mri-segmentation")
    module = registry.entry("sources", "lgg")
    inner = [entry.case for entry in module.entries(data_dir=str(tmp_path))]
    layouts.lgg(tmp_path)
    assert [entry.case for entry in module.entries(data_dir=str(tmp_path))] == inner


# A tumour of 4 x 3 pixels a label and slice (layouts.labels).
@pytest.mark.parametrize(
    "name, labels, pixels",
    [
        ("brats18", None, 36),
        ("brats20", None, 36),
        ("msd_brain", None, 36),
        ("brats18", {"1": "tumour", "2": "background", "4": "tumour"}, 24),
        ("msd_brain", {"1": "background", "2": "tumour", "3": "tumour"}, 24),
        ("nnunet_1", {"PZ": "tumour", "TZ": "background"}, 12),
        ("nnunet_2", None, 24),
        ("nnunet_regions", None, 36),
        ("nnunet_regions", IGNORED | {"whole_tumor": "background", "tumor_core": "tumour"}, 24),
        ("nnunet_regions", IGNORED | {"whole_tumor": "tumour", "tumor_core": "background"}, 12),
        ("nnunet_regions", IGNORED | {"1": "tumour", "2": "background", "3": "tumour"}, 24),
        ("nnunet_paths", None, 12),
        ("kits19", None, 12),
        ("kits19", {"1": "tumour", "2": "tumour"}, 24),
    ],
)
def test_labels_mean_what_the_data_set_defines_unless_configured(tmp_path, name, labels, pixels):
    options = {"labels": labels} if labels else {}
    assert tumour_pixels(name, tmp_path, planes=["axial"], **options) == [pixels, pixels]


@pytest.mark.parametrize("stored", [np.float32, np.float64, np.int32])
@pytest.mark.parametrize("name", ["brats18", "msd_brain", "kits19"])
def test_volumes_and_labels_may_be_stored_as_any_kind_of_number(tmp_path, name, stored):
    """Mirrors and tools that save a set again change the type of its numbers."""
    options = {"planes": ["axial"]}
    entry = entries_of(name, tmp_path)[0]
    expected, _ = reading.cases_of(entry, options)
    for path in (entry.image, entry.annotation):
        volume = nib.load(path)
        array = np.asarray(volume.dataobj).astype(stored)
        nib.save(nib.Nifti1Image(array, volume.affine), path)
    cases, problems = reading.cases_of(entry, options)
    assert problems == []
    for case, before in zip(cases, expected, strict=True):
        assert np.array_equal(case.mask, before.mask)
        assert np.array_equal(case.image, before.image)
        assert case.spacing_mm == before.spacing_mm


def test_picai_grades_count_as_tumour_and_negatives_stay(tmp_path):
    assert tumour_pixels("picai", tmp_path) == [0] * 5
    assert tumour_pixels("picai", tmp_path / "b", 2) == [0, 24, 24, 0, 0]
    assert tumour_pixels("picai", tmp_path / "c", 3) == [0, 12, 12, 0, 0]


def test_an_unknown_label_is_an_error(tmp_path):
    entry = entries_of("brats18", tmp_path, labels={"1": "tumour"})[0]
    cases, problems = reading.cases_of(entry, {})
    assert cases == []
    assert [problem.code for problem in problems] == ["label_unknown"]


@pytest.mark.parametrize("number, sequence", [(0, "FLAIR"), (1, "t1w"), (2, "t1gd"), (3, 3)])
def test_msd_reads_the_configured_sequence(tmp_path, number, sequence):
    entry = entries_of("msd_brain", tmp_path, sequence=sequence)[0]
    cases, _ = reading.cases_of(entry, {"planes": ["axial"]})
    volume = layouts.values(1, (*layouts.SHAPE, 4))[..., number]
    low = volume.min()
    measured = np.rint(cases[0].offset + cases[0].scale * cases[0].image)
    assert cases[0].offset == low  # stretched over this sequence alone
    assert np.array_equal(measured, volume[::-1, ::-1, 1].T)  # rows to Posterior, columns to Left


def test_brats_reads_the_configured_sequence(tmp_path):
    for sequence in ("flair", "t1", "t1ce", "t2"):
        folder = tmp_path / sequence
        entry = entries_of("brats18", folder, sequence=sequence)[0]
        assert entry.image.name == f"Brats18_CBICA_ABO_1_{sequence}.nii.gz"


@pytest.mark.parametrize("name", ["brats18", "lgg", "picai"])
def test_an_unknown_sequence_is_rejected_with_the_known_ones(name, tmp_path):
    with pytest.raises(DataError, match=r"sequence 'pd'; expected .*sequence_unknown"):
        entries_of(name, tmp_path, sequence="pd")


def test_kits_axes_follow_the_affine(tmp_path):
    entry = entries_of("kits19", tmp_path)[0]
    cases, _ = reading.cases_of(entry, {})
    assert {case.plane for case in cases} == {"axial"}
    assert cases[0].image.shape == (20, 18)
    assert cases[0].spacing_mm == pytest.approx((0.9, 0.9))


def test_kits_only_cases_published_without_segmentation_may_lack_one(tmp_path):
    entries_of("kits19", tmp_path)  # includes case_00210 without one, as published
    (tmp_path / "data" / "case_00001" / "segmentation.nii.gz").unlink()
    listed = list(registry.entry("sources", "kits19").entries(data_dir=str(tmp_path)))
    assert [getattr(item, "case", "problem") for item in listed] == ["case_00000", "problem"]
    assert listed[1].problem.code == "annotation_missing"


def test_picai_without_its_labels_is_one_problem(tmp_path):
    layouts.picai(tmp_path)
    (tmp_path / "picai_labels").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="picai_labels into data_dir"):
        list(registry.entry("sources", "picai").entries(data_dir=str(tmp_path)))


def test_brats_reports_a_damaged_table_of_names(tmp_path):
    layouts.brats20(tmp_path)
    table = tmp_path / "MICCAI_BraTS2020_TrainingData" / "name_mapping.csv"
    table.write_bytes(b"\xff\xfeG\0r\0a\0d\0e\0")
    module = registry.entry("sources", "brats")
    with pytest.raises(DataError, match=r"name_mapping\.csv.*table_unreadable"):
        list(module.entries(data_dir=str(tmp_path)))
    assert module.files(data_dir=str(tmp_path)) == [table]


@pytest.mark.parametrize(
    "change, message",
    [
        ("\nHGG,NA,NA,NA,BraTS19_X_1,BraTS20_Training_001", "rows of 'BraTS20_Training_001' that"),
        ("\nHGG,NA,NA,NA,NA,BraTS20_Training_355", ""),  # as it is there
        ("Grade", "not a table of names"),  # a column's name twice
    ],
)
def test_brats_takes_no_last_one_of_what_its_table_of_names_has_twice(tmp_path, change, message):
    layouts.brats20(tmp_path)
    table = tmp_path / "MICCAI_BraTS2020_TrainingData" / "name_mapping.csv"
    text = table.read_text().rstrip()
    text = text + change if "\n" in change else text.replace("TCGA_TCIA_subject_ID", change)
    table.write_text(text)
    module = registry.entry("sources", "brats")
    if not message:
        assert len(list(module.entries(data_dir=str(tmp_path)))) == 3
        return
    with pytest.raises(DataError, match=message):
        list(module.entries(data_dir=str(tmp_path)))


def test_brats_finds_a_patient_in_the_table_of_names_in_any_capitals(tmp_path):
    """Two scans of a patient could be in different folds, without a word."""
    layouts.brats20(tmp_path)
    table = tmp_path / "MICCAI_BraTS2020_TrainingData" / "name_mapping.csv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("BraTS20_Training", "BRATS20_training"), encoding="utf-8")
    first, second, _ = registry.entry("sources", "brats").entries(data_dir=str(tmp_path))
    assert first.patient == second.patient and first.tumour_type == "hgg"


def test_a_folder_that_cannot_be_listed_is_one_problem_and_no_patient_is_missed(
    made, monkeypatch, request
):
    """Its files were passed over without a word, or the step ended with a traceback."""
    module, folder, options, _ = made
    kind, name = module.__name__.rpartition(".")[2], request.node.callspec.params["made"]
    watched = module.files(data_dir=str(folder), **options)
    first = folder / watched[0].relative_to(folder).parts[0]
    closed = first if first.is_dir() else folder
    closed = closed / "imagesTr" if (closed / "imagesTr").is_dir() else closed
    listed_before = os.scandir

    def scandir(path):
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return listed_before(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "listdir", lambda path: [Path(e.path).name for e in scandir(path)])
    found = listing.listed({"kind": kind, **options}, str(folder))
    lines = [p.line() for p in found.problems if p.code == "folder_unreadable"]
    assert len(lines) == (name not in ("nnunet_1", "nnunet_paths"))  # which name every file
    for line in lines:
        assert "the folder cannot be read (Permission denied)" in line and closed.name in line
    module.files(data_dir=str(folder), **options)


def test_files_names_existing_files_inside_the_folder(made):
    module, folder, options, _ = made
    watched = module.files(data_dir=str(folder), **options)
    assert len(watched) == len(set(watched)) >= 2
    assert all(path.is_relative_to(folder) for path in watched)


@pytest.mark.parametrize("number, suffix", [(0, ".nii"), (0, ".nii.gz"), (3, ".nii.gz")])
def test_a_channel_is_read_only_from_a_complete_file(tmp_path, number, suffix):
    path = tmp_path / f"v{suffix}"
    layouts.write_nifti(path, layouts.values(1, (*layouts.SHAPE, 4)))
    assert scans.read(path, number).voxels.shape == layouts.SHAPE
    path.write_bytes(path.read_bytes()[: -1 if suffix == ".nii" else -9])
    with pytest.raises(DataError, match="image_truncated"):
        scans.read(path, number)


def test_a_channel_of_an_image_without_channels_is_one_error(tmp_path):
    volume, grey, mat = tmp_path / "v.nii", tmp_path / "grey.tif", tmp_path / "1.mat"
    layouts.write_nifti(volume, layouts.values(1))
    Image.fromarray(layouts.labels(1)[..., 1]).save(grey)
    layouts.write_mat(mat, 1, "1", 1, side=32)
    for path in (volume, grey, mat):
        with pytest.raises(DataError, match=r"an image number 2 in it.*channel_missing"):
            scans.read(path, 1)


def test_a_colour_picture_and_a_4d_volume_are_rejected_without_a_channel(tmp_path):
    layouts.lgg(tmp_path)
    layouts.msd_brain(tmp_path)
    for pattern in ("*_1.tif", "imagesTr/BRATS*"):
        with pytest.raises(DataError, match=r"image_colour|volume_many"):
            scans.read(next(tmp_path.rglob(pattern)))


def test_images_without_a_tumour_are_left_out_where_the_experiment_says_so(tmp_path):
    options = {"negatives": "leave_out", "dimensions": 3}
    found = [reading.cases_of(entry, options) for entry in entries_of("picai", tmp_path)]
    assert [problems for _, problems in found] == [[]] * len(found)
    assert [bool(cases) for cases, _ in found] == [False, True, True, True]
