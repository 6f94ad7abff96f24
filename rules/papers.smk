# What a paper printed beside what was measured here, where the config names one; and what the
# adaptive focal loss of the 2024 paper does to the cases, where it is among the losses.

PAPER = config.get("paper", {})
ADAPTIVE = any(function.startswith("afl_") for function, _ in EXPERIMENT.losses.values())
BESIDE = {"category": "4. Results", "subcategory": "The paper"}
SOLIDS = shown("figures/paper_voxels.svg", item="Cases by shape, in space", **BESIDE)


if PAPER:

    rule compare_paper:
        input:
            metrics=of_set_ups(f"{METRICS}.tsv"),
            classes_tables=of_set_ups(f"{METRICS}.classes.tsv") if CLASSES else [],
            predictions=of_set_ups(PREDICTIONS, seed=SEEDS[0], fold=FOLDS),
            cases_table=f"{RESULTS}/cases.tsv",
            masks_table=f"{RESULTS}/masks.tsv",
            subgroups_table=f"{RESULTS}/tables/subgroups.tsv",
            cases_dir=f"{RESULTS}/cases",
            masks_dir=f"{RESULTS}/masks",
        output:
            drawn("paper_p", "paper_subgroups", "paper_cases"),
            **({"voxels_svg": SOLIDS} if VOLUMES else {}),
            tables=collect(f"{RESULTS}/tables/{{name}}.tsv", name=["paper", "paper_p"]),
            pages=[
                reported("paper", item="Its tables beside ours", **BESIDE),
                reported("paper_p", item="Its p values beside ours", **BESIDE),
            ],
            matrix_svg=shown(
                "figures/paper_p.svg", item="Matrices of p", caption="paper_matrices", **BESIDE
            ),
            subgroups_svg=shown(
                "figures/paper_subgroups.svg", item="Dice by size and smoothness", **BESIDE
            ),
            cases_svg=shown("figures/paper_cases.svg", item="Cases by shape", **BESIDE),
        log:
            f"{LOGS}/compare_paper.log",
        benchmark:
            f"{TIMES}/compare_paper.tsv"
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=memory(1500),
        params:
            code=code("compare_paper.py"),
            paper=EXPERIMENT.paper,
            recipe=RECIPES[0],
            threshold=lookup(within=config, dpath="measure/threshold"),
        script:
            "../scripts/compare_paper.py"


if ADAPTIVE:

    rule show_adaptive:
        input:
            cases_table=f"{RESULTS}/cases.tsv",
            masks_table=f"{RESULTS}/masks.tsv",
        output:
            drawn("adaptive"),
            adaptive_svg=shown(
                "figures/adaptive.svg", "3. Training", "The adaptive focal loss over the cases"
            ),
        log:
            f"{LOGS}/show_adaptive.log",
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=memory(500),
        params:
            code=code("show_adaptive.py"),
        script:
            "../scripts/show_adaptive.py"
