"""The tests, in the folders of what they test; laws/ holds what must be true of any sequence of loads."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
