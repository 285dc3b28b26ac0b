"""One DuckDB file. Its extract reader serves every backend."""
