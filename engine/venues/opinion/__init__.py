"""The venue Opinion (opinion.trade), in builder mode or with a user's own key."""

from engine.venues.opinion.limits import BUILDER, PUBLISHED, UNLIMITED
from engine.venues.opinion.venue import Opinion, OpinionKey

__all__ = ["BUILDER", "PUBLISHED", "UNLIMITED", "Opinion", "OpinionKey"]
