"""What can go wrong with a run, as classes that a caller would treat differently.

One question comes first: is it the fate of an order, or a fault of the run? The fate of an order is a value (see
`engine.core.outcome`); only a fault of the run is an exception. Foreign exceptions are mapped here once, where they enter, and
foreign values are quoted in their words by `shown`.
"""

from __future__ import annotations

import reprlib

LONGEST_SHOWN = 120
"""Most characters of somebody else's text in the words of an error; of a list, twice that. A guess: longer than any id."""

MOST_BITS_SHOWN = 2_000
"""Largest whole number that is written out, 602 digits: the interpreter can be told to write no more than 640."""


def shown(value: object) -> str:
    """The value as the words of an error quote it: short, on one line and without what could steer a terminal, whatever it is."""
    text = _shortened.repr(value)
    return text if len(text) <= 2 * LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


class _Shortened(reprlib.Repr):
    """Writes no more than it shows, so that the size of a value costs nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = LONGEST_SHOWN
        self.maxlevel = 3

    def repr_int(self, x: int, level: int) -> str:
        """A number that the interpreter would refuse to write is told by its size."""
        return super().repr_int(x, level) if x.bit_length() <= MOST_BITS_SHOWN else f"<a whole number of {x.bit_length()} bits>"


_shortened = _Shortened()


class EngineError(Exception):
    """The base of every error that the engine raises on purpose."""


class ConfigError(EngineError):
    """The request or the configuration cannot be used; raised before anything is sent."""


class JournalError(ConfigError):
    """The journal cannot be used, or does not hold what was asked for: the words say why, and what to do.

    Raised before anything is sent; a journal that fails during a run is part of its report.
    """


class VenueError(EngineError):
    """A request to a venue did not bring what it was sent for.

    `code` is the venue's own code where it gave one, else a word of ours; it ends up in the report.
    """

    def __init__(self, message: str, *, code: int | str | None = None) -> None:
        super().__init__(message)
        self.code = code


class TransportError(VenueError):
    """No usable answer came back, and asking again may help.

    `sent` says whether the request may have reached the venue; `status` is the HTTP status where there was one.
    """

    def __init__(self, message: str, *, sent: bool, code: int | str | None = None, status: int | None = None) -> None:
        super().__init__(message, code=code)
        self.sent = sent
        self.status = status


class ThrottledError(VenueError):
    """The venue refused the request for its pace.

    `retry_after_s` is what the venue asked for, or None; `is_final` says that it has refused too often in a row to go on.
    """

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, code: int | str | None = None, is_final: bool = False
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s
        self.is_final = is_final


class UnavailableError(ThrottledError):
    """The venue takes no such request for now, from anybody: it restarts, or has stopped trading. Waiting helps."""


class ClockError(ThrottledError):
    """The venue did not accept the time in a request. The clock has been corrected since; signed anew, it may pass."""


class CredentialError(VenueError):
    """The venue refuses this key, or this place: it stops the account, not the run.

    `may_be_clock` says that a wrong clock would have brought the same answer.
    """

    def __init__(self, message: str, *, code: int | str | None = None, may_be_clock: bool = False) -> None:
        super().__init__(message, code=code)
        self.may_be_clock = may_be_clock


class BatchTooLargeError(VenueError):
    """The venue refuses a request for the number of its orders; `most` is how many it takes."""

    def __init__(self, message: str, *, most: int, code: int | str | None = None) -> None:
        super().__init__(message, code=code)
        self.most = most


class WireError(VenueError):
    """An answer without the documented shape: its status and the beginning of its body are in the message."""

    def __init__(self, message: str, *, status: int | None = None, code: int | str | None = None) -> None:
        super().__init__(message, code=code)
        self.status = status
