"""Spark sessions and warehouses: Parquet files or Delta tables."""
