"""What can go wrong, each as one sentence that says what to do next."""

from __future__ import annotations


class PhotochromError(Exception):
    """Every error that photochrom raises on purpose. Its text is meant for the user."""

    exit_code = 1
    """Of the command line: 1 something failed, 2 the request was wrong."""


class BadPhoto(PhotochromError):
    """The photograph cannot be read: missing, empty, cut short, or not an image."""


class BadFilm(PhotochromError):
    """The film cannot be read: missing, cut short, not a film, or of a kind that must be mended."""


class InColor(PhotochromError):
    """The photograph is in colour already, and is not to be coloured anew."""


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


class TimeLimit(PhotochromError):
    """One photo of many took longer than it was allowed to."""


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


class PhotoWarning(UserWarning):
    """What was left behind of a photo whose picture is whole, such as a damaged IPTC record."""


def explain(error: Exception, name: str) -> str:
    """Put what went wrong with one photo into one sentence, whatever it is.

    Args:
        error: ours, the system's, or one that nobody has foreseen.
        name: of the photo.
    """
    if isinstance(error, PhotochromError):
        text = str(error) if "\n" in name else " ".join(str(error).splitlines())  # of a library
        return text if name in text else f"{name}: {text}"
    if isinstance(error, MemoryError):
        return f"{name} needs more memory than there is: make it smaller first."
    if isinstance(error, OSError) and error.errno:
        return f"{name} cannot be coloured ({error.strerror}): check names and permissions."
    return (
        f"{name}: this went wrong inside photochrom ({kind_and_place(error)}): "
        "please report it with the photo."
    )


def kind_and_place(error: BaseException) -> str:
    """Name an error's type and the innermost place of ours: "IndexError in xmp.parse, line 12"."""
    import traceback  # when there is one: this module is imported before Ctrl-C is in hand

    module = function = ""
    line = 0
    for frame, number in traceback.walk_tb(error.__traceback__):
        found = str(frame.f_globals.get("__name__", ""))
        if found.partition(".")[0] == __package__:
            module, function, line = found, frame.f_code.co_qualname, number
    kind = type(error).__name__
    if not module:
        return kind
    return f"{kind} in {module.removeprefix(f'{__package__}.')}.{function}, line {line}"
