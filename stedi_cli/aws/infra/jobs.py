"""The Glue jobs: one for each job of the model, and one for all in one session."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from stedi_cli.aws.account import side_by_side
from stedi_cli.aws.infra.given_role import WAY_OUT
from stedi_cli.aws.infra.resource import Found, Kind, ask, same_json
from stedi_cli.aws.layout import TAG, Layout
from stedi_cli.aws.model import spark_settings
from stedi_cli.aws.runs import Runs
from stedi_cli.errors import StediError
from stedi_cli.lake.records import Resource

_WAITS = (1, 2, 4, 8, 8, 8, 8, 8)
"""Seconds between attempts while IAM makes a new role known to Glue."""
_STOP_WAITS = (2,) * 60


class Jobs(Kind):
    """All Glue jobs.

    Args:
        layout: Their names.
        sleep: Waits until a new role can be used, or a run has stopped.
    """

    kind = "job"

    def __init__(self, layout: Layout, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(layout)
        self._runs = Runs(layout)
        self._sleep = sleep

    def names(self) -> list[str]:
        return self.layout.job_names

    def definition(self, name: str) -> dict[str, Any]:
        """Return what Glue is told of a job, but for name and tags."""
        layout, settings = self.layout, self.layout.settings
        docs = {layout.job(job.name): job.doc for job in layout.lakehouse.jobs.values()}
        conf = " --conf ".join(f"{key}={value}" for key, value in spark_settings(layout).items())
        return {
            "Description": docs.get(name, "All jobs, one after another in one session"),
            "Role": layout.role_arn,
            "ExecutionProperty": {"MaxConcurrentRuns": 1},
            "Command": {
                "Name": "glueetl",
                "ScriptLocation": layout.uri(layout.script),
                "PythonVersion": "3",
            },
            "DefaultArguments": {
                "--datalake-formats": "iceberg",
                "--conf": conf,
                "--extra-py-files": ",".join(map(layout.uri, layout.modules)),
                "--model": layout.uri(layout.model),
                "--custom-logGroup-prefix": layout.log_prefix,
            },
            "MaxRetries": settings.retries,
            "Timeout": settings.timeout_minutes,
            "GlueVersion": settings.glue_version,
            "WorkerType": settings.worker_type,
            "NumberOfWorkers": settings.workers,
            "ExecutionClass": "FLEX" if settings.flex else "STANDARD",
        }

    def wanted(self, name: str) -> dict[str, str]:
        return _fields(self.definition(name))

    def read(self) -> dict[str, Found]:
        """Read the definitions, and which jobs carry our tag."""
        ours, there = self._found()
        return {job["Name"]: Found(_fields(job), ours=job["Name"] in ours) for job in there}

    def to_remove(self) -> dict[str, Found]:
        """Read all that carry our tag, also those that the model no longer has."""
        ours, there = self._found()
        gone = set(self.names()) - {job["Name"] for job in there}
        return {name: Found({}) for name in sorted(ours - gone)}

    def _found(self) -> tuple[set[str], list[dict[str, Any]]]:
        """Return the names of our jobs, and the definitions of those of the model that are there.

        A listing by tag may lag for some seconds: what has a name of ours is asked for by it, and
        then for its own tags where the listing does not have it.
        """
        glue = self.layout.account.client("glue")
        tagged, answer = side_by_side(
            [self._tagged, partial(glue.batch_get_jobs, JobNames=self.names())]
        )
        there: list[dict[str, Any]] = answer["Jobs"]
        unlisted = [job["Name"] for job in there if job["Name"] not in tagged]
        arns = [self.layout.glue_arn(f"job/{name}") for name in unlisted]
        told = side_by_side([partial(ask, glue.get_tags, ResourceArn=arn) for arn in arns])
        tags = zip(unlisted, told, strict=True)
        return tagged | {name for name, of in tags if of and self.is_ours(of["Tags"])}, there

    def _tagged(self) -> set[str]:
        pages = self.layout.account.client("glue").get_paginator("list_jobs")
        found = pages.paginate(Tags={TAG: self.layout.database})
        return {name for page in found for name in page["JobNames"]}

    def create(self, name: str) -> None:
        """Make one, as soon as Glue may take on the role."""
        glue, given = self.layout.account.client("glue"), self.layout.settings.role_arn
        for wait in (None,) if given else (*_WAITS, None):
            try:
                glue.create_job(Name=name, Tags=self.layout.tags, **self.definition(name))
                return
            except glue.exceptions.ClientError as error:
                if "assume role" not in str(error).lower():
                    raise
                if wait is None:
                    raise StediError(
                        f"Glue may not take on the role {self.layout.role} yet.",
                        hint=WAY_OUT
                        if given
                        else "A new role takes a while: run `stedi infra up` again.",
                    ) from error
                self._sleep(wait)

    def update(self, name: str, fields: set[str]) -> None:
        glue = self.layout.account.client("glue")
        if fields:
            glue.update_job(JobName=name, JobUpdate=self.definition(name))

    def remove(self) -> Iterator[Resource]:
        """Stop what is running, and delete the jobs."""
        with self.errors():
            names = list(self.to_remove())
            stopped = side_by_side([partial(self._stop, name) for name in names])
        for name, runs in zip(names, stopped, strict=True):
            for run in runs:
                yield Resource("run", run, "stopped", name)
        yield from super().remove()

    def _stop(self, name: str) -> list[str]:
        active = self._active(name)
        for run in active:
            self._runs.stop(name, run)
        for wait in _STOP_WAITS if active else ():
            if not self._active(name):
                break
            self._sleep(wait)
        return active

    def _active(self, name: str) -> list[str]:
        # No more than one of a job runs at a time.
        return [run.id for run in self._runs.latest(name) if run.active]

    def delete(self, name: str) -> None:
        """Delete one; AWS does not mind if it is gone."""
        ask(self.layout.account.client("glue").delete_job, JobName=name)


def _fields(job: dict[str, Any]) -> dict[str, str]:
    command, arguments = job.get("Command", {}), job.get("DefaultArguments") or {}
    return {
        "description": str(job.get("Description", "")),
        "role": str(job.get("Role", "")),
        "script": str(command.get("ScriptLocation", "")),
        "command": f"{command.get('Name')} {command.get('PythonVersion')}",
        "concurrent runs": str(job.get("ExecutionProperty", {}).get("MaxConcurrentRuns", "")),
        "retries": str(job.get("MaxRetries", "")),
        "timeout": str(job.get("Timeout", "")),
        "Glue version": str(job.get("GlueVersion", "")),
        "worker type": str(job.get("WorkerType", "")),
        "workers": str(job.get("NumberOfWorkers", "")),
        "class": str(job.get("ExecutionClass", "")),
        "arguments": same_json(arguments),
    }
