"""``lakehouse.json``: the model as the script on Glue reads it."""

from __future__ import annotations

from typing import Any

from stedi_cli.aws.layout import Layout
from stedi_cli.runs import spark_model

CATALOG = "glue_catalog"
"""Spark's name of the Glue Data Catalog."""


def render(layout: Layout) -> dict[str, Any]:
    """Return the tables with their columns, properties and places in the bucket."""
    return spark_model.model(
        layout.lakehouse,
        location=lambda name: layout.uri(layout.table_folder(name)),
        keep=layout.settings.keep_snapshots,
    )


def spark_settings(layout: Layout) -> dict[str, str]:
    """Return the settings that make Spark on Glue write Iceberg tables to the Glue catalog."""
    catalog = f"spark.sql.catalog.{CATALOG}"
    return {
        **spark_model.SESSION,
        catalog: spark_model.CATALOG_CLASS,
        f"{catalog}.warehouse": layout.uri(layout.settings.warehouse_prefix),
        f"{catalog}.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
        f"{catalog}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
    }
