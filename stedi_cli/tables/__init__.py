"""What an Iceberg table is: types, commits, provenance, DDL."""
