"""Takes resting orders off prediction-market order books, as fast as the venue allows, and reports the fate of every one."""

from engine.core.order import OpenOrder, OrderState, Side
from engine.core.outcome import OrderResult, Outcome
from engine.core.plan import AccountPlan, Plan, Tactic
from engine.core.priority import largest, oldest
from engine.core.quota import Allowance, Bucket, Kind, Limits, Tier, Tokens, Window
from engine.core.report import Outage, RunReport
from engine.core.request import Account, Belongs, Scope
from engine.core.retry import Retry
from engine.core.summary import CancelSummary, Fault
from engine.errors import (
    ConfigError,
    CredentialError,
    EngineError,
    ThrottledError,
    TransportError,
    UnavailableError,
    VenueError,
    WireError,
)
from engine.progress import Progress
from engine.run import CancelEngine

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
    "EngineError",
    "Fault",
    "Kind",
    "Limits",
    "OpenOrder",
    "OrderResult",
    "OrderState",
    "Outage",
    "Outcome",
    "Plan",
    "Progress",
    "Retry",
    "RunReport",
    "Scope",
    "Side",
    "Tactic",
    "ThrottledError",
    "Tier",
    "Tokens",
    "TransportError",
    "UnavailableError",
    "VenueError",
    "Window",
    "WireError",
    "largest",
    "oldest",
]
