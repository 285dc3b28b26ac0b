"""A table is compared, computed whole or by key, and written where it differs."""
