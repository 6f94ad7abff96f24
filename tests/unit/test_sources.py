"""Promises of the sources of public data sets, on generated trees of their shape (layouts.py)."""

from pathlib import Path

import layouts
import numpy as np
import pytest

from tumorseg import reading, registry
from tumorseg.files import read_table
from tumorseg.problems import DataError
from tumorseg.source_check import check_source

REAL = Path(__file__).parents[3] / "shared" / "data" / "t1ce_slices" / "samples.tsv"

# name -> source, options, and (case, patient, tumour type) as the data set's own names say.
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
        "brats",
        {},
        [("BRATS_001", "BRATS_001", ""), ("BRATS_457", "BRATS_457", "")],
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
    """A generated data set: its module, folder, options and the names expected."""
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


def test_every_source_passes_the_battery(made):
    module, folder, options, _ = made
    found = check_source(module, str(folder), **options)
    assert set(found.values()) == {"passed"}, found


def test_cases_patients_and_types_are_those_of_the_published_names(made):
    module, folder, options, names = made
    found = module.entries(data_dir=str(folder), **options)
    assert [(entry.case, entry.patient, entry.tumour_type) for entry in found] == names


def test_the_battery_finds_what_is_wrong(tmp_path):
    class Careless:
        """Forgets a file, names two cases alike, and reads junk."""

        @staticmethod
        def entries(*, data_dir, **options):
            module = registry.entry("sources", "kits19")
            found = list(module.entries(data_dir=data_dir, **options))
            yield found[0]
            yield from found

        @staticmethod
        def files(*, data_dir, **options):
            return registry.entry("sources", "kits19").files(data_dir=data_dir, **options)[1:]

    layouts.kits19(tmp_path)
    found = check_source(Careless, str(tmp_path))
    wrong = {name for name, outcome in found.items() if outcome != "passed"}
    assert {"everything_is_named_once", "files_are_all_that_is_read"} <= wrong


def test_cheng_spacing_is_the_authors_for_512_pixels_and_unknown_otherwise(tmp_path):
    entries = entries_of("cheng_mat", tmp_path)
    assert entries[0].spacing_mm == (0.49, 0.49)
    assert np.isnan(entries[3].spacing_mm).all()
    assert [entry.plane for entry in entries] == ["axial", "coronal", "sagittal", "axial"]


def test_cheng_mask_is_the_files_own_and_upright(tmp_path):
    mask = layouts.write_mat(tmp_path / "1.mat", 1, "100360", 1)
    (entry,) = registry.entry("sources", "cheng_mat").entries(data_dir=tmp_path, plane="axial")
    (case,), _ = reading.cases_of(entry, {})
    assert np.array_equal(case.mask, mask)
    assert np.array_equal(
        np.rint(case.offset + case.scale * case.image), layouts.values(1, (512, 512))
    )


def test_cheng_without_planes_says_how_to_give_them(tmp_path):
    layouts.cheng_mat(tmp_path)
    (tmp_path / "planes.tsv").unlink()
    module = registry.entry("sources", "cheng_mat")
    with pytest.raises(DataError, match=r"planes\.tsv .* source\.plane .*plane_missing"):
        list(module.entries(data_dir=str(tmp_path)))
    assert len(list(module.entries(data_dir=str(tmp_path), plane="axial"))) == 4


def test_cheng_a_slice_that_planes_tsv_lacks_is_one_problem(tmp_path):
    layouts.cheng_mat(tmp_path)
    (tmp_path / "planes.tsv").write_text("case\tplane\n1\taxial\n767\taxial\n2300\taxial\n")
    found = list(registry.entry("sources", "cheng_mat").entries(data_dir=str(tmp_path)))
    assert [item.problem.code for item in found if isinstance(item, DataError)] == ["plane_missing"]


@pytest.mark.parametrize(
    "content, code",
    [("case\tview\n1\taxial\n", "table_columns"), ("case\tplane\n1\ttop\n", "plane_unknown")],
)
def test_cheng_wrong_planes_tsv_is_named(tmp_path, content, code):
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
def test_lgg_reads_the_sequence_asked_for(tmp_path, sequence, channel):
    entry = entries_of("lgg", tmp_path, sequence=sequence)[0]
    (case,), problems = reading.cases_of(entry, {"negatives": True})
    expected = layouts.values(1, (32, 32, 3))[..., channel] % 256
    assert np.array_equal(case.image, expected)
    assert not problems


def test_lgg_empty_masks_are_negatives_only_where_that_is_declared(tmp_path):
    entry = entries_of("lgg", tmp_path)[0]
    cases, _ = reading.cases_of(entry, {"negatives": True})
    assert cases[0].mask.sum() == 0
    cases, problems = reading.cases_of(entry, {})
    assert cases == []
    assert [problem.code for problem in problems] == ["annotation_empty"]


def test_lgg_takes_either_copy_of_kaggles_archive_but_not_both(tmp_path):
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
        ("kits19", None, 12),
        ("kits19", {"1": "tumour", "2": "tumour"}, 24),
    ],
)
def test_labels_count_as_the_data_set_means_them_unless_the_config_says_otherwise(
    tmp_path, name, labels, pixels
):
    options = {"labels": labels} if labels else {}
    assert tumour_pixels(name, tmp_path, planes=["axial"], **options) == [pixels, pixels]


def test_picai_grades_count_as_tumour_and_negatives_stay(tmp_path):
    assert tumour_pixels("picai", tmp_path) == [0] * 5
    assert tumour_pixels("picai", tmp_path / "b", 2) == [0, 24, 24, 0, 0]
    assert tumour_pixels("picai", tmp_path / "c", 3) == [0, 12, 12, 0, 0]


def test_a_label_that_no_rule_knows_is_an_error(tmp_path):
    entry = entries_of("brats18", tmp_path, labels={"1": "tumour"})[0]
    cases, problems = reading.cases_of(entry, {})
    assert cases == []
    assert [problem.code for problem in problems] == ["label_unknown"]


@pytest.mark.parametrize("number, sequence", enumerate(["flair", "t1", "t1ce", "t2"]))
def test_msd_reads_the_sequence_asked_for(tmp_path, number, sequence):
    entry = entries_of("msd_brain", tmp_path, sequence=sequence)[0]
    cases, _ = reading.cases_of(entry, {"planes": ["axial"]})
    volume = layouts.values(1, (*layouts.SHAPE, 4))[..., number]
    low = volume.min()
    measured = np.rint(cases[0].offset + cases[0].scale * cases[0].image)
    assert cases[0].offset == low  # stretched over this sequence alone
    assert np.array_equal(measured, volume[::-1, ::-1, 1].T)  # rows to Posterior, columns to Left


def test_brats_reads_the_sequence_asked_for(tmp_path):
    for sequence in ("flair", "t1", "t1ce", "t2"):
        folder = tmp_path / sequence
        entry = entries_of("brats18", folder, sequence=sequence)[0]
        assert entry.image.name == f"Brats18_CBICA_ABO_1_{sequence}.nii.gz"


@pytest.mark.parametrize("name", ["brats18", "msd_brain", "lgg", "picai"])
def test_a_sequence_that_does_not_exist_is_refused_with_those_that_do(name, tmp_path):
    with pytest.raises(DataError, match=r"sequence 'pd'; expected .*sequence_unknown"):
        entries_of(name, tmp_path, sequence="pd")


def test_kits_axes_follow_the_affine(tmp_path):
    entry = entries_of("kits19", tmp_path)[0]
    cases, _ = reading.cases_of(entry, {})
    assert {case.plane for case in cases} == {"axial"}
    assert cases[0].image.shape == (20, 18)
    assert cases[0].spacing_mm == pytest.approx((0.9, 0.9))


def test_kits_cases_published_without_a_segmentation_are_left_out_others_are_not(tmp_path):
    entries_of("kits19", tmp_path)  # holds case_00210 without one, as published
    (tmp_path / "data" / "case_00001" / "segmentation.nii.gz").unlink()
    found = list(registry.entry("sources", "kits19").entries(data_dir=str(tmp_path)))
    assert [getattr(item, "case", "problem") for item in found] == ["case_00000", "problem"]
    assert found[1].problem.code == "annotation_missing"


def test_picai_without_its_labels_is_one_problem(tmp_path):
    layouts.picai(tmp_path)
    (tmp_path / "picai_labels").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="picai_labels into data_dir"):
        list(registry.entry("sources", "picai").entries(data_dir=str(tmp_path)))


def test_a_broken_table_of_names_stops_brats_with_its_name(tmp_path):
    layouts.brats20(tmp_path)
    table = tmp_path / "MICCAI_BraTS2020_TrainingData" / "name_mapping.csv"
    table.write_bytes(b"\xff\xfeG\0r\0a\0d\0e\0")
    module = registry.entry("sources", "brats")
    with pytest.raises(DataError, match=r"name_mapping\.csv.*table_unreadable"):
        list(module.entries(data_dir=str(tmp_path)))
    assert module.files(data_dir=str(tmp_path)) == [table]


def test_a_changed_file_is_among_those_watched(made):
    module, folder, options, _ = made
    watched = module.files(data_dir=str(folder), **options)
    assert len(watched) == len(set(watched)) >= 2
    assert all(path.is_relative_to(folder) for path in watched)
