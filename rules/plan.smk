# Before training: what is planned, and the network and the losses that will be compared.


# Goes first by priority, not as an input of `train`: an ancient input that has to be made hides
# changed params of the job (Snakemake 9.27), so a recipe with other epochs would not train again.
rule plan:
    input:
        cases_table=f"{RESULTS}/cases.tsv",
        folds_table=f"{RESULTS}/folds.tsv",
    output:
        plan_table=shown(
            "plan.tsv", "8. Provenance and cost", "Plan: trainings, minutes, memory, disk"
        ),
    log:
        f"{LOGS}/plan.log",
    benchmark:
        f"{TIMES}/plan.tsv"
    priority: 100
    # Prints where the user looks, also if the other steps run on a cluster.
    localrule: True
    conda:
        "../envs/imaging.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
    params:
        code=code("plan.py"),
        recipes={name: EXPERIMENT.recipe(name) for name in RECIPES},
        searches=EXPERIMENT.searches(),
        scopes=len(SCOPES),
        losses={name: EXPERIMENT.losses_of(name) for name in RECIPES},
        seeds=SEEDS,
        networks=NETWORKS,
        threads=lookup(within=config, dpath="training/threads"),
        backend=lookup(within=config, dpath="training/backend"),
    script:
        "../scripts/plan.py"


# Every parameter is read from the recipe, so a recipe's own channels and layers are what is drawn.
rule show_network:
    output:
        drawn("fig1/{recipe}"),
        network_svg=shown(
            "figures/fig1/{recipe}.svg",
            "3. Training",
            "Fig. 1, the network ({recipe})",
            caption="fig1",
        ),
    log:
        f"{LOGS}/show_network/{{recipe}}.log",
    benchmark:
        f"{TIMES}/show_network/{{recipe}}.tsv"
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
    params:
        code=with_network("show_network.py"),
        network=lookup(within=NETWORKS, dpath="{recipe}"),
        channels=lookup(within=config, dpath="recipes/{recipe}/channels"),
        settings=lookup(within=config, dpath="recipes/{recipe}/network"),
    script:
        "../scripts/show_network.py"


rule show_losses:
    output:
        drawn("losses"),
        losses_svg=shown("figures/losses.svg", "3. Training", "The losses and their gradients"),
    log:
        f"{LOGS}/show_losses.log",
    benchmark:
        f"{TIMES}/show_losses.tsv"
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
    params:
        code=all_losses_code,
        losses=EXPERIMENT.losses,
        form=EXPERIMENT.form,
        classes=max(1, len(CLASSES)),
    script:
        "../scripts/show_losses.py"
