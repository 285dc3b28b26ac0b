"""Make the pictures of the documents from the sample data: `python docs/pictures.py`, with Chromium."""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

import lc_ibis
from lc_ibis import site

HERE = Path(__file__).parent
DATA = HERE.parent / "data"


def main() -> None:
    """Write quality_report.png and table_page.png: pages after some days of the sample, in few colours."""
    with tempfile.TemporaryDirectory() as scratch:
        names = {"database": "lc.duckdb", "outputs": "outputs", "reports": "reports"}
        places = {option: Path(scratch, name) for option, name in names.items()}
        for day in ("inputs", "inputs", "inputs_day2", "inputs", "inputs_day2"):
            lc_ibis.build(inputs=DATA / day, allow_replay=True, **places)
        page = lc_ibis.report_page(reports=places["reports"])
        with sync_playwright() as started:
            browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            view = browser.new_page(viewport={"width": 1120, "height": 800}, color_scheme="light")
            view.goto(page.resolve().as_uri())
            # Only the sections that a reader of the README wants to see.
            view.add_style_tag(content="section:not(:has(svg)):not(:has(.trend)), footer { display: none }")
            _save(view.screenshot(full_page=True), "quality_report")
            first = site.build(Path(scratch, "site"), database=places["database"], reports=places["reports"])
            view.goto((first.parent / "tables/account_summary.html").resolve().as_uri())
            _save(view.screenshot(), "table_page")
            browser.close()


def _save(shot: bytes, name: str) -> None:
    Image.open(io.BytesIO(shot)).quantize(64).save(HERE / f"pictures/{name}.png", optimize=True)


if __name__ == "__main__":
    main()
