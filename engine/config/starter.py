"""A file of settings to begin with: every setting explained and switched off, so that what holds without it still holds."""

from __future__ import annotations

import textwrap

from engine.config.schema import FILE_VARIABLE, SECTIONS, variable_of
from engine.config.settings import in_toml
from engine.config.venues import Key

WIDTH = 100
"""Most columns of a comment."""

_TOP = f"""\
Settings of cancel-engine. Use them with --config FILE, or name this file in the environment variable {FILE_VARIABLE}.

Nothing is set yet: each line that begins with "# " and a name shows what holds without it, or, where it says so, an example.
Take the "# " away, and change the value. What the environment says goes before this file, and the command line before both.
`cancel-engine config show` prints what holds and where it came from, `cancel-engine config check` what is wrong.
"""


def starter() -> str:
    """The file. All of it is comments and headers of tables; with every "# " before a name taken away it is valid, too."""
    parts = [_commented(_TOP)]
    for section, each in SECTIONS.items():
        parts.append(f"\n# {'-' * (WIDTH - 2)}\n{_commented(each.says)}[{section}]\n")
        parts += [_setting(section, name, key) for name, key in each.keys.items()]
    return "".join(parts)


def shown_value(key: Key) -> str:
    """What stands behind the sign of equality: the default, or else an example."""
    return in_toml(key.example if key.default is None else key.default)


def _setting(section: str, name: str, key: Key) -> str:
    ways = ", ".join([variable_of(f"{section}.{name}"), *([key.option] if key.option else [])])
    example = f" If left out: {key.unset}; the value here is an example." if key.default is None else ""
    comment = _commented(f"{key.says}{example} Or: {ways}.")
    return f"\n{comment}# {name} = {shown_value(key)}\n"


def _commented(words: str) -> str:
    """The words as comments; two signs in, so that no line of them looks like a setting."""
    lines = [line for part in words.rstrip("\n").split("\n") for line in textwrap.wrap(part, WIDTH - 3) or [""]]
    return "".join(f"#  {line}".rstrip() + "\n" for line in lines)
