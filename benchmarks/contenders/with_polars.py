"""The five tables in Polars, by the strict rules: ``with_polars.py LANDING OUT``.

Stands alone, and shares no code with the product. Lazy throughout; a table is written before the
next one reads it, as the jobs do.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

CUSTOMER = {
    "customerName": pl.String,
    "email": pl.String,
    "phone": pl.String,
    "birthDay": pl.String,
    "serialNumber": pl.String,
    "registrationDate": pl.Int64,
    "lastUpdateDate": pl.Int64,
    "shareWithResearchAsOfDate": pl.Int64,
    "shareWithPublicAsOfDate": pl.Int64,
    "shareWithFriendsAsOfDate": pl.Int64,
}
READING = {
    "user": pl.String,
    "timestamp": pl.Int64,
    "x": pl.Float64,
    "y": pl.Float64,
    "z": pl.Float64,
}
STEP = {"sensorReadingTime": pl.Int64, "serialNumber": pl.String, "distanceFromObject": pl.Int64}

# Column, descending, nulls last: the order in which a customer's records count.
RECENCY = (
    ("lastUpdateDate", True, True),
    ("shareWithResearchAsOfDate", True, False),
    ("customerName", False, True),
    ("email", False, True),
    ("phone", False, True),
    ("birthDay", False, True),
    ("serialNumber", False, True),
    ("registrationDate", False, True),
    ("shareWithPublicAsOfDate", False, True),
    ("shareWithFriendsAsOfDate", False, True),
)


def key(column: str) -> pl.Expr:
    """An e-mail address as it is compared."""
    return pl.col(column).str.strip_chars(" ").str.to_lowercase()


def latest(customers: pl.LazyFrame) -> pl.LazyFrame:
    """The record of each customer that counts, with the customer's key."""
    names, descending, nulls_last = (list(part) for part in zip(*RECENCY, strict=True))
    return (
        customers.with_columns(key=key("email"))
        .sort(names, descending=descending, nulls_last=nulls_last)
        .unique("key", keep="first", maintain_order=True)
    )


def owned_instants(
    contenders: pl.LazyFrame, curated: pl.LazyFrame, readings: pl.LazyFrame
) -> pl.LazyFrame:
    """Serial number and instant where several hold the number and exactly one owner was there."""
    consents = curated.select(key=key("email"), consent="shareWithResearchAsOfDate")
    return (
        readings.select(key=key("user"), sensorReadingTime="timestamp")
        .join(contenders.select("key", "serialNumber"), on="key")
        .group_by("serialNumber", "sensorReadingTime")
        .agg(key=pl.col("key").min(), other=pl.col("key").max())
        .filter(pl.col("key") == pl.col("other"))
        .join(consents, on="key")
        .filter(pl.col("sensorReadingTime") >= pl.col("consent"))
        .select("serialNumber", "sensorReadingTime")
    )


def steps_of_owners(
    steps: pl.LazyFrame, latest_records: pl.LazyFrame, curated: pl.LazyFrame, readings: pl.LazyFrame
) -> pl.LazyFrame:
    """The step readings that belong to a curated customer who had agreed by then."""
    sole = latest_records.filter(pl.len().over("serialNumber") == 1).select("serialNumber")
    shared = latest_records.filter(pl.len().over("serialNumber") > 1).collect().lazy()
    consents = curated.select("serialNumber", consent="shareWithResearchAsOfDate")
    owners = consents.join(sole, on="serialNumber", how="semi")
    by_sole_owner = (
        steps.join(owners, on="serialNumber")
        .filter(pl.col("sensorReadingTime") >= pl.col("consent"))
        .select(list(STEP))
    )
    # Polars would read all readings again to join them to nothing.
    if shared.first().collect().is_empty():
        return by_sole_owner.unique()
    by_presence = steps.join(
        owned_instants(shared, curated, readings),
        on=["serialNumber", "sensorReadingTime"],
        how="semi",
    )
    return pl.concat([by_sole_owner, by_presence]).unique()


def read(landing: Path, folder: str, schema: dict[str, type[pl.DataType]]) -> pl.LazyFrame:
    """A landing table."""
    return pl.scan_ndjson(sorted((landing / folder).glob("*.json")), schema=schema)


def written(out: Path, table: str, rows: pl.LazyFrame) -> pl.LazyFrame:
    """A table that is written, and read from where it is."""
    path = out / f"{table}.parquet"
    rows.sink_parquet(path, compression="zstd")
    return pl.scan_parquet(path)


def readings_of(trusted: pl.LazyFrame, readings: pl.LazyFrame) -> pl.LazyFrame:
    """The accelerometer readings of trusted customers, taken since they agreed."""
    consents = trusted.select("email", key=key("email"), consent="shareWithResearchAsOfDate")
    return (
        readings.with_columns(key=key("user"))
        .join(consents, on="key")
        .filter(pl.col("timestamp") >= pl.col("consent"))
        .select("timestamp", "x", "y", "z", user="email")
        .select(list(READING))
        .unique()
    )


def side_by_side(heard: pl.LazyFrame, curated: pl.LazyFrame, stepped: pl.LazyFrame) -> pl.LazyFrame:
    """Each step reading beside its owner's accelerometer readings of the same time."""
    owned = heard.join(curated.select("email", "serialNumber"), left_on="user", right_on="email")
    return owned.join(
        stepped,
        left_on=["serialNumber", "timestamp"],
        right_on=["serialNumber", "sensorReadingTime"],
    ).select(pl.col("timestamp").alias("sensorReadingTime"), "distanceFromObject", "x", "y", "z")


def main(landing: Path, out: Path) -> None:
    """Read the landing files and write the five tables."""
    readings = read(landing, "accelerometer", READING)
    steps = read(landing, "step_trainer", STEP)
    records = latest(read(landing, "customer", CUSTOMER)).collect().lazy()
    consenting = records.filter(pl.col("shareWithResearchAsOfDate").is_not_null())
    trusted = written(out, "customer_trusted", consenting.select(list(CUSTOMER)))
    heard = written(out, "accelerometer_trusted", readings_of(trusted, readings))
    present = trusted.join(heard.select(email="user"), on="email", how="semi")
    curated = written(out, "customers_curated", present)
    owned = steps_of_owners(steps, records, curated, readings)
    stepped = written(out, "step_trainer_trusted", owned)
    written(out, "machine_learning_curated", side_by_side(heard, curated, stepped))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
