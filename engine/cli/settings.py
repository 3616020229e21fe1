"""The settings of a command: found before its options are read, because they hold where an option is not given.

`--config` and `--set` give a verb settings; `Configured` reads them and the environment, and hands the verb what they say as the
values of its options. A value that has no option is asked of `settings_now()`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from engine.config.schema import FILE_VARIABLE, KEYS, OPTIONS
from engine.config.settings import DEFAULT, Settings, find_settings

Verb = Callable[..., int]

_STORED = "engine.cli.settings"
_BY_ORIGIN = frozenset({"journal.place"})
"""Settings that are asked of `settings_now()` although they have an option: it matters which of the two said so."""

_OPTIONS = (
    click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        expose_value=False,
        help=f"TOML file of settings; {FILE_VARIABLE} if left out. cancel-engine config init writes one.",
    ),
    click.option(
        "--set",
        metavar="SETTING=VALUE",
        multiple=True,
        expose_value=False,
        help="One setting, such as run.deadline_s=30, before the file and the environment.",
        shell_complete=lambda _context, _option, begun: [f"{path}=" for path in KEYS if path.startswith(begun)],
    ),
)


def settings_options(verb: Verb) -> Verb:
    """Give the verb `--config` and `--set`; it has to be `Configured`."""
    for option in reversed(_OPTIONS):
        verb = option(verb)
    return verb


def settings_now() -> Settings:
    """The settings of the running command."""
    found: Settings = click.get_current_context().meta[_STORED]
    return found


def came_from(option: str, context: click.Context) -> str:
    """What an option's value came from: its own name, or the setting and its place."""
    path = OPTIONS[option]
    name = next(each.name for each in context.command.params if option in each.opts)
    if context.get_parameter_source(name or "") is not click.core.ParameterSource.DEFAULT_MAP:
        return option
    return f"{path} ({settings_now().came_from(path)})"


def settings_of(command: click.Command) -> dict[str, str]:
    """The settings that stand for options of a command: their paths, by the names of the parameters."""
    if not isinstance(command, _Configured):
        return {}
    paths = {each.name or "": OPTIONS[option] for each in command.params for option in each.opts if option in OPTIONS}
    return {name: path for name, path in paths.items() if path not in command.without}


class _Configured:
    """What a verb and a group of verbs have in common. A help and a completion need no settings, and read none."""

    without: frozenset[str]
    _takes_faults: bool

    def _configure(self, command: click.Command, context: click.Context, arguments: list[str]) -> None:
        """Read the settings, and make them the values of the options that are not given.

        Raises:
            ConfigError: something is wrong with them.
        """
        given, rest, _ = command.make_parser(context).parse_args(args=list(arguments))
        help_option = command.get_help_option(context)
        if context.resilient_parsing or (help_option is not None and given.get(help_option.name or "")):
            return
        own = given.get("config"), tuple(given.get("set") or ())
        if own != (None, ()) or _STORED not in context.meta:
            named = os.environ.get(FILE_VARIABLE) if own[0] is None else own[0]
            path = None if named is None else Path(str(named))
            context.meta[_STORED] = find_settings(path, environment=os.environ, given=own[1])
        settings: Settings = context.meta[_STORED]
        is_above = isinstance(command, click.Group) and bool(rest)  # the verb below it looks for itself
        if not self._takes_faults and not is_above:
            settings.check()
        context.default_map = self._values(command, settings)

    def _values(self, command: click.Command, settings: Settings) -> dict[str, Any]:
        """What is set, by the name of the option's parameter."""
        found: dict[str, Any] = {}
        paths = settings_of(command)
        for option in command.params:
            path = paths.get(option.name or "")
            if path is not None and path not in _BY_ORIGIN and settings.values[path].source != DEFAULT:
                # An option such as --no-journal says the opposite of its setting.
                found[option.name or ""] = not settings[path] if option.opts[0].startswith("--no-") else settings[path]
        return found


class Configured(_Configured, click.Command):
    """A verb with settings.

    Args:
        without: Paths of settings that say nothing to this verb, although it has their option.
        takes_faults: Whether the verb itself looks at what is wrong with the settings.
    """

    def __init__(self, *arguments: Any, without: tuple[str, ...] = (), takes_faults: bool = False, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.without = frozenset(without)
        self._takes_faults = takes_faults

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See `click.Command.parse_args`."""
        self._configure(self, ctx, args)
        return super().parse_args(ctx, args)


class ConfiguredGroup(_Configured, click.Group):
    """A verb with settings and with verbs below it, which have the same unless they are given their own."""

    without = frozenset[str]()
    _takes_faults = False

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See `click.Command.parse_args`."""
        self._configure(self, ctx, args)
        return super().parse_args(ctx, args)
