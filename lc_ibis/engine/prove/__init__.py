"""Checks, verification, and whether the checks would notice."""
