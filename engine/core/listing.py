"""A listing of open orders, and whether it can be believed. Promise 6 begins here.

A walk is complete only if it ended where the venue says that there is no further page, every row could be read, and the venue's
total, where it gives one, stayed the same and equals the orders seen. Anything else has a `problem`.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.order import OpenOrder

MOST_PAGES = 10_000
"""A walk longer than this is given up as endless: at 20 rows a page, 200,000 orders of one account. A guess."""

MOST_WALKS = 4
"""How often in a row a walk is begun anew because the last one could not be believed. A guess."""

MOST_EMPTY_PAGES = 3
"""Empty pages in a row that name a further one, after which the listing is not believed. A guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a listing.

    Attributes:
        orders: Its readable rows, in the venue's order.
        unreadable: Rows that name no order id or are no rows at all.
        total: The venue's count of the whole listing, or None.
        next: Cursor of the page behind, or None where the venue marks the end.
    """

    orders: tuple[OpenOrder, ...] = ()
    unreadable: int = 0
    total: int | None = None
    next: str | None = None

    @property
    def rows(self) -> int:
        """All rows, readable or not."""
        return len(self.orders) + self.unreadable


class Walk:
    """One reading of a listing from its first page to its end, page after page."""

    def __init__(self, first: str) -> None:
        self.cursor: str | None = first
        self.seen: set[str] = set()
        self.problem: str | None = None
        self._unreadable = 0
        self._cursors = {first}
        self._pages = 0
        self._empty_pages = 0
        self._pages_with_rows = 0
        self._totals: set[int] = set()
        self._total: int | None = None

    @property
    def is_finished(self) -> bool:
        """Whether there is no further page to read."""
        return self.cursor is None

    @property
    def is_one_look(self) -> bool:
        """Whether all of its orders came on one page, so that nothing could move between two."""
        return self._pages_with_rows <= 1

    def add(self, page: Page) -> list[OpenOrder]:
        """Take the page at `cursor`; give back its orders that this walk had not seen."""
        self._pages += 1
        self._pages_with_rows += page.rows > 0
        self._unreadable += page.unreadable
        fresh = [order for order in page.orders if order.order_id not in self.seen]
        self.seen.update(order.order_id for order in fresh)
        # An empty page behind the last one need not repeat the total; only the first may be empty and still count.
        if page.total is not None and (page.rows or self._pages == 1):
            self._total = page.total
            self._totals.add(page.total)
        self._empty_pages = 0 if page.rows else self._empty_pages + 1
        if page.next is None:
            self._end()
        elif self._empty_pages > MOST_EMPTY_PAGES:
            self._end(f"the listing names a further page and shows nothing on {self._empty_pages} in a row")
        elif page.rows and not fresh and not page.unreadable:
            self._end(f"page {self._pages} of the listing only repeats orders of earlier pages")
        elif page.next in self._cursors or self._pages >= MOST_PAGES:
            self._end(f"the listing does not come to an end (page {self._pages})")
        else:
            self._cursors.add(page.next)
            self.cursor = page.next
        return fresh

    def _end(self, problem: str | None = None) -> None:
        self.cursor = None
        counted = len(self.seen) + self._unreadable
        if problem is not None:
            self.problem = problem
        elif self._unreadable:
            self.problem = f"{self._unreadable} of {counted} listed rows could not be read"
        elif len(self._totals) > 1:
            self.problem = "the listing moved while it was read"
        elif self._total is not None and self._total != counted:
            self.problem = f"the venue counts {self._total} open orders and lists {counted}"
