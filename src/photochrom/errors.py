"""What can go wrong, each as one sentence that says what to do next."""

from __future__ import annotations


class PhotochromError(Exception):
    """Every error that photochrom raises on purpose. Its text is meant for the user."""

    exit_code = 1
    """Of the command line: 1 something failed, 2 the request was wrong."""


class BadPhoto(PhotochromError):
    """The photograph cannot be read: missing, empty, cut short, or not an image."""


class BadModel(PhotochromError):
    """The model cannot be used: unknown name, missing file, or not a colorizer."""

    exit_code = 2


class BadData(PhotochromError):
    """The training or test photographs cannot be used: nothing there, or nothing readable."""


class BadRun(PhotochromError):
    """The run folder cannot be used: missing files, or made with other settings."""


class BadOption(PhotochromError):
    """The request itself is wrong: an option out of range, or options that do not go together."""

    exit_code = 2


class CannotWrite(PhotochromError):
    """The result cannot be written: it exists already, or the folder does not take it."""


class DiskFull(CannotWrite):
    """There is no room for the result, nor for any other."""


class Diverged(PhotochromError):
    """The training's loss is no longer a finite number."""


class ExportMismatch(PhotochromError):
    """The exported file answers differently from the network it was made of."""


class MissingExtra(PhotochromError):
    """An optional dependency is not installed.

    Args:
        package: what could not be imported, for example ``"torch"``.
        extra: the extra that brings it, for example ``"train"``.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"This needs {package}, which is not installed: pip install 'photochrom[{extra}]'."
        )
