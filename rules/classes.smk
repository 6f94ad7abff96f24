# Figures of every class by itself, where the config names several.


if CLASSES:

    rule show_classes:
        input:
            classes_table=f"{RESULTS}/tables/classes.tsv",
        output:
            classes_svg=shown(
                "figures/classes.svg", item="Dice by class", caption="class_figure", **STATISTIC
            ),
        log:
            f"{LOGS}/show_classes.log",
        conda:
            "../envs/analysis.yaml"
        threads: 1
        resources:
            mem_mb=memory(1000),
        params:
            code=code("show_classes.py"),
            recipe=RECIPES[0],
            losses=LOSSES,
        script:
            "../scripts/show_classes.py"
