# Shows what goes into the training: slices, skull stripping, folds, and the network.


rule show_data:
    input:
        cases_dir=f"{RESULTS}/cases",
        stripped_dir=f"{RESULTS}/stripped",
        brain_dir=f"{RESULTS}/brain",
        masks_dir=f"{RESULTS}/masks",
        masks_table=f"{RESULTS}/masks.tsv",
        strip_methods_table=f"{RESULTS}/strip_methods.tsv",
        folds_table=f"{RESULTS}/folds.tsv",
    output:
        annotation_svg=report(
            f"{RESULTS}/figures/fig2.svg",
            caption="../report/fig2.rst",
            category="1. Data",
            labels={"item": "Fig. 2, annotation to mask"},
        ),
        ratio_svg=report(
            f"{RESULTS}/figures/figS1.svg",
            caption="../report/figS1.rst",
            category="1. Data",
            labels={"item": "Fig. S1, tumour to brain ratio"},
        ),
        strip_svg=report(
            f"{RESULTS}/figures/fig3.svg",
            caption="../report/fig3.rst",
            category="2. Skull stripping",
            labels={"item": "Fig. 3, raw to stripped"},
        ),
        strip_methods_svg=report(
            f"{RESULTS}/figures/skull_stripping.svg",
            caption="../report/strip_methods.rst",
            category="2. Skull stripping",
            labels={"item": "Tumour kept by method"},
        ),
        tables=collect(
            f"{RESULTS}/tables/{{name}}.tsv",
            name=["tumour_brain_ratio", "folds", "skull_stripping", "harmed_cases"],
        ),
        pages=[
            report(
                f"{RESULTS}/tables/tumour_brain_ratio.html",
                caption="../report/ratios.rst",
                category="1. Data",
                labels={"item": "Tumour to brain ratio (table)"},
            ),
            report(
                f"{RESULTS}/tables/folds.html",
                caption="../report/folds.rst",
                category="1. Data",
                labels={"item": "Folds (table)"},
            ),
            report(
                f"{RESULTS}/tables/skull_stripping.html",
                caption="../report/skull_stripping.rst",
                category="2. Skull stripping",
                labels={"item": "Methods compared (table)"},
            ),
            report(
                f"{RESULTS}/tables/harmed_cases.html",
                caption="../report/harmed_cases.rst",
                category="2. Skull stripping",
                labels={"item": "Warnings: harmed cases (table)"},
            ),
        ],
    log:
        f"logs/{config['experiment']}/show_data.log",
    benchmark:
        f"{RESULTS}/benchmarks/show_data.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1500,
    params:
        code=code("show_data.py"),
        method=lookup(within=config, dpath="skull_strip/method"),
        large_ratio=lookup(within=config, dpath="masks/large_ratio"),
    script:
        "../scripts/show_data.py"


# Every parameter is read from the recipe, so a recipe's own channels and layers are what is drawn.
rule show_network:
    output:
        network_svg=report(
            f"{RESULTS}/figures/fig1/{{recipe}}.svg",
            caption="../report/fig1.rst",
            category="3. Training",
            labels={"figure": "Fig. 1, the network ({recipe})"},
        ),
    log:
        f"logs/{config['experiment']}/show_network/{{recipe}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/show_network/{{recipe}}.tsv"
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=code("show_network.py", f"tumorseg.networks.{config['network']['name']}"),
        network=lookup(within=config, dpath="network/name"),
        size_px=lookup(within=config, dpath="network/size_px"),
        base_width=lookup(within=config, dpath="network/base_width"),
        channels=lookup(within=config, dpath="recipes/{recipe}/channels"),
        settings=lookup(within=config, dpath="recipes/{recipe}/network"),
    script:
        "../scripts/show_network.py"


rule show_losses:
    output:
        losses_svg=report(
            f"{RESULTS}/figures/losses.svg",
            caption="../report/losses.rst",
            category="3. Training",
            labels={"figure": "The losses and their pull"},
        ),
    log:
        f"{LOGS}/show_losses.log",
    benchmark:
        f"{RESULTS}/benchmarks/show_losses.tsv"
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=all_losses_code,
        losses=FUNCTIONS,
    script:
        "../scripts/show_losses.py"
