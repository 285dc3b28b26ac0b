"""The notebooks run from the first cell to the last, on the sample."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import WIDELY, Lending
from tests.test_sample import DAYS

NOTEBOOKS = Path(__file__).parents[1] / "docs/notebooks"


@pytest.mark.parametrize("backend", [WIDELY[0], WIDELY[-1]])
def test_marts_and_history(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    for lending.inputs in DAYS.values():
        lending.build()
    monkeypatch.setenv("LC_IBIS_BACKEND", lending.backend)
    monkeypatch.setenv("LC_IBIS_DATABASE", str(lending.database))
    notebook = nbformat.read(NOTEBOOKS / "marts_and_history.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = "\n".join(output["data"]["text/plain"] for cell in cells for output in cell.outputs if "data" in output)
    # Of account_summary as of both days, by hand; and A005, which has become a checking account.
    for figure in ("114319.13", "2193.20", "86619.14", "1624.37", "A005"):
        assert figure in shown
