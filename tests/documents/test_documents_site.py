"""The project's documents as a site: what we wrote can be read by all, at every width."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT

# Violations that are the theme's own, by rule, and where alone they are taken for that.
OF_THE_THEME = {
    "color-contrast": ".md-nav__link",  # its colour of the page that is open, in the navigation
    "scrollable-region-focusable": ".md-typeset__scrollwrap",  # its box around wide tables, on phones
}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the documents; its directory."""
    root = tmp_path_factory.mktemp("documents")
    shutil.copytree(ROOT / "docs", root / "docs")
    shutil.copy(ROOT / "zensical.toml", root)
    subprocess.run([sys.executable, "-m", "zensical", "build", "--strict"], cwd=root, check=True, capture_output=True)
    return root / "build/documents"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_documents_can_be_read_by_all(browser: Any, documents: Path, width: int, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for name in ("index.html", "concepts/index.html", "cli/index.html", "api/index.html"):
        page.goto((documents / name).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing stands over the edge"
        violations = Axe().run(page).response["violations"]
        assert [found for violation in violations for found in _ours(page, violation)] == [], name
    page.close()


def _ours(page: Any, violation: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the rule and the place of what a violation finds outside the theme; of serious ones alone."""
    if violation["impact"] not in ("serious", "critical"):
        return []
    theme = OF_THE_THEME.get(violation["id"], "no-such-element")
    places = [str(node["target"][0]) for node in violation["nodes"]]
    return [(violation["id"], one) for one in places if not page.locator(one).evaluate("(e, t) => e.closest(t)", theme)]
