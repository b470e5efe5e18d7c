"""What came of many photos, told while it comes, at the end, and as a table."""

from __future__ import annotations

import io
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from photochrom.cli.options import console, counted, print_result
from photochrom.cli.waiting import shown_if_long
from photochrom.errors import BadOption, CannotWrite, DiskFull
from photochrom.names import is_verbose, remark, say, write_table

if TYPE_CHECKING:
    from photochrom.batch.worker import Outcome

_FORMER = ("photo", "state", "results", "seconds", "words")
_COLUMNS = (*_FORMER, "error", "trace")


def check_report(report: Path, *, force: bool) -> None:
    """Refuse a place for a report before the work; a former report makes way, to go on with.

    Raises:
        BadOption, CannotWrite: it is no place for one.
    """
    from photochrom import files

    if report.suffix.lower() != ".csv":
        raise BadOption(f"--report {report} is a table: end its name in .csv.")
    if report.exists() and not force and not _is_report(report):
        raise files.already_exists(report)
    if not report.absolute().parent.is_dir():
        raise CannotWrite(f"{report.parent} is no folder: choose one that exists for --report.")


def _is_report(path: Path) -> bool:
    from photochrom import files

    try:
        with files.open_plain(path) as file:
            first = file.readline(1000).strip().decode(errors="replace")
        return first in (",".join(_COLUMNS), ",".join(_FORMER))
    except OSError:
        return False


class BatchSummary:
    """What came of the photos, told to the user while it comes and at the end.

    Args:
        report: where to write it as a table.
    """

    def __init__(self, report: Path | None) -> None:
        self.report = report
        self.expected: int | None = None
        self.outcomes: list[Outcome] = []
        self.counts: Counter[str] = Counter()
        self.full = ""
        self.others: Counter[str] = Counter()
        """Files in the folders that are no photos, by suffix."""

    @property
    def total(self) -> int:
        """Photos so far."""
        return self.counts.total()

    def follow(self, outcomes: Iterable[Outcome], expected: int | None) -> None:
        """Tell what comes, until it ends."""
        self.expected = expected
        try:
            if expected == 1:
                with shown_if_long("colouring"):
                    for outcome in outcomes:
                        self._take(outcome)
            else:
                self._show(outcomes)
        except DiskFull as error:
            self.full = str(error)

    def _show(self, outcomes: Iterable[Outcome]) -> None:
        """Tell what comes, and how far it is."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("colouring"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("[red]{task.fields[failed]}"),
        )
        start = time.monotonic()
        with Progress(
            *columns,
            console=console(),
            redirect_stdout=bool(sys.stdout and sys.stdout.isatty()),
        ) as progress:  # or results that go elsewhere would be shown beside it
            task = progress.add_task("", total=self.expected, rate="", failed="")
            for outcome in outcomes:
                self._take(outcome)
                done = self.counts["done"]
                rate = done / (time.monotonic() - start)
                failed = self.counts["failed"]
                progress.update(
                    task,
                    advance=1,
                    rate=f"{rate:.1f} photos/s" if done else "",
                    failed=f"{failed} failed" if failed else "",
                )

    def _take(self, outcome: Outcome) -> None:
        """Note it, and only then tell it: what the user has been told is in the report."""
        if self.report is not None or outcome.words:
            self.outcomes.append(outcome)
        self.counts[outcome.state] += 1
        if outcome.state == "done":
            print_result(*outcome.results)

    def save(self) -> None:
        """Write the report, if one is wanted."""
        from photochrom import files

        if self.report is None or not self.outcomes:
            return

        def row(outcome: Outcome) -> Sequence[object]:
            results, seconds = "\n".join(outcome.results), round(outcome.seconds, 3)
            return (
                outcome.photo,
                outcome.state,
                results,
                seconds,
                outcome.words,
                outcome.error,
                outcome.trace,
            )

        table = io.StringIO(newline="")
        write_table(table, _COLUMNS, map(row, self.outcomes))
        files.write_bytes(self.report, table.getvalue().encode("utf-8", "surrogateescape"))

    def sum_up(self, *, quiet: bool) -> int:
        """Say what is to be said; answers the exit status."""
        for outcome in sorted(self.outcomes, key=lambda outcome: outcome.state == "failed"):
            if outcome.words:
                (say if outcome.state == "failed" else remark)(outcome.words)
            if outcome.trace and is_verbose():
                say(outcome.error, *outcome.trace.splitlines())
        if not quiet:
            for state, (one, more) in _WORDS.items():
                if count := self.counts[state]:
                    words = one if count == 1 else more
                    tell = say if state == "failed" else remark
                    tell(f"{count:,} of {counted(self.total, 'photo')} {words}.")
        if others := self.others.total():
            from photochrom.batch.planning import name_kinds

            files, kinds = counted(others, "file"), name_kinds(self.others)
            remark(f"Left out: {files} that photochrom does not read: {kinds}.")
        if self.full:
            say(self.full)
        return 1 if self.counts["failed"] or self.full else 0

    def interrupted(self) -> str:
        """What is to be said when it was interrupted."""
        if self.expected is None:
            return ""
        done = self.total - self.counts["failed"]
        verb = "is" if 1 in (done, self.expected) else "are"
        failed = f", {self.counts['failed']:,} failed" if self.counts["failed"] else ""
        of = counted(self.expected, "photo")
        return (
            f"Interrupted: {done:,} of {of} {verb} done{failed}, and no result is half written; "
            "the same command goes on."
        )


_WORDS = {
    "skipped": ("was done before", "were done before"),
    "passed": ("was in colour already", "were in colour already"),
    "failed": ("failed", "failed"),
}
