"""The Glue jobs: one for each job of the model, and one for all in one session."""

from __future__ import annotations

import re
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
from stedi_cli.errors import StediError, UsageError
from stedi_cli.lake.records import Change, Resource

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
        return {
            "Description": docs.get(name, "All jobs, one after another in one session"),
            "Role": layout.role_arn,
            "ExecutionProperty": {"MaxConcurrentRuns": 1},
            "Command": {
                "Name": "glueetl",
                "ScriptLocation": layout.uri(layout.script),
                "PythonVersion": "3",
            },
            "DefaultArguments": self._arguments(),
            "Connections": {"Connections": list(filter(None, [settings.vpc_connection]))},
            "MaxRetries": settings.retries,
            "Timeout": settings.timeout_minutes,
            "GlueVersion": settings.glue_version,
            "WorkerType": settings.worker_type,
            "NumberOfWorkers": settings.workers,
            "ExecutionClass": "FLEX" if settings.flex else "STANDARD",
        }

    def _arguments(self) -> dict[str, str]:
        """Return what is configured, with what jobs need beside it or instead."""
        layout, given = self.layout, self.layout.settings.job_arguments
        settings = spark_settings(layout)
        others = _confs(given.get("--conf", ""))
        taken = [key for key in (conf.partition("=")[0] for conf in others) if key in settings]
        if taken:
            raise UsageError(
                f"job_arguments: --conf sets {taken[0]}, which jobs need as it is.",
                hint="Take it out of job_arguments in the config file.",
            )
        lists = {
            "--conf": (" --conf ", [*(f"{k}={v}" for k, v in settings.items()), *others]),
            "--datalake-formats": (",", ["iceberg", *_listed(given, "--datalake-formats")]),
            "--extra-py-files": (
                ",",
                [*map(layout.uri, layout.modules), *_listed(given, "--extra-py-files")],
            ),
        }
        return {
            **given,
            **{key: mark.join(dict.fromkeys(values)) for key, (mark, values) in lists.items()},
            "--model": layout.uri(layout.model),
            "--custom-logGroup-prefix": layout.log_prefix,
        }

    def wanted(self, name: str) -> dict[str, str]:
        return {**_fields(self.definition(name)), "tags": self.tags_text(self.layout.tags)}

    def look(self) -> list[Change]:
        """Compare them; what they are to be made with has to go together, and to be there."""
        self._arguments()
        looked = super().look()
        if any(change.action in ("create", "change") for change in looked):
            self._refuse_missing_connection()
        return looked

    def _refuse_missing_connection(self) -> None:
        name, glue = self.layout.settings.vpc_connection, self.layout.account.client("glue")
        if name is None:
            return
        with self.errors():
            there = ask(glue.get_connection, Name=name, HidePassword=True)
        if there is None:
            raise UsageError(
                f"There is no Glue connection {name} in {self.layout.account.region}.",
                hint="Look at vpc_connection in the config file; this tool makes none.",
            )

    def read(self) -> dict[str, Found]:
        """Read the definitions, and the tags."""
        there, tags, _ = self._found()
        return {
            name: Found(
                {**_fields(job), "tags": self.tags_text(tags[name])}, ours=self.is_ours(tags[name])
            )
            for name, job in there.items()
        }

    def to_remove(self) -> dict[str, Found]:
        """Read all that carry our tag, also those that the model no longer has."""
        there, tags, listed = self._found()
        ours = {name for name in there if self.is_ours(tags[name])}
        return {name: Found({}) for name in sorted(ours | (listed - set(self.names())))}

    def _found(self) -> tuple[dict[str, Any], dict[str, dict[str, str]], set[str]]:
        """Return the jobs of the model that are there, their tags, and the names that are listed.

        A listing by tag may lag for some seconds: what has a name of ours is asked for by it, and
        then for its own tags where the listings do not have it. There is one listing a tag, since
        AWS does not say whether several tags mean all or any of them.
        """
        glue, wanted = self.layout.account.client("glue"), self.layout.tags
        answer, *listings = side_by_side(
            [
                partial(glue.batch_get_jobs, JobNames=self.names()),
                *(partial(self._tagged, {key: value}) for key, value in wanted.items()),
            ]
        )
        there = {job["Name"]: job for job in answer["Jobs"]}
        unlisted = [name for name in there if not all(name in names for names in listings)]
        told = side_by_side([partial(self._tags, name) for name in unlisted])
        tags = {**dict.fromkeys(there, wanted), **dict(zip(unlisted, told, strict=True))}
        return there, tags, dict(zip(wanted, listings, strict=True))[TAG]

    def _tagged(self, tags: dict[str, str]) -> set[str]:
        pages = self.layout.account.client("glue").get_paginator("list_jobs")
        return {name for page in pages.paginate(Tags=tags) for name in page["JobNames"]}

    def _arn(self, name: str) -> str:
        return self.layout.glue_arn(f"job/{name}")

    def _tags(self, name: str) -> dict[str, str]:
        glue = self.layout.account.client("glue")
        answer = ask(glue.get_tags, ResourceArn=self._arn(name))
        return dict(answer["Tags"]) if answer else {}

    def create(self, name: str) -> None:
        glue = self.layout.account.client("glue")
        self._patiently(
            partial(glue.create_job, Name=name, Tags=self.layout.tags, **self.definition(name))
        )

    def update(self, name: str, fields: set[str]) -> None:
        glue = self.layout.account.client("glue")
        if "tags" in fields:
            glue.tag_resource(ResourceArn=self._arn(name), TagsToAdd=self.layout.tags)
        if fields - {"tags"}:
            self._patiently(partial(glue.update_job, JobName=name, JobUpdate=self.definition(name)))

    def _patiently(self, call: Callable[[], Any]) -> None:
        """Make a call that names the role, as soon as Glue may take it on."""
        from botocore.exceptions import ClientError

        given = self.layout.settings.role_arn
        for wait in (None,) if given else (*_WAITS, None):
            try:
                call()
                return
            except ClientError as error:
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


def _confs(text: str) -> list[str]:
    """Return the settings that an argument ``--conf`` holds, each of which may name it again."""
    return [part for part in re.split(r"(?:^|\s+)--conf[\s=]+", text.strip()) if part]


def _listed(arguments: dict[str, str], key: str) -> list[str]:
    return [part.strip() for part in arguments.get(key, "").split(",") if part.strip()]


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
        "connection": ", ".join((job.get("Connections") or {}).get("Connections") or ()),
    }
