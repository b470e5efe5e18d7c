"""What makes a site of these documents, beside mkdocs: see hooks in mkdocs.yml.

The same files are read on a code host, where README.md is the front page and links lead to any file
of the repository. So the README, the other texts of the root, and every file that a page links to
become pages of the site, and links between them are turned; the reference of the command line is
made from the commands' own help.
"""

from __future__ import annotations

import html
import io
import os
import posixpath
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OWN_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
"""Texts of the root that have a name of their own on the site."""
COPIES = "repository"
"""Where on the site the other files of the repository are."""
LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(#[^)\s]*)?(?=\))")
FOREIGN = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?(?:https?:)?//[^>]*>"
    r"|<link\b[^>]*rel=\"?(?:stylesheet|preconnect|icon)[^>]*href=\"?(?:https?:)?//[^>]*>"
)
WIDTH = "100"
"""Columns of the help that is read: in more, tyro puts groups side by side."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what does not lie in docs/: the root's texts, linked files, the commands."""
    texts = {f"docs/{file.src_uri}": _read(f"docs/{file.src_uri}") for file in _markdown(files)}
    texts |= {name: _read(name) for name in OWN_PAGES}
    waiting = list(texts.items())
    seen = set(texts)
    while waiting:
        name, text = waiting.pop()
        for link, _ in LINK.findall(text):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
            if path in seen or path.startswith("docs/"):
                continue
            if not (ROOT / path).exists():
                raise PluginError(f"{name} links to {link}, which is not there.")
            seen.add(path)
            if path.endswith(".md"):
                texts[path] = _read(path)
                waiting.append((path, texts[path]))
            else:
                files.append(_copy(path, config))
    for name, text in texts.items():
        if not name.startswith("docs/"):
            files.append(File.generated(config, _place(name), content=text))
    files.append(File.generated(config, "reference/cli.md", content=command_reference()))
    return files


def _markdown(files: Files) -> list[File]:
    return [file for file in files.documentation_pages() if file.generated_by is None]


def _read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def _copy(path: str, config: MkDocsConfig) -> File:
    """A file as it is, if browsers show it, or a page with its text."""
    if Path(path).suffix in {".jpg", ".png", ".svg"}:
        return File.generated(config, _place(path), abs_src_path=str(ROOT / path))
    if (ROOT / path).is_dir():
        listed = sorted(entry.name for entry in (ROOT / path).iterdir() if entry.name[0] != ".")
        text, kind = "\n".join(listed), ""
    else:
        text, kind = _read(path), Path(path).suffix.removeprefix(".")
    content = f"# {path}\n\n``````{kind}\n{text.rstrip()}\n``````\n"
    return File.generated(config, _place(path), content=content)


def _place(path: str) -> str:
    """Where on the site a file of the repository is."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    suffix = Path(path).suffix
    shown = "" if suffix in {".jpg", ".png", ".svg", ".md"} else ".md"
    return OWN_PAGES.get(path, f"{COPIES}/{path}{shown}")


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links to where their files are on the site."""
    here = page.file.src_uri
    source = next((name for name, place in OWN_PAGES.items() if place == here), None)
    if source is None:
        prefix = f"{COPIES}/"
        source = here.removeprefix(prefix) if here.startswith(prefix) else f"docs/{here}"

    def turn(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        if not (ROOT / path).exists():  # which mkdocs will say, unless the page was generated
            return link[0]
        return posixpath.relpath(_place(path), posixpath.dirname(here) or ".") + (link[2] or "")

    if "\n``````" in markdown:
        return markdown  # the text of a file, in which nothing is a link
    return LINK.sub(turn, markdown)


def on_page_content(content: str, /, **_: object) -> str:
    """Take out the roles of docstrings, as in :meth:, which are not Markdown."""
    return re.sub(r":(?:attr|class|func|meth|mod):(?=<code>)", "", content)


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site that loads anything from elsewhere."""
    for page in Path(config.site_dir).rglob("*.html"):
        if found := FOREIGN.search(page.read_text("utf-8")):
            raise PluginError(f"{page.name} would load from another server: {found[0]}")


# --- the reference of the command line --------------------------------------------------------


def command_reference() -> str:
    """All commands with their options, as Markdown."""
    from photochrom.cli.main import COMMANDS

    parts = ["# Command line\n\nWhat `photochrom COMMAND --help` says, on one page.\n"]
    for name in COMMANDS:
        parts += _command([name])
    return "\n".join(parts)


def _command(words: list[str]) -> Iterator[str]:
    shown = _help(words)
    name = " ".join(words)
    usage, _, rest = shown.partition("\n\n")
    yield f"## photochrom {name}\n" if len(words) == 1 else f"### photochrom {name}\n"
    about, *groups = re.split(r"^╭─ (.+?) ─+╮\n", rest, flags=re.M)
    for paragraph in about.strip().split("\n\n"):
        prose, _, example = paragraph.partition("Example: ")
        yield f"{_escape(prose)}\n" if prose else ""
        yield f"```sh\n{' '.join(example.split())}\n```\n" if example else ""
    yield f"```text\n{' '.join(usage.removeprefix('usage: ').split())}\n```\n"
    for title, body in zip(groups[::2], groups[1::2], strict=True):
        lines = [line[2:-1].rstrip() for line in body.splitlines() if line.startswith("│")]
        if title == "subcommands":
            for line in lines:
                if found := re.match(r"\s*• ([\w-]+)", line):
                    yield from _command([*words, found[1]])
        elif title != "general options":  # which are of all
            yield from _table(title, lines)


def _help(words: list[str]) -> str:
    from photochrom.cli.main import main

    out = io.StringIO()
    with mock.patch.dict(os.environ, COLUMNS=WIDTH), redirect_stdout(out):
        try:
            main([*words, "--help"])
        except SystemExit as ended:
            if ended.code:
                raise PluginError(f"photochrom {' '.join(words)} --help failed.") from None
    return out.getvalue()


def _table(title: str, lines: list[str]) -> Iterator[str]:
    ruled = next((n for n, line in enumerate(lines) if line.startswith("──")), -1)
    rows: list[list[str]] = []
    for line in lines[ruled + 1 :]:
        if line[:1].strip():
            flags, _, words = line.partition("  ")
            rows.append([flags, words.strip()])
        elif rows and line.strip():
            rows[-1][1] = f"{rows[-1][1]} {line.strip()}".strip()
    rows = [row for row in rows if not row[0].startswith("-h, --help")]
    if rows:
        about = " ".join(lines[:ruled]).strip() if ruled > 0 else ""
        yield f"**{title.capitalize()}.** {_escape(about)}\n"
        yield "| | |\n|---|---|"
        for flags, words in rows:
            yield f"| `{flags}` | {_escape(words)} |"
        yield ""


def _escape(prose: str) -> str:
    """Prose as Markdown that shows it as it is."""
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", html.escape(prose, quote=False))
