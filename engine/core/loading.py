"""Load a report that was written down, and refuse anything that is not one.

What follows from the results (counts, percentiles, the curve) is worked out anew; where the document's own sums contradict its
results it has been changed since, and is not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, TypeVar

from engine.core.order import OpenOrder, OrderState, Side
from engine.core.outcome import OrderResult, Outcome
from engine.core.plan import Expected
from engine.core.report import SCHEMA, RunReport
from engine.core.request import Belongs, counted_by
from engine.core.summary import CancelSummary, Fault, Outage
from engine.errors import LONGEST_SHOWN, ConfigError, shown

MOST_SECONDS = 1e12
"""Most seconds of anything, Unix time included. A guess: thirty thousand years."""

MOST_DIGITS = 40
"""Most digits before or behind the point of a price or size; venues' wires believe no more, and sums of more overflow."""

MOST_COUNTED = 10**18
"""A number from here on is no count. A guess: other programs read no larger ones."""

LARGEST_CODE = 10**256
"""A number from here on is no venue's code: it could not be written everywhere."""

LONGEST_AMOUNT = 100
"""Most characters of a price or size. A guess: venues' wires believe 80, and an exponent may be written out."""

LONGEST_WORDS = 200
"""Most characters that say why a value is refused: it may be hostile. A guess."""

T = TypeVar("T")
E = TypeVar("E", bound=Enum)


def report_from_dict(document: object) -> RunReport:
    """The report that `to_dict` wrote.

    Raises:
        ConfigError: it is none, naming the place where it is not.
    """
    fields = _Fields(document, "report")
    schema = fields.of("schema", _text)
    if schema != SCHEMA:
        raise ConfigError(f"report.schema: {shown(schema)} cannot be read here, only {SCHEMA!r}")
    accounts = _Fields(fields.raw("accounts"), "report.accounts")
    report = RunReport(
        run_id=fields.of("run_id", _text),
        accounts={name: _summary(accounts.inner(name), name) for name in accounts},
        started_at=fields.maybe("started_at", _number),
        stop=fields.maybe("stop", _text),
        outages=tuple(_outage(each) for each in fields.each("outages")),
        elapsed_s=fields.of("elapsed_s", _number),
        # Documents that were written before there were journals do not have these.
        **{name: fields.maybe(name, _text) for name in ("reason", "requested_by", "unrecorded") if name in fields},
    )
    _check_sums(fields, report)
    return report


def _summary(fields: _Fields, name: str) -> CancelSummary:
    if fields.of("account", _text) != name:
        raise ConfigError(f"{fields.where}.account: is not the name that it stands under")
    left = _Fields(fields.raw("left_orders"), f"{fields.where}.left_orders")
    summary = CancelSummary(
        account=name,
        venue=fields.of("venue", _text),
        results=[_result(each, index, name) for index, each in enumerate(fields.each("results"))],
        listing_complete=fields.of("listing_complete", _flag),
        listing_error=fields.maybe("listing_error", _text),
        verified=fields.maybe("verified", _flag),
        fault=fields.maybe("fault", _text),
        fault_code=fields.maybe("fault_code", _word_of(Fault)),
        is_finished=fields.of("is_finished", _flag),
        left={order_id: left.of(order_id, _word_of(Belongs)) for order_id in left},
        is_uncounted=fields.of("is_uncounted", _flag),
        locked_out_s=fields.of("locked_out_s", _number),
        requests=fields.of("requests", _count),
        waited_s=fields.of("waited_s", _number),
        wire_s=fields.of("wire_s", _number),
        elapsed_s=fields.of("elapsed_s", _number),
        # As above.
        unrecorded=fields.maybe("unrecorded", _text) if "unrecorded" in fields else None,
        expected=_expected(fields.inner("expected")) if "expected" in fields and fields.raw("expected") is not None else None,
    )
    _check_sums(fields, summary)
    return summary


def _result(fields: _Fields, index: int, account: str) -> OrderResult:
    result = OrderResult(
        index=fields.of("index", _count),
        account=fields.of("account", _text),
        order_id=fields.of("order_id", _text),
        outcome=fields.of("outcome", _word_of(Outcome)),
        code=fields.maybe("code", _code),
        error=fields.maybe("error", _text) if "error" in fields else None,
        result=fields.raw("result") if "result" in fields else None,
        attempts=fields.of("attempts", _count),
        sent_s=fields.maybe("sent_s", _number),
        settled_s=fields.maybe("settled_s", _number),
        order=None if fields.raw("order") is None else _order(fields.inner("order")),
    )
    if (result.index, result.account, result.success) != (index, account, fields.of("success", _flag)):
        raise ConfigError(f"{fields.where}: its index, account and success are not those of its place and outcome")
    return result


def _order(fields: _Fields) -> OpenOrder:
    return OpenOrder(
        order_id=fields.of("order_id", _text),
        state=fields.of("state", _word_of(OrderState)),
        side=fields.maybe("side", _word_of(Side)),
        market=fields.maybe("market", _text),
        group=fields.maybe("group", _text),
        asset=fields.maybe("asset", _text),
        price=fields.maybe("price", _decimal),
        size=fields.maybe("size", _decimal),
        filled=fields.maybe("filled", _decimal),
        created_at_ms=fields.maybe("created_at_ms", _count),
    )


def _expected(fields: _Fields) -> Expected:
    return Expected(
        requests=fields.of("requests", _count),
        least_s=fields.of("least_s", _number),
        per_s=fields.maybe("per_s", _number),
        burst=fields.of("burst", _count),
        shared_per_s=fields.maybe("shared_per_s", _number),
    )


def _outage(fields: _Fields) -> Outage:
    return Outage(
        venue=fields.of("venue", _text),
        began_s=fields.of("began_s", _number),
        ended_s=fields.maybe("ended_s", _number),
        text=fields.of("text", _text),
        probes=fields.of("probes", _count),
    )


def _check_sums(fields: _Fields, whole: RunReport | CancelSummary) -> None:
    counts = {
        "total_orders": whole.total,
        "total": whole.total,
        "cancelled": whole.cancelled,
        "failed": whole.failed,
        "at_risk": whole.at_risk,
    }
    for name, sum_of in counts.items():
        _check(fields, name, fields.of(name, _count), sum_of)
    left = whole.left if isinstance(whole, RunReport) else counted_by(whole.left.values())
    _check(fields, "by_outcome", fields.raw("by_outcome"), {outcome.value: count for outcome, count in whole.by_outcome.items()})
    _check(fields, "left", fields.raw("left"), {reason.value: count for reason, count in left.items()})
    _check(fields, "listing_complete", fields.of("listing_complete", _flag), whole.listing_complete)


def _check(fields: _Fields, name: str, said: object, told: object) -> None:
    if said != told:
        raise ConfigError(f"{fields.where}.{name}: says {shown(said)}, and the results come to {shown(told)}")


class _Fields:
    """The fields of one object of the document, and where it stands."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: must be an object, not {type(value).__name__}")
        self.where = where
        self._values = value

    def __iter__(self) -> Iterator[str]:
        for name in self._values:
            if not isinstance(name, str):
                raise ConfigError(f"{self.where}: must have texts for names, not {shown(name)}")
            yield name

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def raw(self, name: str) -> Any:
        """The value as it stands."""
        if name not in self._values:
            raise ConfigError(f"{self._place(name)}: is missing")
        return self._values[name]

    def of(self, name: str, read: Callable[[object], T]) -> T:
        """The value, read."""
        try:
            return read(self.raw(name))
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{self._place(name)}: {str(error)[:LONGEST_WORDS]}") from error

    def maybe(self, name: str, read: Callable[[object], T]) -> T | None:
        """The same, where null stands for nothing."""
        return None if self.raw(name) is None else self.of(name, read)

    def inner(self, name: str) -> _Fields:
        """The fields of an object within."""
        return _Fields(self.raw(name), self._place(name))

    def each(self, name: str) -> Iterator[_Fields]:
        """The fields of every object in a list within."""
        values = self.raw(name)
        if not isinstance(values, list):
            raise ConfigError(f"{self._place(name)}: must be a list, not {type(values).__name__}")
        return (_Fields(value, f"{self._place(name)}[{index}]") for index, value in enumerate(values))

    def _place(self, name: str) -> str:
        """Where a field stands. The names of accounts and orders are the document's own: what is long or odd is quoted."""
        return f"{self.where}.{name if name.isprintable() and len(name) <= LONGEST_SHOWN else shown(name)}"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"must be text, not {shown(value)}")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"must be true or false, not {shown(value)}")
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MOST_COUNTED:
        raise TypeError(f"must be a whole number of at least 0, not {shown(value)}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -MOST_SECONDS <= value <= MOST_SECONDS:
        raise TypeError(f"must be a number of seconds, not {shown(value)}")
    return value


def _code(value: object) -> int | str:
    if isinstance(value, bool) or not (isinstance(value, str) or (isinstance(value, int) and abs(value) < LARGEST_CODE)):
        raise TypeError(f"must be a number or text, not {shown(value)}")
    return value


def _decimal(value: object) -> Decimal:
    try:
        number = Decimal(_text(value))
    except InvalidOperation as error:
        raise ValueError(f"must be a decimal number as text, not {shown(value)}") from error
    if not number.is_finite() or abs(number.adjusted()) > MOST_DIGITS or len(str(number)) > LONGEST_AMOUNT:
        raise ValueError(f"must be an amount that can be added up, not {shown(value)}")
    return number


def _word_of(kind: type[E]) -> Callable[[object], E]:
    def read(value: object) -> E:
        return kind(_text(value))

    return read
