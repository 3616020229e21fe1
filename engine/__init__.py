"""Takes resting orders off prediction-market order books, as fast as the venue allows, and reports the fate of every one.

The nouns are imported with the package; what waits, and needs an event loop, when it is first asked for.
"""

from typing import TYPE_CHECKING

from engine.core.measures import CurvePoint, Percentiles
from engine.core.order import OpenOrder, OrderState, Side
from engine.core.outcome import OrderResult, Outcome
from engine.core.plan import AccountPlan, Plan, Tactic
from engine.core.priority import largest, oldest
from engine.core.quota import Allowance, Bucket, Kind, Limits, Tier, Tokens, Window
from engine.core.reasons import Reason
from engine.core.report import RunReport
from engine.core.request import Account, Belongs, Scope
from engine.core.retry import Retry
from engine.core.summary import CancelSummary, Fault, Outage
from engine.core.troubles import Trouble
from engine.errors import (
    ConfigError,
    CredentialError,
    EngineError,
    JournalError,
    ThrottledError,
    TransportError,
    UnavailableError,
    VenueError,
    WireError,
)
from engine.events import Event
from engine.secret import Secret

if TYPE_CHECKING:
    from engine.journal import Journal, RunLine
    from engine.progress import Progress
    from engine.run import CancelEngine
    from engine.streaming import ResultStream
else:

    def __getattr__(name: str) -> object:
        """What is not there yet, imported now. A caller sees no difference but in the time that `import engine` takes."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from engine.journal import Journal, RunLine  # noqa: PLC0415  # see the top of the file
        from engine.progress import Progress  # noqa: PLC0415
        from engine.run import CancelEngine  # noqa: PLC0415
        from engine.streaming import ResultStream  # noqa: PLC0415

        verbs = (CancelEngine, Journal, Progress, ResultStream, RunLine)
        globals().update({verb.__name__: verb for verb in verbs})
        return globals()[name]

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "Account",
    "AccountPlan",
    "Allowance",
    "Belongs",
    "Bucket",
    "CancelEngine",
    "CancelSummary",
    "ConfigError",
    "CredentialError",
    "CurvePoint",
    "EngineError",
    "Event",
    "Fault",
    "Journal",
    "JournalError",
    "Kind",
    "Limits",
    "OpenOrder",
    "OrderResult",
    "OrderState",
    "Outage",
    "Outcome",
    "Percentiles",
    "Plan",
    "Progress",
    "Reason",
    "ResultStream",
    "Retry",
    "RunLine",
    "RunReport",
    "Scope",
    "Secret",
    "Side",
    "Tactic",
    "ThrottledError",
    "Tier",
    "Tokens",
    "TransportError",
    "Trouble",
    "UnavailableError",
    "VenueError",
    "Window",
    "WireError",
    "largest",
    "oldest",
]
