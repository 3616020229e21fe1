"""The page that a person reads: a report as one HTML file that needs no other. Knows the core alone; Jinja2 is loaded here."""

from engine.page.page import page_of

__all__ = ["page_of"]
