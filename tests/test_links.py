"""Links between the documents, as a code host shows them."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
MADE_LATER = {"docs/reference/cli.md"}
"""Pages that are made with the site."""
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
CODE = re.compile(r"^(`{3,})[^`\n]*\n.*?^\1`*$", re.M | re.S)


def anchors(document: Path) -> set[str]:
    """Those that GitHub gives to headings: lower case, without punctuation, hyphens for spaces."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.+?)\s*$", CODE.sub("", document.read_text("utf-8")), re.M):
        shown = re.sub(r"!?\[(.*?)\]\(.*?\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
        if found[name]:
            found[f"{name}-{found[name]}"] = 0
    return set(found)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document):
    text = re.sub(r"`[^`\n]+`(?!\])", "", CODE.sub("", document.read_text("utf-8")))
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / unquote(path)).resolve() if path else document
        if path and str(target.relative_to(ROOT)) in MADE_LATER:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert not lost
