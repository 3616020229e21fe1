"""Where keys are kept: looked up by a reference, in the environment, a file, the operating system's keyring, or a vault.

No message shows a key, nor what follows a reference unless that exists: it may be the key itself, put there by mistake. What a
keyring or a vault raises is told by its type alone, and not raised from: its words and its frames may hold the key.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine.config.files import plain_words, read_file
from engine.errors import ConfigError
from engine.secret import Secret

ENVIRONMENT, FILE, KEYRING, VAULT = "env:", "file:", "keyring:", "vault:"
"""What a reference begins with; what follows is the name of a variable, a path, or a name in a keyring or a vault."""

SERVICE = "cancel-engine"
"""The service in the keyring of the operating system under which keys are looked up, unless another one is named."""

Vault = Callable[[str], str | Secret]
"""Is given the name behind `vault:`, and gives back the secret; raises whatever it likes where there is none."""

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)


class Unshown(Mapping[str, str]):
    """An environment whose repr has nothing of it."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where references are looked up.

    Attributes:
        environment: The variables.
        folder: Where a relative path begins.
        service: The service in the keyring.
        vault: The function behind `vault:`, or what names it, `module:function`, which is imported when it is needed; or None.
    """

    environment: Mapping[str, str] = field(repr=False)
    folder: Path = Path()
    service: str = SERVICE
    vault: Vault | str | None = None


def is_variable(text: str) -> bool:
    """Whether this can name an environment variable; a key that was put in its place by mistake seldom can."""
    return _VARIABLE.fullmatch(text) is not None


def is_reference(value: Secret) -> bool:
    """Whether this says where a key is, instead of being one."""
    return value.reveal().startswith((ENVIRONMENT, FILE, KEYRING, VAULT))


def look_up(reference: Secret, places: Places, *, where: str, key: str) -> Secret:
    """The secret that a reference stands for; what is none stands for itself.

    Args:
        reference: Such as `env:NAME`.
        places: Where to look.
        where: Begins every error: whose it is.
        key: What it is looked up for, for the errors.

    Raises:
        ConfigError: it is not there, or others may read it.
    """
    for begins, found in _WAYS.items():
        if reference.reveal().startswith(begins):
            return found(Secret(reference.reveal().removeprefix(begins)), places, where, key)
    return reference


def _in_environment(name: Secret, places: Places, where: str, key: str) -> Secret:
    if not is_variable(name.reveal()):
        raise ConfigError(
            f"{where}: what follows {ENVIRONMENT} in {key} is no name of an environment variable "
            "(capitals, digits and underscores)"
        )
    variable = name.reveal()
    if variable not in places.environment:
        raise ConfigError(f"{where}: the environment variable {variable} is not set")
    return Secret(places.environment[variable])


def _in_file(name: Secret, places: Places, where: str, key: str) -> Secret:
    path = _path(name, places.folder)
    if path is None:
        raise ConfigError(f"{where}: there is no file of the name that follows {FILE} in {key}")
    text, others = read_file(path, f"the {key} of {where}, the file")
    if others:
        raise ConfigError(f"{where}: others may read or change {path}, which holds its {key}; run: chmod 600 {path}")
    return Secret(text.reveal().rstrip("\r\n"))


def _path(name: Secret, folder: Path) -> Path | None:
    """The file of this name, or None where there is none."""
    with suppress(OSError, ValueError, RuntimeError):  # no name of a file, or nobody's home
        path = folder / Path(name.reveal()).expanduser()
        if name.reveal() and path.exists():
            return path
    return None


def _in_keyring(name: Secret, places: Places, where: str, key: str) -> Secret:
    try:
        import keyring  # noqa: PLC0415  # an extra, for those who use it
    except ImportError:
        problem = f"needs a package that is not installed; run: pip install '{SERVICE}[keyring]'"
    else:
        try:
            found = Secret.of(keyring.get_password(places.service, name.reveal()))
        except Exception as error:  # noqa: BLE001  # each of its backends has its own
            problem = f"could not be asked ({type(error).__name__}): unlock it, or set it up, until `keyring get` works"
        else:
            if found.reveal():
                return found
            problem = f"holds nothing of the name that {key} gives; run: keyring set {places.service} NAME"
    raise ConfigError(f"{where}: {key} is in the keyring, which {problem}")


def _in_vault(name: Secret, places: Places, where: str, key: str) -> Secret:
    if places.vault is None:
        raise ConfigError(
            f"{where}: {key} is in a vault, and none is known: set secrets.vault to module:function in the settings file"
        )
    vault = load_vault(places.vault) if isinstance(places.vault, str) else places.vault
    try:
        found = Secret.of(vault(name.reveal()))
    except Exception as error:  # noqa: BLE001  # whatever a foreign function raises
        problem = f"raised {type(error).__name__}; its words are not shown, because they may hold a secret"
    else:
        if found.reveal():
            return found
        problem = "gave back no text"
    raise ConfigError(f"{where}: {key} is in the vault, whose function {problem}")


def load_vault(named: str) -> Vault:
    """The function that `module:function` names. Imports the module, which runs it.

    Raises:
        ConfigError: there is none of that name.
    """
    if not _FUNCTION.fullmatch(named):
        raise ConfigError("secrets.vault must name a function, as module:function")
    module, _, name = named.partition(":")
    try:
        function: Vault | None = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        missing = plain_words(error.name or module)
        problem = f"there is no module {missing}: install it, or name its folder in PYTHONPATH"
    except Exception as error:  # noqa: BLE001  # a module may raise anything while it is imported
        problem = f"importing {module} raised {type(error).__name__}"
    else:
        if callable(function) and not inspect.iscoroutinefunction(function):
            return function
        problem = f"{module} has no function {name} that takes a name and gives back a text"
    raise ConfigError(f"secrets.vault: {problem}")


_WAYS: Mapping[str, Callable[[Secret, Places, str, str], Secret]] = {
    ENVIRONMENT: _in_environment,
    FILE: _in_file,
    KEYRING: _in_keyring,
    VAULT: _in_vault,
}
