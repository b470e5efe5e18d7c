"""Fill in the measured figures of README.md, docs/ and the model cards.

    photochrom evaluate hintnet --data test.tar --json figures.json
    python docs/tables.py keep hintnet figures.json    # copy the rows to docs/figures/
    python docs/tables.py keep study runs/*/evaluation.json "unet-lab=unet-lab (reduced: 64 px)"
    python docs/tables.py                              # fill in every table and figure again

A table stands between ``<!-- table hintnet scores -->`` and ``<!-- table end -->``. Headings may be
picked: ``<!-- table hintnet scores: colorizer; PSNR, dB -->``. Instead of ``scores``, write
``hints`` for what hints gain, or ``plain`` for the JSON of a benchmark, which has rows by name.

A single figure in a sentence names its file, row and heading:
``<!-- figure hintnet plain: row; heading -->24.08<!-- end -->``, where the kind is as for tables.
It may not begin a line: Markdown would take the rest of the line for HTML.

The head of a model card has the figures of some rows as the Hugging Face Hub wants them, between
``# model-index hintnet: hintnet, vivid 0.3; hintnet, vivid 0, 10 hints`` and ``# model-index end``.
The card of the bundled model lies beside it, and docs/model-card.md is a copy of it.
"""

from __future__ import annotations

import json
import re
import sys
from functools import reduce
from pathlib import Path

from photochrom.evaluation.results import Results, RowSummary, from_record, to_record
from photochrom.evaluation.tables import COLUMNS, filled_columns, markdown_table

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "figures"
TABLE = re.compile(
    r"(<!-- table (\S+) (scores|hints|plain)(?:: (.+?))? -->\n).*?(<!-- table end -->)", re.S
)
FIGURE = re.compile(
    r"(<!-- figure (\S+) (scores|hints|plain): (.+?); (.+?) -->).*?(<!-- end -->)", re.S
)

MODEL_INDEX = re.compile(r"(# model-index (\S+): (.+?)\n).*?(# model-index end\n)", re.S)
INDEXED = {
    "PSNR, dB": "psnr",
    "SSIM": "ssim",
    "ΔE00": "delta-e-2000",
    "colourfulness": "colourfulness",
}
"""What the Hub calls the columns."""
CARD = ROOT / "src/photochrom/weights/hintnet.md"
CARD_FOR_THE_SITE = ROOT / "docs/model-card.md"


def keep(name: str, sources: list[str]) -> None:
    """Keep the rows of evaluations, without their photos, for the documents.

    ``row=label`` among the sources calls a row by what has to be known of it.
    """
    files = [source for source in sources if "=" not in source]
    labels = dict(source.split("=", 1) for source in sources if "=" in source)
    results = reduce(Results.joined, map(Results.read_json, files))
    kept = map(to_record, results.summary)
    rows = [row | {"name": labels.get(row["name"], row["name"])} for row in kept]
    content = {"caption": results.caption, "rows": rows}
    FIGURES.mkdir(exist_ok=True)
    (FIGURES / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def rows(name: str) -> list[RowSummary]:
    """What :func:`keep` kept."""
    content = json.loads((FIGURES / f"{name}.json").read_text("utf-8"))
    return [RowSummary(**from_record(row)) for row in content["rows"]]


def scores(name: str, picked: list[str]) -> str:
    """The rows without hints."""
    plain = [row for row in rows(name) if row.row.hints is None]
    columns = {**COLUMNS, **filled_columns(plain)}
    return markdown_table(plain, {k: columns[k] for k in picked or filled_columns(plain)})


def hints(name: str, picked: list[str]) -> str:
    """The rows with hints, and what each gains over the first."""
    hinted = [row for row in rows(name) if row.row.hints is not None]
    without = hinted[0].psnr_mean
    columns = {
        "hints": lambda row: f"{row.row.hints}",
        **filled_columns(hinted),
        "gain": lambda row: f"{row.psnr_mean - without:+.2f}",
    }
    return markdown_table(hinted, {key: columns[key] for key in picked or columns})


def plain(name: str, picked: list[str]) -> str:
    """The rows of a benchmark; the first heading picked is that of their names."""
    told = json.loads((FIGURES / f"{name}.json").read_text("utf-8"))
    heads = picked or ["", *next(iter(told.values()))]
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)]]
    lines += [[row, *(str(values[head]) for head in heads[1:])] for row, values in told.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def model_index(name: str, picked: list[str]) -> str:
    """The rows of these names, as the Hub reads them:
    https://github.com/huggingface/hub-docs/blob/main/modelcard.md?plain=1.
    """
    known = {str(row.row): row for row in rows(name)}
    lines = ["model-index:", f"- name: {name}", "  results:"]
    for label in picked:
        lines += [
            "  - task:",
            "      type: image-to-image",
            f"      name: 'colorization: {label}'",
            "    dataset:",
            "      type: coco",
            "      name: COCO val2017, 1,000 photographs, 256 × 256",
            "    metrics:",
        ]
        for heading, metric in INDEXED.items():
            value = COLUMNS[heading](known[label])
            lines += [f"    - type: {metric}", f"      name: {heading}", f"      value: {value}"]
    return "\n".join(lines)


KINDS = {"scores": scores, "hints": hints, "plain": plain}


def fill(text: str) -> str:
    """The text with every table and every single figure as docs/figures has it.

    ValueError if a single figure names a row that there is not.
    """

    def table(found: re.Match[str]) -> str:
        head, name, kind, picked, end = found.groups()
        return f"{head}\n{KINDS[kind](name, picked.split('; ') if picked else [])}\n{end}"

    def figure(found: re.Match[str]) -> str:
        head, name, kind, row, heading, end = found.groups()
        first = {"scores": "colorizer", "hints": "hints", "plain": ""}[kind]
        lines = KINDS[kind](name, [first, heading]).splitlines()
        cells = [line.strip("| ").split(" | ") for line in lines]
        value = {cell[0]: cell[-1] for cell in cells}.get(row)
        if value is None:
            raise ValueError(f"docs/figures/{name}.json has no row {row!r}.")
        return f"{head}{value}{end}"

    def index(found: re.Match[str]) -> str:
        head, name, picked, end = found.groups()
        return f"{head}{model_index(name, picked.split('; '))}\n{end}"

    return MODEL_INDEX.sub(index, FIGURE.sub(figure, TABLE.sub(table, text)))


def documents() -> list[Path]:
    """All that may hold a table."""
    places = (ROOT, ROOT / "docs", ROOT / "models", ROOT / "src/photochrom/weights")
    return [path for place in places for path in sorted(place.glob("*.md"))]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["keep", name, *sources]:
            keep(name, sources)
        case []:
            for path in documents():
                path.write_text(fill(path.read_text("utf-8")), "utf-8")
            CARD_FOR_THE_SITE.write_text(CARD.read_text("utf-8"), "utf-8")
        case _:
            sys.exit(__doc__)
