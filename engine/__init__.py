"""Takes resting orders off prediction-market order books, as fast as the venue allows, and reports the fate of every one."""

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
from engine.journal import Journal, RunLine
from engine.progress import Progress
from engine.run import CancelEngine
from engine.secret import Secret
from engine.streaming import ResultStream

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
