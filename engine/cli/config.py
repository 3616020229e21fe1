"""`cancel-engine config`: the settings that hold and where each came from, what is wrong with them, and a file to begin with."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import click

from engine.cli.accounts import json_option
from engine.cli.accounts_file import new_private_file
from engine.cli.output import CLEAN, UNUSABLE, clean, counted, print_json, print_sentence, stdout_console
from engine.cli.running import print_verdict
from engine.cli.settings import Configured, settings_now, settings_options
from engine.config import read_accounts
from engine.config.schema import FILE_VARIABLE, KEYS, SECTIONS, variable_of
from engine.config.secrets import load_vault
from engine.config.settings import DEFAULT, Settings, in_toml
from engine.config.starter import starter
from engine.errors import ConfigError
from engine.secret import Secret

DEFAULT_FILE = Path("cancel-engine.toml")


@click.group("config", short_help="Show the settings that hold, check them, or write a file of them.")
def config() -> None:
    """Show the settings that hold, check them, or write a file of them.

    Defaults come first, then the file that --config or CANCEL_ENGINE_CONFIG names, then environment variables such as
    CANCEL_ENGINE_RUN_DEADLINE_S, then the command line; what comes later goes before what comes earlier.

    \b
    Examples:
      cancel-engine config init
      cancel-engine config check --config cancel-engine.toml
      cancel-engine config show --config cancel-engine.toml
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart


@config.command("show", cls=Configured, short_help="Print every setting, and where it came from.")
@settings_options
@json_option
def show(*, as_json: bool) -> int:
    """Print every setting with its value, and where it came from, as a file would have it. What may hold a password is not shown.

    \b
    Examples:
      cancel-engine config show
      cancel-engine config show --config cancel-engine.toml --set run.deadline_s=30
      cancel-engine config show --json
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    settings = settings_now()
    if as_json:
        print_json({"file": None if settings.file is None else str(settings.file), "settings": _documents(settings)})
        return CLEAN
    for section, each in SECTIONS.items():
        lines = [_line(settings, section, name) for name in each.keys]
        widest = max(len(line) for line, _ in lines)
        click.echo("\n".join([f"[{section}]", *(f"{line.ljust(widest)}  # {where}" for line, where in lines), ""]))
    return CLEAN


def _documents(settings: Settings) -> dict[str, object]:
    return {
        path: {"value": each.shown, "source": each.source, "where": each.where, "variable": variable_of(path)}
        for path, each in settings.values.items()
    }


def _line(settings: Settings, section: str, name: str) -> tuple[str, str]:
    """A line of a file, which says nothing where nothing is set or shown; and where the value came from."""
    path = f"{section}.{name}"
    value = settings.values[path]
    where = clean(value.where)
    if value.value is None:
        return f"# {name}: {KEYS[path].unset}", where
    line = clean(f"{name} = {in_toml(value.shown)}")
    return (f"# {line}" if isinstance(value.value, Secret) else line), where


@config.command("check", cls=Configured, takes_faults=True, short_help="Name everything that is wrong with the settings.")
@settings_options
@json_option
def check(*, as_json: bool) -> int:
    """Name everything that is wrong with the settings, and what to do. Sends nothing.

    Where settings name an accounts file, it is read as a run would read it, with every key that it refers to; the function of a
    vault is imported. Exit code 0 says that nothing is wrong, 2 that something is.

    \b
    Examples:
      cancel-engine config check
      cancel-engine config check --config cancel-engine.toml
      cancel-engine config check --config cancel-engine.toml --json
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    settings = settings_now()
    faults = [*settings.faults, *_deeper(settings)]
    file = "no file" if settings.file is None else f"{settings.file}"
    if as_json:
        print_json({"file": None if settings.file is None else str(settings.file), "faults": faults, "is_clean": not faults})
        return UNUSABLE if faults else CLEAN
    for fault in faults:
        print_sentence(stdout_console(), f"- {fault}")
    set_here = sum(each.source != DEFAULT for each in settings.values.values())
    words = f"{counted(len(faults), 'thing')} to mend" if faults else f"Nothing is wrong: {counted(set_here, 'setting')} in all"
    print_verdict(f"{words} ({file}, the environment and the command line).", is_clean=not faults)
    return UNUSABLE if faults else CLEAN


def _deeper(settings: Settings) -> list[str]:
    """What is found by trying it: the vault's function, and the accounts with their keys."""
    faults = []
    vault, accounts = settings["secrets.vault"], settings["accounts.file"]
    try:
        if vault is not None:
            load_vault(vault)
        if accounts is not None:
            read_accounts(
                Path(accounts), environment=os.environ, keyring_service=settings["secrets.keyring_service"], vault=vault
            )
    except ConfigError as error:
        faults.append(str(error))
    return faults


@config.command("init", short_help="Write a file of settings to begin with.")
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_FILE)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(*, file: Path, force: bool) -> int:
    """Write a file with every setting explained and none set, for its owner alone; cancel-engine.toml if FILE is left out.

    \b
    Examples:
      cancel-engine config init
      cancel-engine config init settings.toml --force
    """  # noqa: D301  # click reads this \b, which keeps the lines below it apart
    if force:
        _write_over(file, starter())
    else:
        with new_private_file(file, way_out="--force writes over it") as made:
            made.write(starter())
    words = f"Written: {file}, with every setting explained and none set. Use it with --config {file}, or set {FILE_VARIABLE}."
    print_sentence(stdout_console(), words)
    return CLEAN


def _write_over(path: Path, text: str) -> None:
    """Put a file in the place of another, whole or not at all, for its owner alone.

    Raises:
        ConfigError: it cannot be written there.
    """
    try:
        handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(unfinished).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(unfinished).unlink()
            raise
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"cannot write {path}: {words}") from error
