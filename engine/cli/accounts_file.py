"""Write accounts files: for their owner alone, and never over a file that is there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from engine.errors import ConfigError
from engine.secret import Secret


@contextmanager
def new_private_file(path: Path, *, way_out: str = "remove it or choose another name") -> Iterator[TextIO]:
    """A new file that only its owner can read; gone again if the block fails.

    Args:
        path: Where.
        way_out: What can be done where there is a file already.

    Raises:
        ConfigError: there is a file already, or none can be made there.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConfigError(f"{path} exists already and is not written over; {way_out}") from error
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"cannot write {path}: {words}") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def in_toml(accounts: Sequence[Mapping[str, str | Secret]]) -> str:
    """The accounts as an accounts file has them."""
    return "\n".join("[[account]]\n" + "".join(f"{key} = {_quoted(value)}\n" for key, value in each.items()) for each in accounts)


def _quoted(value: str | Secret) -> str:
    text = value.reveal() if isinstance(value, Secret) else value
    # A text of JSON is one of TOML, too, as long as it is printable and left unescaped otherwise.
    return json.dumps(text, ensure_ascii=False)
