"""The type that holds keys: nothing shows one but `reveal()`, and nothing that a venue repeats gets past the mask."""

import base64
import copy
import dataclasses
import json
import logging
import pickle
import traceback
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from engine import Account, ConfigError, Secret
from engine.secret import SHORTEST_MASKED, Mask, hide_in_error
from engine.venues.base import HttpAnswer, HttpRequest
from engine.venues.opinion import OpinionKey
from engine.venues.polymarket import PolymarketKey

TEXT = "7e11-N0b0dy/of+th1s=="
ADDRESS = "0x" + "ab" * 20
HOLDERS = {
    "itself": lambda secret: secret,
    "a key of Opinion": OpinionKey,
    "a key of Polymarket": lambda secret: PolymarketKey(ADDRESS, secret, secret.reveal().replace("-", ""), secret),
    "an account": lambda secret: Account("alice", OpinionKey(secret)),
    "a request": lambda secret: HttpRequest(method="GET", url="https://venue.test/", headers={"apikey": secret}),
    "headers": lambda secret: {"apikey": secret},
}
WAYS = {
    "repr": repr,
    "str": str,
    "f-string": lambda held: f"{held} {held!r} {held!s}",
    "format": lambda held: "{} {!r}".format(held, held),  # noqa: UP032
    "percent": lambda held: "%s %r" % (held, held),  # noqa: UP031
    "join": lambda held: ", ".join(map(str, [held])),
    "rich": pretty_repr,
    "json by default": lambda held: json.dumps({"held": held}, default=str),
    "log": lambda held: logging.makeLogRecord({"msg": "%s", "args": ([held],)}).getMessage(),
    "error": lambda held: repr(ValueError(held)),
    "copies": lambda held: repr([copy.copy(held), copy.deepcopy(held)]),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_nothing_that_prints_shows_it(hold, way):
    """However it is printed, by itself or in what holds it, the text is not there."""
    shown = way(hold(Secret(TEXT)))

    assert not [part for part in ("7e11", "N0b0dy", "th1s") if part in shown]


@pytest.mark.parametrize("spec", ["", "s", ">40", "x", "!"])
def test_any_format_gives_stars(spec):
    """A width or a kind of format makes no difference."""
    assert "***" == format(Secret(TEXT), spec)


def test_there_is_one_way_out():
    """`reveal()` gives the text; nothing else that one would call does."""
    secret = Secret(TEXT)

    assert TEXT == secret.reveal() == Secret(secret).reveal()
    assert not hasattr(secret, "__dict__")
    for ask in (vars, len, list, bytes, dict, json.dumps, dataclasses.asdict):
        with pytest.raises(TypeError) as error:
            ask(secret)
        assert "7e11" not in str(error.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("hold", [*HOLDERS.values(), lambda secret: Mask([secret])], ids=[*HOLDERS, "a mask"])
def test_no_pickle_holds_it(hold, protocol):
    """Neither it nor what holds it can be pickled, and the error says why."""
    with pytest.raises(TypeError, match="is not pickled: it would be written in the clear"):
        pickle.dumps(hold(Secret(TEXT)), protocol)


def test_a_copy_is_itself():
    """Copies, shallow or deep, hold no second text; parts taken out of an account are still hidden."""
    secret = Secret(TEXT)
    parts = dataclasses.asdict(Account("alice", OpinionKey(secret)))

    assert secret is copy.copy(secret) is copy.deepcopy(secret)
    assert {"name": "alice", "credentials": {"api_key": secret}, "venue": None, "weight": 1.0} == parts
    assert "7e11" not in str(parts)


def test_it_equals_another_of_the_same_text_and_no_plain_text():
    """Equal texts are equal secrets, with equal hashes; a text is never equal to one, on either side."""
    assert (Secret("a"), hash(Secret("a"))) == (Secret("a"), hash(Secret("a")))
    assert Secret("a") != Secret("b")
    assert Secret("ключ\udcff") == Secret("ключ\udcff")
    assert not [True for each in ("a", b"a", None, hash(Secret("a"))) if Secret("a") == each or each == Secret("a")]
    assert OpinionKey("a-key") == OpinionKey(Secret("a-key")) != OpinionKey("b-key")


@pytest.mark.parametrize("value", [None, 5, b"7e11", ["7e11"], object()], ids=repr)
def test_only_text_can_be_one(value):
    """What is no text is a ConfigError that does not repeat it; who asks leniently gets a blank one."""
    with pytest.raises(ConfigError, match="must be text") as error:
        Secret(value)

    assert "7e11" not in "".join(
        traceback.TracebackException.from_exception(error.value.with_traceback(error.tb.tb_next), capture_locals=True).format()
    )
    assert Secret("") == Secret.of(value)


# --- the mask

TWICE = {
    "as it is": str,
    "in capitals": str.upper,
    "in lower case": str.lower,
    "for a URL": quote,
    "for a part of a path": lambda text: quote(text, safe=""),
    "for a URL, sign by sign": lambda text: "".join(f"%{ord(sign):02x}" for sign in text),
    "for JSON, sign by sign": lambda text: "".join(f"\\u{ord(sign):04X}" for sign in text),
    "for JSON, with slashes escaped": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "in hex": lambda text: text.encode().hex(),
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64, one on": lambda text: base64.b64encode(f"a{text}bc".encode()).decode(),
    "in base64, two on": lambda text: base64.urlsafe_b64encode(f"?>{text}, and more".encode()).decode(),
    "in base64, far on": lambda text: base64.urlsafe_b64encode(f"apikey: {text}\r\n".encode()).decode().rstrip("="),
}


@pytest.mark.parametrize("write", TWICE.values(), ids=TWICE)
@pytest.mark.parametrize("text", [TEXT, "00000000-aaaa-4bbb-8ccc-dddddddddddd", '"quoted"\\keys', "abcdef", "~~~???>>>~~~"])
def test_a_repeated_secret_is_found_however_it_is_written(text, write):
    """In any of the likely writings, anywhere in a body, it is replaced, and all around it stays."""
    written = write(text)
    masked = Mask([Secret("another-secret"), Secret(text)]).hide_in(f'{{"errmsg":"begin {written} end"}}'.encode())

    assert written.encode().lower() not in masked.lower()
    assert masked.startswith(b'{"errmsg":"begin ')
    assert masked.endswith(b' end"}')
    assert b"***" in masked
    assert text.encode().lower() not in masked.lower()


SIGNS = st.characters(codec="ascii", categories=("L", "N", "P", "S"), exclude_characters="*")


@settings(deadline=None)
@given(st.text(SIGNS, min_size=SHORTEST_MASKED), st.binary(), st.binary())
def test_no_secret_survives_as_it_is(text, before, after):
    """Whatever stands around it, the text itself is gone, and bytes without it stay the same object."""
    mask = Mask([Secret(text)])

    assert text.encode().lower() not in mask.hide_in(before + text.encode() + after).lower()
    assert b"" == mask.hide_in(b"")


def test_what_holds_no_secret_is_the_same_object():
    """An answer without one is handed on as it came; bodies with escapes in them, too."""
    plain = HttpAnswer(status=200, headers={"a": "b"}, body=b'{"text": "\\u0041 100%25 \\/"}')

    assert plain is plain.masked(Mask([Secret(TEXT)]))
    assert plain is plain.masked(Mask([Secret("short"), Secret("")]))


def test_headers_of_an_answer_are_masked_too():
    """A redirect that names the key, or any other header, does not bring it in."""
    answer = HttpAnswer(status=302, headers={"location": f"https://{TEXT}.test/", "x": "y"}, body=b"")

    assert {"location": "https://***.test/", "x": "y"} == answer.masked(Mask([Secret(TEXT)])).headers
    assert "HttpAnswer(status=302)" == repr(answer)


def test_an_error_that_repeats_it_is_masked_and_cut_off_from_its_cause():
    """Its words are masked; what it was raised from, which may say the same, is not shown any more."""
    error = RuntimeError(f"400, message: bad header {TEXT}")
    error.__cause__ = error.__context__ = ValueError(TEXT)
    hide_in_error(error, Mask([Secret(TEXT)]))

    assert "400, message: bad header ***" == str(error)
    assert "7e11" not in "".join(traceback.format_exception(error)) + repr(error.__context__)
