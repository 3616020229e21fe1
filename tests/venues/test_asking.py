"""Asking a venue outside of a run: in time, once, and with a transport that is closed by whoever opened it."""

import anyio
import pytest

from engine import TransportError
from engine.venues import asking
from engine.venues.base import HttpAnswer, HttpRequest
from engine.venues.http import HttpTransport

pytestmark = pytest.mark.anyio

REQUEST = HttpRequest(method="GET", url="https://venue.example/")


class Slow:
    """A transport that answers after so long; leaves first, or not."""

    def __init__(self, delay_s, *, leaves=True):
        self.delay_s, self.leaves, self.closed = delay_s, leaves, False

    async def send(self, request, *, on_sent):
        """See `Transport`."""
        if self.leaves:
            on_sent()
        await anyio.sleep(self.delay_s)
        return HttpAnswer(status=200, body=request.url.encode())

    async def aclose(self):
        """See `Transport`."""
        self.closed = True


async def test_an_answer_in_time_comes_back():
    """What the transport brings is what is given back."""
    assert b"https://venue.example/" == (await asking.ask(Slow(4.9), REQUEST, timeout_s=5.0)).body


@pytest.mark.parametrize("leaves", [True, False])
async def test_no_answer_in_time_says_whether_the_request_may_have_arrived(leaves):
    """The bound holds, and the error tells a request that left from one that did not."""
    began_s = anyio.current_time()
    with pytest.raises(TransportError, match="no answer within 5 s") as error:
        await asking.ask(Slow(60.0, leaves=leaves), REQUEST, timeout_s=5.0)

    assert (leaves, "timeout") == (error.value.sent, error.value.code)
    assert 5.0 <= anyio.current_time() - began_s < 5.1


async def test_a_transport_that_was_given_stays_open():
    """It belongs to the caller."""
    transport = Slow(0.0)
    async with asking.opened(transport) as carrier:
        assert transport is carrier

    assert not transport.closed


async def test_a_transport_of_our_own_is_opened_and_closed():
    """Without one, there is one for the length of the call, closed also after an error."""
    async with asking.opened(None) as carrier:
        assert isinstance(carrier, HttpTransport)
        pools = [carrier._pool("http://127.0.0.1:9")]
    with pytest.raises(TransportError):
        await _lose(pools)

    assert [True, True] == [each._connector.closed for each in pools]


async def _lose(pools):
    async with asking.opened(None) as carrier:
        pools.append(carrier._pool("http://127.0.0.1:9"))
        raise TransportError("lost", sent=True)
