"""Text that must not be shown, and how it is taken out of what a venue says.

1. A `Secret` shows its text to nobody but who calls `reveal()`. Nothing keeps what that returns in a variable where an error can
   be raised: a traceback that prints variables would show it.
2. Secrets stay `Secret` up to the transport, also in the headers of a request: a signature is found by its type like a key.
3. What a venue says is rid of them before anybody reads it.

None of this keeps out code of the same process that wants to know: a debugger reads all of its memory.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from typing import NoReturn, Self, SupportsIndex, final
from urllib.parse import quote, quote_plus, unquote_to_bytes

from engine.errors import ConfigError

SHOWN = "***"
"""What stands where a secret stood."""

SHORTEST_MASKED = 6
"""A shorter secret is not searched for in answers: it would be found in ordinary words. A guess; a key has 32 signs or more."""

_ESCAPED = re.compile(rb"\\(?:/|u00([2-7][0-9a-fA-F]))")


class _Unwritten:
    """What no pickle may hold, and what is the same in every copy."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is not pickled: it would be written in the clear; hand over where it is kept")

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        self.__getstate__()


@final
class Secret(_Unwritten):
    """A key, a passphrase or the like: shown as `***`, whatever it is printed with, unless `reveal()` is called.

    It cannot be pickled or dumped as JSON; a copy of it is itself. Two of the same text are equal, found out in a time that does
    not depend on where they differ; a secret is never equal to plain text. Its hash is that of its text, which Python keys at
    random for every process unless PYTHONHASHSEED says otherwise: equal keys share their limits, and the hash is shown nowhere.

    Args:
        text: The text itself, or another secret, which is taken over.

    Raises:
        ConfigError: it is no text.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str | Secret) -> None:
        if isinstance(text, Secret):
            text = text.reveal()
        if not isinstance(text, str):
            kind = type(text).__name__
            del text  # it may well be one
            raise ConfigError(f"a secret must be text, not {kind}")
        self._text = text

    @classmethod
    def of(cls, value: object) -> Secret:
        """The secret; a blank one for what is no text. For those who refuse a blank one, in words of their own."""
        return cls(value) if isinstance(value, str | Secret) else cls("")

    def reveal(self) -> str:
        """The text itself: the one way out."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({SHOWN})"

    def __str__(self) -> str:
        return SHOWN

    def __format__(self, spec: str) -> str:
        return SHOWN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_encoded(self), _encoded(other))

    def __hash__(self) -> int:
        return hash((Secret, self._text))


def fingerprint(secrets: Iterable[Secret], salt: str) -> str:
    """Tells whether these are the same secrets as once before, and nothing else: a keyed hash of them, in their order."""
    told = hashlib.blake2b(key=salt.encode()[:64], digest_size=12)
    for secret in secrets:
        told.update(hashlib.sha256(_encoded(secret)).digest())
    return told.hexdigest()


@final
class Mask(_Unwritten):
    """Puts `***` where one of these secrets stands in what others say.

    Found as they are and in capitals or lower case; escaped for a URL or for JSON, as a whole or sign by sign; in hex; and in
    base64 of either alphabet, also in the middle of something longer. Not found: a part of a secret, one that is shorter than
    `SHORTEST_MASKED`, and one that has been put through two of these after each other, or through anything else.
    """

    __slots__ = ("_exact", "_needles")

    def __init__(self, secrets: Iterable[Secret]) -> None:
        long = [secret for secret in secrets if len(secret.reveal()) >= SHORTEST_MASKED]
        self._exact = tuple(_encoded(secret) for secret in long)
        writings = {writing.lower() for secret in long for writing in _writings(secret)}
        # The longest first: what is left of one, after another that it holds was taken out, would still be seen.
        self._needles = tuple(sorted(writings, key=lambda each: (-len(each), each)))

    def hide_in(self, data: bytes) -> bytes:
        """The data without the secrets; the same object where there is none in it."""
        data = self._hide_plain(data)
        for sign, plainer in ((b"\\", _without_escapes), (b"%", unquote_to_bytes)):
            if sign in data:
                plain = plainer(data)
                masked = self._hide_plain(plain)
                data = data if masked is plain else masked
        return data

    def hide_in_text(self, text: str) -> str:
        """The text without the secrets."""
        data = text.encode("utf-8", "surrogatepass")
        masked = self.hide_in(data)
        return text if masked is data else masked.decode("utf-8", "replace")

    def _hide_plain(self, data: bytes) -> bytes:
        for exact in self._exact:  # quick, and some answers repeat the key in every row
            data = data.replace(exact, SHOWN.encode())
        lower = data.lower()
        found = [needle for needle in self._needles if needle in lower]
        if not found:
            return data
        return re.sub(b"|".join(map(re.escape, found)), SHOWN.encode(), data, flags=re.IGNORECASE)


def hide_in_error(error: Exception, secrets: Mask) -> None:
    """Take the secrets out of what an error says. If there are any, what it was raised from is cut off: it may say the same."""
    said = str(error)
    shown = secrets.hide_in_text(said)
    if shown is not said:
        error.args = (shown,)
        error.__cause__ = error.__context__ = None


def _encoded(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogatepass")


def _writings(secret: Secret) -> Iterable[bytes]:
    """The ways in which a secret is likely to be repeated."""
    data = _encoded(secret)
    text = data.decode("utf-8", "replace")
    yield data
    yield data.hex().encode()
    for escaped in (quote(text), quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1]):
        yield escaped.encode()
    for before in range(3):
        # What stands in front shifts the secret against the groups of three; signs that its neighbours share in are left out.
        code = base64.b64encode(b"\0" * before + data)
        inner = code[(0, 2, 3)[before] : len(code) - (0, 3, 2)[(before + len(data)) % 3]]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


def _without_escapes(data: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: b"/" if found[1] is None else bytes.fromhex(found[1].decode()), data)
