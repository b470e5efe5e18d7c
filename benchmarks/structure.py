"""How a tree of the package is built: lines, rooms, and the imports between them, as JSON.

    python benchmarks/structure.py .

A room is a child of the package: a sub-package, or a module that stands alone.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import grimp


def main() -> None:
    """Print the figures of a tree."""
    tree = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(tree / "src"))
    graph = grimp.build_graph("photochrom", exclude_type_checking_imports=True, cache_dir=None)
    source = sorted((tree / "src/photochrom").rglob("*.py"))
    functions = [function for path in source for function in functions_of(path)]
    lines = {str(path.relative_to(tree / "src/photochrom")): count([path]) for path in source}
    longest = max(lines, key=lambda name: lines[name])
    length, name = max(functions)
    links = room_imports(graph)
    figures: dict[str, Any] = {
        "modules": len(source),
        "lines of Python": sum(lines.values()),
        "lines of the page": count(of_kinds(tree / "src", ".js", ".css", ".html")),
        "lines of tests": count((tree / "tests").rglob("*.py")),
        "rooms": len(graph.find_children("photochrom")),
        "imports between rooms": len(links),
        "rooms that import each other": sum((b, a) in links for a, b in links) // 2,
        "longest file": [longest, lines[longest]],
        "files over 350 lines": sum(number > 350 for number in lines.values()),
        "longest function": [name, length],
        "functions over 60 lines": sum(number > 60 for number, _ in functions),
    }
    print(json.dumps(figures, indent=1))


def of_kinds(folder: Path, *suffixes: str) -> Iterator[Path]:
    """Files below a folder that end so."""
    return (path for path in folder.rglob("*") if path.suffix in suffixes)


def count(paths: Iterable[Path]) -> int:
    """Lines in all of the files."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def functions_of(path: Path) -> Iterator[tuple[int, str]]:
    """Each function of a file, its lines and its name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or 0) - node.lineno + 1, node.name


def room_imports(graph: grimp.ImportGraph) -> set[tuple[str, str]]:
    """Which room imports which."""

    def room(module: str) -> str:
        return ".".join(module.split(".")[:2])

    return {
        (room(importer), room(imported))
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if room(importer) != room(imported)
    }


if __name__ == "__main__":
    main()
