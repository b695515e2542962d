"""Every fault point is somewhere in the code: a fault that can't happen proves nothing."""

from pathlib import Path

import pytest

from octavo.faultpoint import Point

ROOT = Path(__file__).parents[3]
SOURCES = [path.read_text() for folder in ("octavo", "services") for path in (ROOT / folder).rglob("*.py")]


@pytest.mark.parametrize("point", Point)
def test_the_code_comes_by(point):
    assert any(f"reach(Point.{point.name})" in source for source in SOURCES)
