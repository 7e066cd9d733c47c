"""The local target: a folder, a catalog in SQLite, Iceberg tables on disk, DuckDB."""
