"""A write-ahead record of a run: what it takes to go on after a crash, and to say weeks later what was done."""

from engine.journal.journal import Journal, RunLine

__all__ = ["Journal", "RunLine"]
