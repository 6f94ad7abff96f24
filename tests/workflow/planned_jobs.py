"""Prints what each job of a config asks for under a profile, as JSON; nothing runs.

    python planned_jobs.py <folder of a project> <arguments of snakemake>

For every rule: its group, whether it runs where Snakemake does, and its resources at the first and
the second attempt; for every group, the rules of each job that is submitted and what it asks for.
"""

import json
import os
import sys
from pathlib import Path


def planned(arguments: list[str]) -> dict:
    """The jobs of a command line in the current folder. cores: 0 for a command without a number."""
    from snakemake.api import SnakemakeApi
    from snakemake.cli import parse_args, parse_config
    from snakemake.settings.types import (
        ConfigSettings,
        DAGSettings,
        ExecutionSettings,
        GroupSettings,
        OutputSettings,
        Quietness,
        ResourceSettings,
    )
    from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

    _, given = parse_args(arguments)
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as snakemake:
        loaded = snakemake.workflow(
            ResourceSettings(
                cores=given.cores or None,
                nodes=given.jobs,
                default_resources=given.default_resources,
                overwrite_resources=given.set_resources,
            ),
            config_settings=ConfigSettings(
                config=parse_config(given.config), configfiles=given.configfile
            ),
        )
        loaded.dag(DAGSettings(targets=set(given.targets)))
        workflow = loaded._workflow
        workflow._executor_plugin = ExecutorPluginRegistry().get_plugin(given.executor)
        workflow.execution_settings = ExecutionSettings()
        workflow.group_settings = GroupSettings(
            group_components=given.group_components, overwrite_groups=given.groups
        )
        workflow._prepare_dag(
            forceall=True, ignore_incomplete=True, lock_warn_only=True, nolock=True
        )
        workflow._build_dag()
        workflow.dag.update_groups()
        jobs = [job for job in workflow.dag.jobs if not job.rule.norun]
        groups = {id(group): group for group in workflow.dag._group.values()}
        return {
            "rules": {job.rule.name: described(workflow, job) for job in jobs},
            "groups": [
                {"rules": [job.rule.name for job in group], "resources": dict(group.resources)}
                for group in groups.values()
            ],
            "submitted": len(groups)
            + sum(not job.group and not workflow.is_local(job.rule) for job in jobs),
        }


def described(workflow, job) -> dict:
    """A job's group and place, and what it asks for at two attempts."""
    answer = {"group": job.group, "local": workflow.is_local(job.rule), "attempts": []}
    for attempt in (1, 2):
        job.attempt = attempt
        answer["attempts"].append(dict(job.resources.items()))
    job.attempt = 1
    return answer


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    sys.path.insert(0, str(Path("scripts").resolve()))
    print(json.dumps([planned(arguments.split()) for arguments in sys.argv[2:]], default=str))
