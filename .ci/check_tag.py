"""Check that a tag, such as v0.1.0, is the version, and that the changelog tells of it.

python .ci/check_tag.py v0.1.0
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def check_tag(tag: str) -> None:
    """Leave with a sentence if the tag may not be released."""
    source = (ROOT / "src" / "photochrom" / "__init__.py").read_text("utf-8")
    version = re.search(r'^__version__ = "(.+)"$', source, re.M)
    if version is None or tag != f"v{version[1]}":
        sys.exit(f"The tag is {tag} and the version {version and version[1]}: make them one.")
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    if not re.search(rf"^## \[{re.escape(version[1])}\] - \d{{4}}-\d\d-\d\d$", changes, re.M):
        sys.exit(f"CHANGELOG.md has no dated section for {version[1]}: write it.")


if __name__ == "__main__":
    check_tag(sys.argv[1])
