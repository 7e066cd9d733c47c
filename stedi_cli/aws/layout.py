"""What lies where in the account: names, keys and ARNs, each made in one place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from stedi_cli.aws.account import Account
from stedi_cli.project.lakehouse import Lakehouse, Table
from stedi_cli.project.settings import AwsSettings
from stedi_cli.runs.spark_model import SCRIPT, modules

TAG = "stedi:lakehouse"
"""The tag that tells what is ours; its value is the database's name."""


@dataclass(frozen=True)
class Layout:
    """Names and places of one lakehouse on AWS.

    Args:
        account: The account.
        settings: The configured names.
        lakehouse: The model.
    """

    account: Account
    settings: AwsSettings
    lakehouse: Lakehouse

    @cached_property
    def bucket(self) -> str:
        """The bucket: the configured one, or one derived from account and region."""
        settings, account = self.settings, self.account
        return settings.bucket or f"{settings.name}-{account.id}-{account.region}"

    @property
    def database(self) -> str:
        """The Glue database."""
        return self.settings.database or self.settings.name.replace("-", "_")

    @property
    def work_group(self) -> str:
        """The Athena work group."""
        return self.settings.work_group or self.settings.name

    @property
    def tags(self) -> dict[str, str]:
        """What everything that is made is tagged with."""
        return {**self.settings.tags, TAG: self.database}

    def uri(self, key: str) -> str:
        """Return the URI of a key in the bucket."""
        return f"s3://{self.bucket}/{key}"

    def landing_folder(self, table: Table) -> str:
        """Return the key prefix of a landing table's files, ending in a slash."""
        return f"{self.settings.landing_prefix}/{table.folder}/"

    @property
    def landing_index(self) -> str:
        """Key of the facts of landing files, beside what jobs run from."""
        return f"{self.settings.jobs_prefix}/landing-index.json"

    @property
    def lock(self) -> str:
        """Key of the object that is there while a command changes the lakehouse."""
        return self.job_key("lock.json")

    @property
    def answered(self) -> str:
        """Key of which lines that cannot be used were answered."""
        return self.job_key("answered.json")

    @property
    def expected(self) -> str:
        """Key of the expected counts that came with the uploaded data."""
        return f"{self.settings.jobs_prefix}/expected.yaml"

    @property
    def kept(self) -> str:
        """Key of what validations leave for the next one."""
        return self.job_key("validation.json")

    @property
    def exports(self) -> str:
        """Key prefix of the entries of the ledger of exports, ending in a slash."""
        return self.job_key("exports/")

    @property
    def ledgers(self) -> str:
        """Key prefix of the ledgers, which the typed copies' snapshots name; in no table's folder.

        Where the jobs' role writes tables. No table's name begins with an underscore.
        """
        return f"{self.settings.warehouse_prefix}/_ledgers/"

    @property
    def aside(self) -> str:
        """Key prefix of what was read of landing files and is in no snapshot yet; as ledgers."""
        return f"{self.settings.warehouse_prefix}/_aside/"

    def table_folder(self, table: str) -> str:
        """Return the key prefix of an Iceberg table's files, without a slash at the end."""
        return f"{self.settings.warehouse_prefix}/{table}"

    def job_key(self, name: str) -> str:
        """Return the key of something that jobs run from."""
        return f"{self.settings.jobs_prefix}/{name}"

    @property
    def script(self) -> str:
        """Key of the script that Glue runs."""
        return self.job_key(SCRIPT)

    @property
    def modules(self) -> list[str]:
        """Keys of the Python files that the script imports."""
        return [self.job_key(path.name) for path in modules(self.lakehouse.folder)]

    @property
    def model(self) -> str:
        """Key of ``lakehouse.json``, the model as the script reads it."""
        return self.job_key("lakehouse.json")

    def sql(self, policy: str, job: str) -> str:
        """Return the key of a job's SQL under a policy."""
        return self.job_key(f"sql/{policy}/{job}.sql")

    def request(self, run: str, job: str) -> str:
        """Return the key of what a run is asked to do."""
        return self.job_key(f"requests/{run}/{job}.json")

    @property
    def results(self) -> str:
        """URI that Athena writes results below."""
        return self.uri(f"{self.settings.results_prefix}/")

    def job(self, name: str) -> str:
        """Return the name of a Glue job."""
        return f"{self.settings.job_prefix or f'{self.settings.name}-'}{name}"

    @property
    def job_for_all(self) -> str:
        """Name of the Glue job that runs all jobs in one session."""
        return self.job("all")

    @property
    def job_names(self) -> list[str]:
        """Names of all Glue jobs."""
        return [*map(self.job, self.lakehouse.jobs), self.job_for_all]

    @property
    def log_prefix(self) -> str:
        """What the names of the jobs' log groups start with."""
        return f"/aws-glue/{self.database}"

    @property
    def log_groups(self) -> list[str]:
        """The jobs' log groups: what the script printed, and what Spark says."""
        return [f"{self.log_prefix}/output", f"{self.log_prefix}/error"]

    @property
    def role(self) -> str:
        """Name of the role that Glue jobs run as."""
        return self.role_arn.rpartition("/")[2]

    @property
    def role_arn(self) -> str:
        """ARN of the role that Glue jobs run as."""
        settings, account = self.settings, self.account
        role = f"{settings.role_path}{settings.role or f'{settings.name}-glue'}"
        return settings.role_arn or f"arn:{account.partition}:iam::{account.id}:role{role}"

    @property
    def bucket_arn(self) -> str:
        """ARN of the bucket."""
        return f"arn:{self.account.partition}:s3:::{self.bucket}"

    def glue_arn(self, resource: str) -> str:
        """Return the ARN of a Glue resource, such as ``catalog`` or ``job/x``."""
        return self._arn("glue", resource)

    def athena_arn(self, resource: str) -> str:
        """Return the ARN of an Athena resource."""
        return self._arn("athena", resource)

    def ec2_arn(self, resource: str, account: str = "") -> str:
        """Return the ARN of an EC2 resource, of this account where none is named."""
        return self._arn("ec2", resource, account)

    def logs_arn(self, resource: str) -> str:
        """Return the ARN of a CloudWatch Logs resource."""
        return self._arn("logs", resource)

    def _arn(self, service: str, resource: str, account: str = "") -> str:
        own = self.account
        return f"arn:{own.partition}:{service}:{own.region}:{account or own.id}:{resource}"
