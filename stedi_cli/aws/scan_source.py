"""What a scan reads of a lakehouse on AWS: its bucket, database and logs, as the services tell."""

from __future__ import annotations

from collections.abc import Iterator

from stedi_cli.aws.account import Account, aws_errors
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.storage import Storage
from stedi_cli.errors import UsageError
from stedi_cli.privacy.glue_entries import GlueEntries
from stedi_cli.privacy.log_streams import LogStreams
from stedi_cli.privacy.source import OTHERS, Entry
from stedi_cli.privacy.versions import Prefixes, Versions
from stedi_cli.project.settings import AwsSettings


class ScanSource:
    """A lakehouse on AWS, of which nothing but its names is taken from elsewhere.

    Args:
        settings: Where it lies.
    """

    unreached = (
        "the texts of queries in Athena's history, which keeps them for 45 days",
        "CloudTrail",
        "access logs of S3",
        "column statistics in the Glue Data Catalog, and tables that Lake Formation hides from you",
        "backups, replicas, exports and results of queries outside the bucket",
    )
    at_once = 4

    def __init__(self, settings: AwsSettings) -> None:
        self._layout = layout = Layout(Account(settings), settings, settings.lakehouse())
        self.title = f"every version of every object in s3://{layout.bucket}, and the catalog and"
        self.title += f" logs of {layout.database} in {layout.account.region}"

    def entries(self) -> Iterator[Entry]:
        """Yield every name in the bucket, then those in the catalog and of the jobs' logs.

        Raises:
            UsageError: If none of them is of a lakehouse.
            StediError: If the bucket cannot be listed.
        """
        is_there = False
        for entry in self._all():
            is_there = is_there or entry.part != OTHERS
            yield entry
        if not is_there:
            raise UsageError(
                f"There is no lakehouse in s3://{self._layout.bucket}, nor anything that is left of"
                " one.",
                hint="Look at name and bucket in the config file.",
            )

    def _all(self) -> Iterator[Entry]:
        layout, settings = self._layout, self._layout.settings
        prefixes = Prefixes(
            settings.landing_prefix,
            settings.warehouse_prefix,
            settings.jobs_prefix,
            settings.results_prefix,
        )
        s3, glue, logs = map(layout.account.client, ("s3", "glue", "logs"))
        with aws_errors():
            yield from Versions(s3, Storage(layout).place(), prefixes).entries()
            yield from GlueEntries(glue, layout.database, layout.bucket).entries()
            yield from LogStreams(logs, layout.log_groups).entries()
