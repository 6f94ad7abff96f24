"""Several images (channels) of a case: read by every source, kept together, packed as asked."""

from pathlib import Path

import cv2
import layouts
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from packed_files import pack_in
from scan_files import slice_of

import skull_strip
from tumorseg.core.cases import Case, Channel, ImageFile
from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import read_image, write_mask
from tumorseg.core.problems import DataError
from tumorseg.data import reading
from tumorseg.data.storing import store_case
from tumorseg.imaging import channels, scans
from tumorseg.imaging.placement import network_input
from tumorseg.training.augmentation import augment

SHAPE = (12, 14, 9)
AFFINE = np.array([[-1.0, 0, 0, 6], [0, 1.5, 0, -8], [0, 0, 2, 3], [0, 0, 0, 1]])


def read(folder: Path, kind: str, wanted: list[str], **options):
    """The first case of a source, and all problems."""
    source = {"kind": kind, "negatives": True, "channels": wanted} | options
    items = list(reading.read(source, str(folder), 1))
    problems = [problem for item in items for problem in item.problems]
    return next((case for item in items for case in item.cases), None), problems


def images_of(case: Case) -> list[np.ndarray]:
    return [case.image, *(channel.image for channel in case.further)]


def measured(image: np.ndarray, offset: float, scale: float) -> np.ndarray:
    return offset + scale * image


# The layouts' own names of the same sequences, one after another.
SETS = {
    "lgg": ("lgg", ["post", "flair", "pre"]),
    "brats18": ("brats", ["t2", "t1", "flair"]),
    "brats20": ("brats", ["t1ce", "t2"]),
    "msd_brain": ("nnunet", ["T2w", "FLAIR", "1"]),
    "nnunet_1": ("nnunet", ["ADC", "T2"]),
    "nnunet_2": ("nnunet", ["1", "0"]),
    "nnunet_pictures": ("nnunet", ["2", "0"]),
}


# Which of the data set's numbered images they are; other sets name their files by sequence.
NUMBERS = {
    "lgg": [2, 1, 0],
    "msd_brain": [3, 0, 1],
    "nnunet_1": [1, 0],
    "nnunet_2": [1, 0],
    "nnunet_pictures": [2, 0],
}


@pytest.mark.parametrize("name", SETS)
def test_each_channel_is_the_image_that_the_source_reads_as_that_sequence_alone(name, tmp_path):
    getattr(layouts, name)(tmp_path)
    kind, wanted = SETS[name]
    plane = {"plane": "axial"} if name == "nnunet_pictures" else {}
    case, problems = read(tmp_path, kind, wanted, **plane)
    assert [p.line() for p in problems if p.severity == "error"] == []
    assert len(case.further) == len(wanted) - 1
    stored = [(case.image, case.offset, case.scale), *case.further]
    for sequence, own in zip(wanted, stored, strict=True):
        source = {"kind": kind, "negatives": True, "sequence": sequence} | plane
        items = list(reading.read(source, str(tmp_path), 1))
        alone = next(case for item in items for case in item.cases)
        assert alone.case == case.case
        np.testing.assert_array_equal(own[0], alone.image)
        assert own[1:3] == (alone.offset, alone.scale)
    numbers = [case.channel, *(channel.number for channel in case.further)]
    assert numbers == NUMBERS.get(name, [None] * len(wanted))


def test_the_prostates_coarser_channels_are_put_on_the_grid_of_t2w(tmp_path):
    layouts.picai(tmp_path)
    case, problems = read(tmp_path, "picai", ["t2w", "adc"], slices="all")
    assert [p.line() for p in problems if p.severity == "error"] == []
    assert {"channel_resampled"} <= {problem.code for problem in problems}
    assert case.further[0].image.shape == case.image.shape


@pytest.mark.parametrize("kind", ["lgg", "brats", "picai"])
def test_an_unknown_channel_is_one_error_that_lists_the_known_ones(kind, tmp_path):
    getattr(layouts, {"brats": "brats18"}.get(kind, kind))(tmp_path)
    case, problems = read(tmp_path, kind, ["t2w" if kind == "picai" else "flair", "dwi"])
    assert case is None
    assert [problem.code for problem in problems] == ["sequence_unknown"]
    assert "source.channels" in problems[0].hint


def test_a_channel_named_twice_by_name_and_number_is_an_error(tmp_path):
    layouts.nnunet_2(tmp_path)
    case, problems = read(tmp_path, "nnunet", ["T2", "0"])
    assert case is None
    assert [p.code for p in problems if p.severity == "error"] == ["sequence_unknown"]


def picture(path: Path, seed: int, size=(30, 40)) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 255, size, np.uint8)
    assert cv2.imwrite(str(path), image)
    return image


def mask_picture(path: Path, size=(30, 40)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(size, np.uint8)
    mask[10:20, 15:25] = 255
    assert cv2.imwrite(str(path), mask)


def folder_data(folder: Path, name: str = "{case}_{channel}") -> dict[str, np.ndarray]:
    """Two cases with a mask each and three images; returns the first case's."""
    images = {}
    for seed, case in enumerate(("a1", "b1")):
        for number, channel in enumerate(("t1", "T1_ce", "flair")):
            path = folder / "images" / f"{name.format(case=case, channel=channel)}.png"
            images[case, channel] = picture(path, 10 * seed + number)
        mask_picture(folder / "masks" / f"{case}.png")
    return {channel: image for (case, channel), image in images.items() if case == "a1"}


FOLDER = {"plane": "axial", "patient_pattern": "^([ab])"}


@pytest.mark.parametrize("name", ["{case}_{channel}", "{case}-{channel}", "{case}/{channel}"])
def test_a_folders_channels_are_told_by_the_end_of_the_name(name, tmp_path):
    expected = folder_data(tmp_path, name)
    case, problems = read(tmp_path, "folder", ["flair", "t1_ce", "t1"], **FOLDER)
    assert [p.line() for p in problems] == []
    assert (case.case, case.patient) == ("a1", "a")
    for image, channel in zip(images_of(case), ("flair", "T1_ce", "t1"), strict=True):
        np.testing.assert_array_equal(image, expected[channel])


def test_images_of_a_folder_that_are_no_channel_are_counted_in_a_warning(tmp_path):
    folder_data(tmp_path)
    case, problems = read(tmp_path, "folder", ["flair", "t1"], **FOLDER)
    assert len(case.further) == 1
    assert [(p.code, p.severity) for p in problems] == [("channel_unknown", "warning")]
    assert problems[0].value.startswith("2 ignored, the first is a1_T1_ce.png")


def test_masks_beside_the_channels_are_told_from_them(tmp_path):
    expected = folder_data(tmp_path)
    for mask in (tmp_path / "masks").iterdir():
        mask.rename(tmp_path / "images" / f"{mask.stem}_seg.png")
    case, problems = read(tmp_path, "folder", ["t1", "flair"], masks="images", **FOLDER)
    assert [p.line() for p in problems if p.severity == "error"] == []
    np.testing.assert_array_equal(case.further[0].image, expected["flair"])
    assert case.mask.sum() == 100


def test_a_case_that_lacks_a_channel_is_one_error_that_names_it(tmp_path):
    folder_data(tmp_path)
    (tmp_path / "images/b1_flair.png").unlink()
    _, problems = read(tmp_path, "folder", ["t1", "T1_ce", "flair"], **FOLDER)
    assert [problem.code for problem in problems] == ["image_missing"]
    assert "b1_flair" in problems[0].line()


def table_data(folder: Path) -> dict[str, np.ndarray]:
    images = {name: picture(folder / f"{name}.png", seed) for seed, name in enumerate("xyz")}
    mask_picture(folder / "m.png")
    columns = ["case", "t1", "flair", "annotation", "patient", "plane"]
    write_table(
        pd.DataFrame([["c", "x.png", "y.png", "m.png", "p", "axial"]], columns=columns),
        folder / "cases.tsv",
    )
    return images


def test_a_tables_channels_are_its_columns_of_that_name(tmp_path):
    images = table_data(tmp_path)
    case, problems = read(tmp_path, "table", ["flair", "t1"])
    assert [p.line() for p in problems] == []
    np.testing.assert_array_equal(case.image, images["y"])
    np.testing.assert_array_equal(case.further[0].image, images["x"])


@pytest.mark.parametrize(
    ("cell", "code"),
    [("", "image_missing"), ("none.png", "image_missing"), ("/etc/x.png", "path_absolute")],
)
def test_a_bad_cell_of_a_further_channel_is_an_error_of_its_row(cell, code, tmp_path):
    table_data(tmp_path)
    table = read_table(tmp_path / "cases.tsv").assign(flair=cell)
    write_table(table, tmp_path / "cases.tsv")
    case, problems = read(tmp_path, "table", ["t1", "flair"])
    assert case is None
    assert [(p.code, p.row) for p in problems if p.severity == "error"] == [(code, 1)]


def test_a_table_without_a_channels_column_is_one_error(tmp_path):
    table_data(tmp_path)
    _, problems = read(tmp_path, "table", ["t1", "dwi"])
    assert [problem.code for problem in problems] == ["table_columns"]
    assert "source.channels" in problems[0].hint


def test_a_channel_of_another_size_is_an_error_that_names_its_file(tmp_path):
    table_data(tmp_path)
    picture(tmp_path / "y.png", 7, size=(31, 40))
    case, problems = read(tmp_path, "table", ["t1", "flair"])
    assert case is None
    assert [problem.code for problem in problems] == ["channel_size"]
    assert "y.png" in problems[0].line()


def test_every_channel_that_cannot_be_read_has_its_own_error(tmp_path):
    table_data(tmp_path)
    table = read_table(tmp_path / "cases.tsv").assign(dwi="z.png")
    write_table(table, tmp_path / "cases.tsv")
    (tmp_path / "y.png").write_bytes(b"nothing")
    (tmp_path / "z.png").write_bytes(b"")
    _, problems = read(tmp_path, "table", ["t1", "flair", "dwi"])
    assert [problem.code for problem in problems] == ["image_type", "image_empty"]


def volume(path: Path, values: np.ndarray, affine: np.ndarray) -> ImageFile:
    nib.save(nib.Nifti1Image(values, affine), path)
    return ImageFile(path)


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("mirrored", [(), (0,), (1, 2), (0, 1, 2)])
def test_a_channel_stored_in_another_orientation_is_the_same_channel(axes, mirrored, tmp_path):
    values = layouts.values(1, SHAPE)
    first = scans.read(volume(tmp_path / "first.nii", layouts.values(2, SHAPE), AFFINE).path)
    plain = channels.read(volume(tmp_path / "plain.nii", values, AFFINE), first)
    image = nib.Nifti1Image(values, AFFINE)
    turn = [[axes.index(axis), -1 if axis in mirrored else 1] for axis in range(3)]
    turned = image.as_reoriented(np.array(turn))
    nib.save(turned, tmp_path / "turned.nii")
    found = channels.read(ImageFile(tmp_path / "turned.nii"), first)
    np.testing.assert_array_equal(found.voxels, plain.voxels)
    assert found.notes == ()


def ramp(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """A linear function of the place in millimetres, which linear interpolation reproduces."""
    places = np.stack([*np.indices(shape), np.ones(shape)]).reshape(4, -1)
    x, y, z, _ = affine @ places
    return (1000 + 3 * x - 2 * y + 5 * z).reshape(shape).astype(np.float32)


def test_a_channel_of_another_grid_is_resampled_by_its_affine_with_a_warning(tmp_path):
    other = np.array([[0, 0.6, 0, -14], [0, 0, -0.9, 20], [1.1, 0, 0, -4], [0, 0, 0, 1]])
    shape = (28, 45, 40)
    first = scans.read(volume(tmp_path / "first.nii", layouts.values(2, SHAPE), AFFINE).path)
    found = channels.read(volume(tmp_path / "other.nii", ramp(shape, other), other), first)
    values = measured(found.voxels.astype(float), found.offset, found.scale)
    np.testing.assert_allclose(values, ramp(SHAPE, AFFINE), atol=2 * found.scale)
    assert [note.code for note in found.notes] == ["channel_resampled"]
    assert "12 x 14 x 9" in found.notes[0].value


def test_where_a_channel_does_not_reach_its_lowest_value_counts(tmp_path):
    shifted = AFFINE.copy()
    shifted[2, 3] += 6  # three slices
    first = scans.read(volume(tmp_path / "first.nii", layouts.values(2, SHAPE), AFFINE).path)
    values = layouts.values(3, SHAPE)
    found = channels.read(volume(tmp_path / "other.nii", values, shifted), first)
    numbers = measured(found.voxels.astype(float), found.offset, found.scale)
    np.testing.assert_allclose(numbers[:, :, :3], values.min())
    np.testing.assert_allclose(numbers[:, :, 3:], values[:, :, :-3], atol=found.scale)
    assert "covers 67%" in found.notes[0].value


def test_channels_of_different_places_are_an_error(tmp_path):
    far = AFFINE.copy()
    far[:3, 3] += 500
    first = scans.read(volume(tmp_path / "first.nii", layouts.values(2, SHAPE), AFFINE).path)
    with pytest.raises(DataError) as caught:
        channels.read(volume(tmp_path / "far.nii", layouts.values(3, SHAPE), far), first)
    assert caught.value.problem.code == "channel_apart"


def test_series_of_one_study_are_channels_of_one_another(tmp_path):
    stacks = {}
    for number, series in enumerate(("1.2.3", "1.2.4")):
        folder = tmp_path / f"series{number}"
        folder.mkdir()
        stacks[number] = layouts.values(number, (6, 8, 10)).astype(np.uint16)
        for place, pixels in enumerate(stacks[number]):
            data = slice_of(pixels, series=series, position=(0, 0, 4 * place))
            data.save_as(folder / f"{9 - place}.dcm", enforce_file_format=True)
    first = scans.read(tmp_path / "series0")
    found = channels.read(ImageFile(tmp_path / "series1"), first)
    np.testing.assert_allclose(
        measured(found.voxels.astype(float), found.offset, found.scale),
        stacks[1],
        atol=found.scale,
    )


@pytest.fixture
def stored(tmp_path):
    """Three cases of three channels, stored and stripped with `head`."""
    rows = []
    for number in range(3):
        random = np.random.default_rng(number)
        head = np.zeros((60, 70), np.uint16)
        cv2.ellipse(head, (36, 30), (28, 24), 0, 0, 360, 20000, -1)
        images = [head + random.integers(0, 9000, head.shape).astype(np.uint16) for _ in range(3)]
        mask = np.zeros(head.shape, np.uint8)
        mask[20:30, 30:44] = 1
        first, *others = images
        case = Case(
            case=f"c{number}",
            patient=f"p{number}",
            plane="axial",
            image=first,
            parts=None,
            mask=mask,
            spacing_mm=(1.0, 1.0),
            origin="",
            further=tuple(map(Channel, others)),
        )
        for folder in ("cases", "annotations", "masks"):
            (tmp_path / folder).mkdir(exist_ok=True)
        rows.append(store_case(case, case.case, case.patient, tmp_path))
        write_mask(tmp_path / "masks" / f"c{number}.png", mask)
    write_table(pd.DataFrame(rows), tmp_path / "cases.tsv")
    skull_strip.main(
        cases_table=str(tmp_path / "cases.tsv"),
        cases_dir=str(tmp_path / "cases"),
        strip_table=str(tmp_path / "strip.tsv"),
        brain_dir=str(tmp_path / "brain"),
        stripped_dir=str(tmp_path / "stripped"),
        method="head",
        channels=3,
    )
    return tmp_path


def packed(folder: Path, *inputs: int, preparation: str = "robust") -> tuple[np.ndarray, str]:
    pack_in(folder, preparation=preparation, inputs=list(inputs))
    assert np.load(folder / "targets.npy").shape == (3, 32, 32, 1)
    return np.load(folder / "images.npy"), (folder / "placement.tsv").read_text()


def test_the_brain_of_the_first_channel_is_cut_out_of_all(stored):
    for number in range(3):
        brain = read_image(stored / "brain" / f"c{number}.png") > 0
        assert 0.3 < brain.mean() < 0.9
        for folder in ("", "channel-2", "channel-3"):
            image = read_image(stored / "cases" / folder / f"c{number}.png")
            stripped = read_image(stored / "stripped" / folder / f"c{number}.png")
            np.testing.assert_array_equal(stripped, np.where(brain, image, 0))


@pytest.mark.parametrize("preparation", ["robust", "paper"])
def test_packed_channels_are_each_channel_packed_alone_in_the_order_asked_for(stored, preparation):
    alone = {n: packed(stored, n, preparation=preparation) for n in (1, 2, 3)}
    together, places = packed(stored, 3, 1, 2, preparation=preparation)
    assert together.shape == (3, 32, 32, 3)
    for position, channel in enumerate((3, 1, 2)):
        np.testing.assert_array_equal(together[..., position : position + 1], alone[channel][0])
    assert {places, *(place for _, place in alone.values())} == {places}


def test_each_channel_is_normalised_by_itself(stored):
    image = read_image(stored / "stripped/c0.png")
    weak = (image // 7).astype(np.uint16)
    both, _ = network_input(image, [image, weak], 32, "robust", (1.0, 1.0))
    np.testing.assert_allclose(both[..., 0], both[..., 1], atol=0.02)


@pytest.mark.parametrize("count", [2, 4, 5, 9])
def test_channels_move_together_each_with_its_own_background(count):
    image = np.random.default_rng(count).normal(size=(32, 32, count)).astype(np.float32)
    image += 3 * np.arange(count, dtype=np.float32)
    mask = (image[..., 0] > 0.5).astype(np.uint8)
    moved, moved_mask = augment(image, mask, 1.0, np.random.default_rng(5))
    for channel in range(count):
        own = np.ascontiguousarray(image[..., channel : channel + 1])
        alone, alone_mask = augment(own, mask, 1.0, np.random.default_rng(5))
        np.testing.assert_array_equal(moved[..., channel], alone[..., 0])
        np.testing.assert_array_equal(moved_mask, alone_mask)
