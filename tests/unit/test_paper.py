"""Promises of a paper's tables beside ours: the right rows, the printed format, the tests' p."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

import compare_paper
from tumorseg.audit.published import PAPERS
from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import write_mask, write_png
from tumorseg.core.places import LIBRARY
from tumorseg.evaluation.probabilities import quantised
from tumorseg.reporting import paper_cases, paper_figures, paper_tables
from tumorseg.reporting.adaptive_figures import adaptive_figure, constants
from tumorseg.reporting.paper_tables import Names
from tumorseg.reporting.paper_voxels import Solid, box_around, cubes, voxel_figure
from tumorseg.workflow import code_digest

MIXED = PAPERS["mixed_focal_2021"]
ADAPTIVE = PAPERS["adaptive_focal_2024"]
KITS = Names(
    "published",
    "KiTS19",
    {"Focal": "focal", "Dice": "dice", "Mixed Focal": "mixed"},
    {},
)
PICAI = Names(
    "published",
    "PI-CAI",
    {"FL": "focal", "A-FL": "afl"},
    {"ResNet50 U-Net": "published", "UNet": "published-unet"},
)


def measured(set_ups: list[tuple[str, str]], classes: tuple[str, ...] = ("",), folds: int = 5):
    """Four patients a fold, two cases each; values differ by set-up, class, fold and case."""
    random = np.random.default_rng(1)
    rows = []
    for recipe, loss in set_ups:
        for of in classes:
            for fold in range(1, folds + 1):
                for case in range(8):
                    values = random.uniform(0.2, 1, len(paper_tables.QUANTITIES))
                    row = dict(zip(paper_tables.QUANTITIES, values, strict=True))
                    row |= {"recipe": recipe, "loss": loss, "class": of, "fold": fold, "seed": 1}
                    row |= {"case": f"{fold}-{case}", "patient": f"{fold}-{case // 2}"}
                    rows.append(row | {"status": "ok"})
    table = pd.DataFrame(rows)
    return table if classes != ("",) else table.drop(columns="class")


@pytest.fixture(scope="module")
def kits() -> pd.DataFrame:
    set_ups = [("published", loss) for loss in ("focal", "dice", "mixed")]
    return measured(set_ups, ("kidney", "tumour"))


def test_a_printed_row_stands_beside_the_mean_and_interval_over_our_folds(kits):
    table = paper_tables.beside(MIXED, KITS, kits)
    row = table[(table["loss"] == "Dice") & (table["class"] == "tumour")].iloc[0]
    assert (row["table"], row["dice_printed"]) == ("Table 1", "0.695 ± 0.066")
    own = kits[(kits["loss"] == "dice") & (kits["class"] == "tumour")]
    folds = own.groupby("fold")["dice"].mean()
    half = stats.t.ppf(0.975, 4) * folds.std(ddof=1) / np.sqrt(5)
    assert row["dice_ours"] == f"{folds.mean():.3f} ± {half:.3f}"
    assert (row["ours"], row["cases"], row["folds"]) == ("published/dice", 40, 5)


def test_what_was_not_run_or_failed_is_named_so(kits):
    table = paper_tables.beside(MIXED, KITS, kits)
    absent = table[table["loss"] == "Combo"]
    assert set(absent["ours"]) == {"not run"}
    assert set(absent["dice_ours"]) == {""}
    failed = kits.assign(status=np.where(kits["loss"] == "dice", "failed", "ok"))
    table = paper_tables.beside(MIXED, KITS, failed)
    assert set(table.loc[table["loss"] == "Dice", "dice_ours"]) == {"failed"}


def test_the_audits_findings_stand_at_the_row_that_they_are_about(kits):
    table = paper_tables.beside(MIXED, KITS, kits)
    found = table[table["audit"] != ""]
    assert found[["table", "loss", "class"]].to_numpy().tolist() == [
        ["Section IV, text", "Mixed Focal", "tumour"]
    ]
    assert found["audit"].iloc[0] == "dice is different in Table 1"


def test_networks_find_their_recipes_and_one_split_has_no_interval():
    set_ups = [(r, loss) for r in ("published", "published-unet") for loss in ("focal", "afl")]
    metrics = measured(set_ups, folds=1)
    table = paper_tables.beside(ADAPTIVE, PICAI, metrics).set_index(["table", "network", "loss"])
    assert table.loc[("Table 4", "UNet", "A-FL"), "ours"] == "published-unet/afl"
    assert table.loc[("Table 4", "RRUNet", "A-FL"), "ours"] == "not run"
    assert table.loc[("Table 1", "ResNet50 U-Net", "FL"), "ours"] == "published/focal"
    own = metrics[(metrics["recipe"] == "published-unet") & (metrics["loss"] == "afl")]
    assert table.loc[("Table 4", "UNet", "A-FL"), "iou_ours"] == f"{own['iou'].mean():.3f}"
    assert "BraTS" not in table.index.get_level_values("table").str.cat()
    assert "precision_printed" not in table  # the paper prints none
    tests = paper_tables.tests(ADAPTIVE, PICAI, metrics)  # and no p
    assert (len(tests), list(tests)) == (0, list(paper_tables.TESTED))
    assert paper_figures.matrix_figure(tests.assign(printed_difference=[]), "a paper").axes


def test_p_values_are_scipys_with_holm_over_each_printed_matrix(kits):
    tests = paper_tables.tests(MIXED, KITS, kits)
    assert tests.groupby("table").size().to_dict() == {"Table 2, kidney": 21, "Table 2, tumour": 21}
    own = tests[(tests["class"] == "tumour") & (tests["patients"] > 0)]
    assert len(own) == 3  # pairs of the three losses that were run
    raw: dict[str, list[float]] = {"p_rank_sum": [], "p_signed_rank": []}
    for row in own.itertuples():
        first, second = (
            kits[(kits["loss"] == KITS.losses[name]) & (kits["class"] == "tumour")]
            for name in (row.loss, row.against)
        )
        raw["p_rank_sum"].append(stats.ranksums(first["dice"], second["dice"]).pvalue)
        of_patients = [part.groupby("patient")["dice"].mean() for part in (first, second)]
        raw["p_signed_rank"].append(stats.wilcoxon(of_patients[0] - of_patients[1]).pvalue)
        assert row.difference == pytest.approx((of_patients[0] - of_patients[1]).mean())
    for name, values in raw.items():  # the 18 pairs without a p still count in the family
        adjusted = multipletests([*values, *[1.0] * 18], method="holm")[1][:3]
        assert own[name].to_numpy() == pytest.approx(adjusted)
    assert tests.loc[tests["patients"] == 0, ["p_rank_sum", "p_signed_rank"]].isna().all(axis=None)


def test_a_failed_training_gives_no_p_and_undefined_cases_are_left_out(kits):
    failed = kits.copy()
    failed.loc[(failed["loss"] == "dice") & (failed["fold"] == 2), ["status", "dice"]] = (
        "failed",
        np.nan,
    )
    tests = paper_tables.tests(MIXED, KITS, failed).set_index(["class", "loss", "against"])
    assert np.isnan(tests.loc[("tumour", "Dice", "Focal"), "p_rank_sum"])
    assert not np.isnan(tests.loc[("tumour", "Mixed Focal", "Focal"), "p_rank_sum"])
    undefined = kits.copy()
    undefined.loc[undefined["case"] == "1-0", "dice"] = np.nan
    tests = paper_tables.tests(MIXED, KITS, undefined).set_index(["class", "loss", "against"])
    assert tests.loc[("tumour", "Dice", "Focal"), "patients"] == 20  # another case remains


def test_a_matrix_is_coloured_by_the_differences_of_the_printed_means(kits):
    tests = paper_tables.tests(MIXED, KITS, kits)
    sides = [paper_tables.printed_difference(MIXED, KITS, row) for _, row in tests.iterrows()]
    by_pair = tests.assign(side=sides).set_index(["class", "loss", "against"])["side"]
    assert by_pair["tumour", "Dice", "Focal"] == pytest.approx(0.695 - 0.576)
    assert by_pair["kidney", "Cosine Tversky", "Focal"] == pytest.approx(0.933 - 0.940)
    figure = paper_figures.matrix_figure(tests.assign(printed_difference=sides), "a paper")
    assert len(figure.axes) == 6
    first = figure.axes[0]
    assert len(first.patches) == 21
    assert "<.001" in {text.get_text() for text in first.texts}


def test_cases_are_chosen_by_their_masks_alone_and_each_once():
    masks = pd.DataFrame(
        {
            "case": list("abcdef"),
            "tumour_px": [0, 10, 500, 40, 30, 20],
            "compactness": [np.nan, 9.0, 8.0, 1.1, 3.0, 2.0],
        }
    )
    chosen = paper_cases.chosen_by_shape(masks)
    assert chosen == {"largest": "c", "smallest": "b", "most jagged": "e", "smoothest": "d"}
    assert paper_cases.chosen_by_shape(masks.head(1)) == {}


def test_the_case_figure_marks_failed_trainings():
    mask = np.zeros((40, 50), np.uint8)
    mask[10:20, 30:38] = 1
    case = paper_cases.PaperCase(
        "largest", np.full((40, 50), 9, np.uint16), mask, [(mask * 0.9, 1.0), (None, np.nan)]
    )
    figure = paper_figures.case_figure([case], ["dice", "bce"], title="a", threshold=0.5)
    below = [axis.get_xlabel() for axis in figure.axes]
    assert below == ["", "Dice 1.00", "failed"]
    assert paper_figures.case_figure([], ["dice"], title="a", threshold=0.5).axes


def test_alpha_and_gamma_of_a_case_are_those_of_the_loss():
    from tumorseg.imaging.tumour_shape import compactness, mean_gradient
    from tumorseg.losses.afl_paper import adaptive_gamma, share

    masks = np.zeros((3, 20, 30), np.uint8)
    masks[0, 5:9, 5:20] = 1
    masks[1, 4:16, 4:16] = 1
    masks[2, 3, 3] = 1
    rows = [
        {
            "case": str(number),
            "height_px": 20,
            "width_px": 30,
            "tumour_px": int(mask.sum()),
            "gamma_msa": mean_gradient(mask),
            "compactness": compactness(mask),
        }
        for number, mask in enumerate(masks)
    ]
    table = constants(pd.DataFrame(rows))
    truth = masks[..., None].astype("float32")
    gamma = np.ravel(adaptive_gamma(truth, True, True))
    assert table["gamma"].to_numpy() == pytest.approx(gamma, rel=1e-5)
    assert table["alpha"].to_numpy() == pytest.approx(1 - np.ravel(share(truth)), rel=1e-6)
    assert table["weight"].to_numpy() == pytest.approx(table["alpha"] * 0.5 ** table["gamma"])
    assert "rank correlation" in adaptive_figure(pd.DataFrame(rows)).axes[0].get_title()


def test_the_script_writes_all_tables_and_figures_of_a_paper(tmp_path):
    losses = ("focal", "afl")
    random = np.random.default_rng(0)
    cases = [f"c{number}" for number in range(6)]
    masks = []
    for number, case in enumerate(cases):
        mask = np.zeros((40, 48), np.uint8)
        mask[5 : 9 + number, 6 : 10 + 2 * number] = 1
        write_png(tmp_path / f"cases/{case}.png", random.integers(0, 255, mask.shape, np.uint8))
        write_mask(tmp_path / f"masks/{case}.png", mask)
        masks.append({"case": case, "tumour_px": int(mask.sum()), "compactness": 1.0 + number})
        for loss in losses:
            folder = tmp_path / f"predictions/published/{loss}/seed-1/fold-1"
            write_png(folder / f"{case}.png", quantised(mask * 0.8))
    write_table(pd.DataFrame(masks), tmp_path / "masks.tsv")
    sides = pd.DataFrame({"case": cases, "pixel_height_mm": 1.0, "pixel_width_mm": 1.0})
    write_table(sides, tmp_path / "cases.tsv")
    tables = {}
    for loss in losses:
        rows = pd.DataFrame({"case": cases, "patient": cases, "fold": 1, "seed": 1})
        rows = rows.assign(recipe="published", loss=loss, status="ok")
        for name in paper_tables.QUANTITIES:
            rows[name] = random.uniform(0.2, 1, len(cases))
        tables[loss] = tmp_path / f"{loss}.tsv"
        write_table(rows, tables[loss])
    subgroups = [
        {"kind": kind, "group": group, "recipe": "published", "loss": loss, "patients": 3}
        | {"dice": 0.5, "low": 0.4, "high": 0.6}
        for kind in ("plane", "size", "gamma_mSa")
        for group in ("a", "b")
        for loss in losses
    ]
    write_table(pd.DataFrame(subgroups), tmp_path / "subgroups.tsv")
    names = [f"{name}.{end}" for end in ("tsv", "html") for name in ("paper", "paper_p")]
    written = [str(tmp_path / "out" / name) for name in names]
    figures = {name: str(tmp_path / f"out/{name}.svg") for name in ("matrix", "subgroups", "cases")}
    compare_paper.main(
        metrics=list(map(str, tables.values())),
        predictions=[str(tmp_path / f"predictions/published/{x}/seed-1/fold-1") for x in losses],
        cases_table=str(tmp_path / "cases.tsv"),
        masks_table=str(tmp_path / "masks.tsv"),
        subgroups_table=str(tmp_path / "subgroups.tsv"),
        cases_dir=str(tmp_path / "cases"),
        masks_dir=str(tmp_path / "masks"),
        tables=written[:2],
        pages=written[2:],
        **{f"{name}_svg": path for name, path in figures.items()},
        paper={
            "name": "adaptive_focal_2024",
            "dataset": "PI-CAI",
            "losses": {"FL": "focal", "A-FL": "afl"},
            "networks": {"ResNet50 U-Net": "published"},
        },
        recipe="published",
        threshold=0.5,
    )
    assert all(Path(path).stat().st_size > 50 for path in (*written, *figures.values()))
    table = read_table(written[0])
    assert (table["ours"] == "published/afl").sum() == 6


def test_a_corrected_printed_number_makes_the_comparison_run_again(tmp_path, monkeypatch):
    scripts = tmp_path / "scripts"
    shutil.copytree(LIBRARY.parent, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_digest, "SCRIPTS", scripts)
    before = code_digest.code_digest("compare_paper.py")
    printed = scripts / "tumorseg/audit/published/adaptive_focal_2024.yaml"
    text = printed.read_text(encoding="utf-8")
    printed.write_text(text.replace("0.769", "0.768"), encoding="utf-8")
    assert code_digest.code_digest("compare_paper.py") != before


def test_voxels_are_drawn_as_cubes_of_equal_sides_around_the_tumour():
    mask = np.zeros((10, 40, 40), bool)
    mask[4:6, 10:30, 15:25] = True  # 2 x 20 x 10 voxels of 5 x 1 x 1 mm
    box = box_around(mask)
    assert [(part.start, part.stop) for part in box] == [(2, 8), (6, 34), (13, 27)]
    drawn = cubes(mask[box], (5, 1, 1))  # 30 x 28 x 14 mm in cubes of 1.25 mm
    assert drawn.shape == (24, 22, 11)
    assert drawn.sum() * 1.25**3 == pytest.approx(mask.sum() * 5, rel=0.15)
    empty = np.zeros((3, 4, 5), bool)
    assert mask[box].sum() == mask.sum() and empty[box_around(empty)].shape == empty.shape


def test_the_figure_in_space_counts_hits_false_alarms_and_misses_by_colour():
    truth, found = np.zeros((2, 4, 4, 4), bool)
    truth[1:3, 1:3, 1:3] = True
    found[1:3, 1:3, 2:4] = True
    solid = Solid("largest", (1, 1, 1), truth, [found, None])
    figure = voxel_figure([solid], ["dice", "bce"], "a")
    of_loss, failed = figure.axes[1], figure.axes[2]
    colours = {tuple(c.get_facecolor()[0][:3].round(1)) for c in of_loss.collections}
    assert len(of_loss.collections) == 12 and len(colours) > 2  # 8 cubes of truth, 4 beyond it
    assert [text.get_text() for text in failed.texts] == ["failed", "bce"]
    assert voxel_figure([], ["dice"], "a").axes
