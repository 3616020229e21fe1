"""Accounts, settings and keys, from files, the environment and the command line.

Everything wrong with them is one `ConfigError` of one line. A key is looked up here and nowhere else, and no message shows one.
"""

from engine.config.accounts import DEFAULT_NAME, PUBLIC_KEYS, AccountRow, check_name, read_accounts
from engine.config.files import LONGEST_NAME, MOST_BYTES, checked_table, read_table
from engine.config.secrets import Vault, is_variable
from engine.config.settings import Settings, find_settings, read_settings
from engine.config.venues import VENUES, VenueKind, check_venue, open_venue

__all__ = [
    "DEFAULT_NAME",
    "LONGEST_NAME",
    "MOST_BYTES",
    "PUBLIC_KEYS",
    "VENUES",
    "AccountRow",
    "Settings",
    "Vault",
    "VenueKind",
    "check_name",
    "check_venue",
    "checked_table",
    "find_settings",
    "is_variable",
    "open_venue",
    "read_accounts",
    "read_settings",
    "read_table",
]
