"""docs/models.md: each block declares models, and what becomes of them is what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lc_ibis.declare.models import Model
from lc_ibis.declare.pipeline import Pipeline
from lc_ibis.errors import ModelError
from lc_ibis.layers import pipeline
from tests import ROOT

PAGE = (ROOT / "docs/models.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_says_what_becomes_of_each_model(tmp_path: Path) -> None:
    names: dict[str, Any] = {"__name__": "page.marts"}
    told = []
    for number, block in enumerate(BLOCKS):
        known = set(names)
        file = tmp_path / f"block_{number}.py"  # the source of a function is read
        file.write_text(block, encoding="utf-8")
        exec(compile(block, str(file), "exec", dont_inherit=True), names)
        models = [value for name, value in names.items() if name not in known and isinstance(value, Model)]
        said = re.findall(r"^# (by key|whole|refused: (?:.*))$", block, re.MULTILINE)
        assert len(said) == bool(models), block
        for made in models:
            told.append(said[0].split(":")[0])
            if said[0].startswith("refused"):
                with pytest.raises(ModelError, match=re.escape(said[0].removeprefix("refused: "))):
                    Pipeline([*pipeline, made])
            else:
                more = Pipeline([*pipeline, made])
                assert (made.name in more.ways) == (said[0] == "by key")
    assert min(told.count(each) for each in ("by key", "whole", "refused")) >= 2
