"""What runs and queries cost, by the configured prices."""

from __future__ import annotations

from stedi_cli.aws.layout import Layout
from stedi_cli.project.settings import AwsSettings

_LEAST_SECONDS = 60
_LEAST_BYTES = 10_000_000
_TERABYTE = 10**12


def dpus(settings: AwsSettings) -> float:
    """Return the DPUs of a run: workers times those of one, which its type tells."""
    of_one = settings.worker_type.removesuffix("X").partition(".")[2]
    # A job changed by hand may have had workers of a type without a size.
    size = 0.25 if of_one == "025" else float(of_one) if of_one.isdigit() else 1.0
    return settings.workers * size


def run_price(settings: AwsSettings, dpu_seconds: float) -> float:
    """Return US dollars for a run's DPU-seconds; a minute at least is billed."""
    price = settings.price_flex_dpu_hour if settings.flex else settings.price_dpu_hour
    return max(dpu_seconds, _LEAST_SECONDS * dpus(settings)) / 3600 * price


def query_price(settings: AwsSettings, scanned: int) -> float:
    """Return US dollars for the bytes that a query scanned; 10 MB at least are billed."""
    return max(scanned, _LEAST_BYTES) / _TERABYTE * settings.price_terabyte_scanned


def forecast(settings: AwsSettings, jobs: int) -> list[str]:
    """Tell what runs and queries will cost before any is started.

    Args:
        settings: Workers, limits and prices.
        jobs: How many jobs there are.

    Returns:
        A line each for runs and queries.
    """
    size = dpus(settings)
    price = settings.price_flex_dpu_hour if settings.flex else settings.price_dpu_hour
    minute = size * price / 60
    most = minute * settings.timeout_minutes * (settings.retries + 1)
    tries = f" for each of {settings.retries + 1} attempts" if settings.retries else ""
    limit = query_price(settings, settings.scan_limit)
    least = query_price(settings, 0)
    return [
        f"A job run: {size:g} DPU at {price:g} USD an hour, {minute:.4f} USD a minute; one minute"
        f" is billed at least, {settings.timeout_minutes} at most{tries} ({most:.2f} USD).",
        f"All {jobs} jobs: {minute:.3f} USD at least in one run; with --separate"
        f" {jobs * minute:.3f} USD.",
        f"A query: {least:.5f} USD at least, {limit:.4f} USD at most (scan_limit).",
    ]


def idle(layout: Layout) -> str:
    """Tell what costs while nothing runs, by name."""
    output, error = layout.log_groups
    free = ["role", "jobs", "work group"]
    free += ["S3 gateway endpoint"] if layout.settings.s3_endpoint else []
    key = " Your KMS key costs by the month, used or not." if layout.settings.kms_key else ""
    return (
        f"While nothing runs, these cost by what they hold: bucket {layout.bucket}, log groups"
        f" {output} and {error}, and database {layout.database} beyond a million objects."
        f" {', '.join(free[:-1]).capitalize()} and {free[-1]} cost nothing.{key}"
    )


def queries(settings: AwsSettings, number: int) -> str:
    """Tell what so many queries will cost before any is asked."""
    least, most = (query_price(settings, size) * number for size in (0, settings.scan_limit))
    return f"Up to {number} queries: {least:.4f} USD where each scans little, {most:.2f} at most."
