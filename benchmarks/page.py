"""Parts of a page of the docs that a script writes: what stands between two marks."""

from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PERFORMANCE = ROOT / "docs" / "performance.md"


def marks(name: str) -> tuple[str, str]:
    """Where the part of this name begins and ends."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def fill(page: Path, name: str, lines: Sequence[str]) -> None:
    """Write these lines between the marks of that name.

    Raises:
        ValueError: the page does not have each mark once.
    """
    begin, end = marks(name)
    text = page.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{page} must have {begin} and {end} once each.")
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    page.write_text("\n".join([before + begin, "", *lines, "", end + after]), encoding="utf-8")
