"""What to do after an answer, or after none. Pure: the dice are rolled elsewhere and handed in.

Rules: cancels are idempotent, so sending one again is safe; what is refused for good is not repeated; an answer that was
lost, or that does not settle the order, is resolved by reading the order, never by guessing; a read that shows the order
open leads to another cancel while tries are left.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.outcome import OUTCOMES_OF_WORDS, Outcome, Verdict, Word
from engine.core.summary import Fault
from engine.errors import (
    BatchTooLargeError,
    ConfigError,
    CredentialError,
    ThrottledError,
    TransportError,
    UnavailableError,
    VenueError,
    WireError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often, and how long to wait between. All numbers are guesses that suit an emergency, not published by a venue.

    Attributes:
        cancels: Cancels tried for one order, in one sweep.
        reads: Reads tried in a row to resolve one order.
        listings: Tries for one page of a listing.
        sweeps: How many sweeps in a row may lead to nothing, over orders that the venue acknowledged and still lists; over
            orders that it refused, one.
        sweep_cancels: Cancels tried for one order each time it is taken up again.
        first_wait_s: Longest wait before the second try; it doubles with every further one.
        longest_wait_s: Longest wait between two tries.
        longest_hold_s: Longest time that one answer of 429 can hold an account, whatever the venue asked for.
        holds: How often in a row a 429 may hold the account before the account is given up.
        longest_outage_s: How long a venue that takes no requests for now is waited for, where no deadline comes first.
        longest_pending_s: How long an order that cannot be cancelled yet is tried again.
    """

    cancels: int = 5
    reads: int = 4
    listings: int = 5
    sweeps: int = 3
    sweep_cancels: int = 2
    first_wait_s: float = 0.2
    longest_wait_s: float = 5.0
    longest_hold_s: float = 60.0
    holds: int = 10
    longest_outage_s: float = 900.0
    longest_pending_s: float = 300.0

    def __post_init__(self) -> None:
        for name in ("cancels", "reads", "listings", "sweep_cancels"):
            if getattr(self, name) < 1:
                raise ConfigError(f"retry: {name} must be at least 1, not {getattr(self, name)!r}")
        waits = ("first_wait_s", "longest_wait_s", "longest_hold_s", "longest_outage_s", "longest_pending_s")
        for name in ("sweeps", "holds", *waits):
            if getattr(self, name) < 0:
                raise ConfigError(f"retry: {name} must not be negative, not {getattr(self, name)!r}")

    def wait_s(self, tries: int, *, roll: float) -> float:
        """Seconds to wait after so many tries; `roll` in [0, 1) spreads them, so that nobody marches in step."""
        longest_s = min(self.longest_wait_s, self.first_wait_s * 2.0 ** min(tries - 1, 30))
        return longest_s * (0.5 + 0.5 * roll)


@dataclass(frozen=True, slots=True)
class Again:
    """Send the same request again, in turn, after so many seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class Read:
    """Read the order by id, in turn, after so many seconds."""

    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Split:
    """The request was refused for what it named together: send it again as requests of at most so many orders."""

    most: int


@dataclass(frozen=True, slots=True)
class Settle:
    """The order's fate is known, as far as it can be: None stands for the worst truth that the evidence allows."""

    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """The account cannot go on, and why: in words, and as one of a few."""

    fault: str
    code: Fault


Step = Again | Read | Split | Settle | Stop

PENDING_WAIT_S = 0.5
"""Longest wait between two cancels of an order that is pending. A guess: venues hold orders back for 0.05 to 3 seconds."""


def _end_of_account(came: Verdict | VenueError) -> Stop | None:
    """Why nothing more can be done for the account, if that is so."""
    if isinstance(came, CredentialError):
        return Stop(str(came), Fault.CREDENTIALS)
    if isinstance(came, ThrottledError) and came.is_final:
        return Stop(str(came), Fault.UNREACHABLE if isinstance(came, UnavailableError) else Fault.PACE)
    return None


def after_cancel(  # noqa: PLR0911  # one line for each thing that can come back
    came: Verdict | VenueError, *, tries: int, was_unseen: bool, retry: Retry, roll: float, of: int = 1, waited_s: float = 0.0
) -> Step:
    """Decide what follows a cancel.

    Args:
        came: The venue's word on the order, or why there is none.
        tries: Cancels tried so far in this sweep, this one included.
        was_unseen: Whether an earlier one may have acted without an answer.
        retry: How often, how long.
        roll: In [0, 1), for the spread of the wait.
        of: How many orders the request named.
        waited_s: How long the order has been pending.
    """
    if isinstance(came, Verdict):
        return _after_word(came.word, waited_s, retry=retry, roll=roll)
    end = _end_of_account(came)
    if end is not None:
        return end
    if isinstance(came, ThrottledError):
        return Again(0.0)  # the account's hold is the wait
    if of > 1 and not isinstance(came, TransportError | WireError):
        return Split(came.most if isinstance(came, BatchTooLargeError) and 0 < came.most < of else of // 2)
    if not isinstance(came, TransportError) or (came.sent and came.status is None):
        return Read()
    if tries < retry.cancels:
        return Again(retry.wait_s(tries, roll=roll))
    return Read() if came.sent or was_unseen else Settle()


def _after_word(word: Word, waited_s: float, *, retry: Retry, roll: float) -> Step:
    if word is Word.PENDING:
        return _after_pending(waited_s, retry=retry, roll=roll)
    return Settle(OUTCOMES_OF_WORDS[word]) if word in OUTCOMES_OF_WORDS else Read()


def _after_pending(waited_s: float, *, retry: Retry, roll: float) -> Step:
    if waited_s >= retry.longest_pending_s:
        return Settle()
    return Again(min(PENDING_WAIT_S, max(retry.first_wait_s, waited_s)) * (0.5 + 0.5 * roll))


def after_read(came: Verdict | VenueError, *, tries: int, reads: int, retry: Retry, roll: float, waited_s: float = 0.0) -> Step:
    """Decide what follows a read of an order whose fate is not settled.

    Args:
        came: What the read shows, or why it shows nothing.
        tries: Cancels tried so far in this sweep.
        reads: Reads tried in a row, this one included.
        retry: How often, how long.
        roll: In [0, 1), for the spread of the wait.
        waited_s: How long the order has been pending.
    """
    if isinstance(came, Verdict):
        if came.word is Word.PENDING:
            return _after_pending(waited_s, retry=retry, roll=roll)
        if came.word is Word.OPEN:
            return Again(retry.wait_s(max(tries, 1), roll=roll)) if tries < retry.cancels else Settle(Outcome.REJECTED)
        if came.word in OUTCOMES_OF_WORDS or came.word is Word.NOT_FOUND:
            return Settle(OUTCOMES_OF_WORDS.get(came.word))
    end = _end_of_account(came)
    if end is not None:
        return end
    if isinstance(came, ThrottledError):
        return Read()
    return Read(retry.wait_s(reads, roll=roll)) if reads < retry.reads else Settle()


def after_listing(came: VenueError, *, tries: int, retry: Retry, roll: float) -> Again | Settle | Stop:
    """Decide what follows a page that could not be read; `Settle` gives the page up."""
    end = _end_of_account(came)
    if end is not None:
        return end
    if isinstance(came, ThrottledError):
        return Again(0.0)
    return Again(retry.wait_s(tries, roll=roll)) if tries < retry.listings else Settle()


MOST_MASS_REFUSALS = 3
"""How often a mass cancel may be refused for its pace before orders go by id instead. A guess."""


def after_mass(came: VenueError, *, tries: int, refusals: int, retry: Retry, roll: float) -> Again | Settle | Stop:
    """Decide what follows a mass cancel that brought no usable answer; `Settle` leaves the rest to a listing.

    What may have acted without an answer is looked at before it is sent again: it would also hit what was placed since.

    Args:
        came: Why there is no answer.
        tries: Mass cancels tried so far, this one included, those refused for their pace not.
        refusals: How many were refused for their pace.
        retry: How often, how long.
        roll: In [0, 1), for the spread of the wait.
    """
    end = _end_of_account(came)
    if end is not None:
        return end
    if isinstance(came, ThrottledError):
        return Again(0.0) if refusals < MOST_MASS_REFUSALS or isinstance(came, UnavailableError) else Settle()
    if isinstance(came, TransportError) and not came.sent and tries < retry.cancels:
        return Again(retry.wait_s(tries, roll=roll))
    return Settle()
