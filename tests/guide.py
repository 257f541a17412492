"""The operator's guide: its first page, and those that it leads to."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {
    str(page.relative_to(DOCS.parent)): page.read_text(encoding="utf-8")
    for page in (DOCS / "operations.md", *sorted((DOCS / "operations").glob("*.md")))
}


def section(title: str) -> str:
    """What stands below a heading of the second rank, or on the page of that name."""
    for text in PAGES.values():
        if text.startswith(f"# {title}\n"):
            return text
        if f"\n## {title}\n" in text:
            return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    raise KeyError(title)


def places(text: str) -> set[str]:
    """Where in a page a link may lead, as the forges make it of headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
