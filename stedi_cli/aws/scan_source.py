"""What a scan reads of a lakehouse on AWS: its bucket and its database, as the services tell."""

from __future__ import annotations

from collections.abc import Iterator

from stedi_cli.aws.account import Account, aws_errors
from stedi_cli.aws.layout import Layout
from stedi_cli.aws.storage import Storage
from stedi_cli.privacy.glue_entries import GlueEntries
from stedi_cli.privacy.source import Entry
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
        "what jobs printed, in CloudWatch Logs",
        "column statistics in the Glue Data Catalog",
        "backups, replicas and exports outside the bucket",
    )
    at_once = 4

    def __init__(self, settings: AwsSettings) -> None:
        self._layout = layout = Layout(Account(settings), settings, settings.lakehouse())
        self.title = f"every version of every object in s3://{layout.bucket}, and the database"
        self.title += f" {layout.database} of the Glue Data Catalog in {layout.account.region}"

    def entries(self) -> Iterator[Entry]:
        """Yield every name in the bucket, then those in the catalog."""
        layout, settings = self._layout, self._layout.settings
        prefixes = Prefixes(
            settings.landing_prefix,
            settings.warehouse_prefix,
            settings.jobs_prefix,
            settings.results_prefix,
        )
        s3, glue = (layout.account.client(service) for service in ("s3", "glue"))
        with aws_errors():
            yield from Versions(s3, Storage(layout).place(), prefixes).entries()
            yield from GlueEntries(glue, layout.database, layout.bucket).entries()
