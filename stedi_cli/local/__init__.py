"""A lakehouse on one machine: a folder, a catalog in SQLite, Iceberg tables on disk, DuckDB."""
