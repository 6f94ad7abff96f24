"""Snakemake where Google's clients are replaced: a job is written to $JOBS as JSON, and fails.

`python google_batch.py <arguments of snakemake>`
"""

import os
import sys
from pathlib import Path

from google.cloud import batch_v1, logging
from snakemake import cli


class Batch:
    """Takes the place of batch_v1.BatchServiceClient."""

    def create_job(self, request: batch_v1.CreateJobRequest) -> batch_v1.Job:
        text = batch_v1.Job.to_json(request.job)
        Path(os.environ["JOBS"], f"{request.job_id}.json").write_text(text, encoding="utf-8")
        return batch_v1.Job(name=f"{request.parent}/jobs/{request.job_id}", uid=request.job_id)

    def get_job(self, request: batch_v1.GetJobRequest) -> batch_v1.Job:
        return batch_v1.Job(status=batch_v1.JobStatus(state=batch_v1.JobStatus.State.FAILED))


class Logs:
    """Takes the place of logging.Client and of its logger."""

    def __init__(self, project: str) -> None:
        pass

    def logger(self, name: str) -> "Logs":
        return self

    def list_entries(self, **_: object) -> list:
        return []


batch_v1.BatchServiceClient, logging.Client = Batch, Logs
cli.main(sys.argv[1:])
