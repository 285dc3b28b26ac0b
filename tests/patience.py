"""How long tests wait: a slow machine is none that hangs."""

from __future__ import annotations

from typing import Any

# Whoever takes so many seconds hangs.
HANGING = 1800


class PatientBrowser:
    """A browser whose pages wait for a slow machine."""

    def __init__(self, browser: Any):
        self._browser = browser

    def new_page(self, **options: Any) -> Any:
        page = self._browser.new_page(**options)
        page.set_default_timeout(HANGING * 1000)
        return page
