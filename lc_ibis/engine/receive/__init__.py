"""Extracts: which files there are, which of them are new, and where they are broken."""
