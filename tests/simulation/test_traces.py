"""The spans of a run: one in another as the work is, true to the report, and without a secret."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from support import account_of, engine_for, simulated, simulated_polymarket

from engine.events import JournalLost, OutageBegan, OutageEnded, RunBegan, RunEnded, RunResult
from engine.simulator import FaultRule
from engine.simulator.opinion import FAULTS
from engine.tracing import Traces

pytestmark = pytest.mark.anyio


@pytest.fixture
def tracing():
    """Where spans are kept, and a provider that keeps them there."""
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    yield kept, provider
    provider.shutdown()


def named(spans, *names):
    """The spans of these names."""
    return [span for span in spans if span.name in names]


def struck(name, **conditions):
    """A rule with this fault of Opinion's."""
    return FaultRule(FAULTS[name], **conditions)


async def test_a_request_is_in_its_account_and_that_in_its_run(tracing):
    """Every request's span is a child of its account's, every account's one of the run's, and that of the caller's."""
    kept, provider = tracing
    simulator = simulated(latency_s=0.05)
    for name in ("bob", "carol"):
        simulator.add_account(name, orders=8)
    async with engine_for(simulator, on_event=Traces(provider)) as engine:
        with provider.get_tracer("embedder").start_as_current_span("emergency") as caller:
            report = await engine.mass_cancel([account_of(simulator, "bob"), account_of(simulator, "carol")])
    spans = kept.get_finished_spans()
    run, accounts = named(spans, "cancel run"), named(spans, "cancel account")
    requests = named(spans, "cancel_one", "list", "read")

    assert (1, 2, sum(each.requests for each in report.accounts.values())) == (len(run), len(accounts), len(requests))
    assert caller.get_span_context().span_id == run[0].parent.span_id
    assert {run[0].context.span_id} == {span.parent.span_id for span in accounts}
    assert {span.context.span_id for span in accounts} == {span.parent.span_id for span in requests}
    assert {SpanKind.CLIENT} == {span.kind for span in requests}
    assert all(0.04e9 < span.end_time - span.start_time < 0.07e9 for span in requests)
    assert {"127.0.0.1"} == {span.attributes["server.address"] for span in requests}
    assert {9} == {span.attributes["server.port"] for span in requests}


async def test_a_span_says_what_the_report_says(tracing):
    """Counts by outcome, what is at risk and whether it was verified stand on the account's span, the sums on the run's."""
    kept, provider = tracing
    simulator = simulated(orders=12)
    async with engine_for(simulator, on_event=Traces(provider)) as engine:
        report = await engine.mass_cancel([account_of(simulator)])
    account, run = named(kept.get_finished_spans(), "cancel account", "cancel run")

    assert {
        "cancel_engine.account": "alice",
        "cancel_engine.venue": "opinion",
        "cancel_engine.orders.cancelled": 12,
        "cancel_engine.at_risk": 0,
        "cancel_engine.requests": report.accounts["alice"].requests,
        "cancel_engine.listing_complete": True,
        "cancel_engine.verified": True,
    } == dict(account.attributes)
    assert {
        "cancel_engine.run_id": report.run_id,
        "cancel_engine.venues": ("opinion",),
        "cancel_engine.accounts": 1,
        "cancel_engine.resumed": False,
        "cancel_engine.result": "clean",
        "cancel_engine.orders": 12,
        "cancel_engine.cancelled": 12,
        "cancel_engine.at_risk": 0,
        "cancel_engine.incomplete_accounts": 0,
        "cancel_engine.stopped": False,
        "cancel_engine.recorded": True,
    } == dict(run.attributes)
    assert {StatusCode.UNSET} == {span.status.status_code for span in (account, run)}


async def test_what_fails_is_an_error_with_its_type(tracing):
    """A refused key fails the request, the account and the run, each with the word that says what it was."""
    kept, provider = tracing
    simulator = simulated(orders=5, faults=[struck("http_401")])
    async with engine_for(simulator, on_event=Traces(provider)) as engine:
        await engine.mass_cancel([account_of(simulator)])
    spans = kept.get_finished_spans()

    assert {"list": "bad_key", "cancel account": "credentials", "cancel run": "incomplete"} == {
        span.name: span.attributes["error.type"] for span in spans
    }
    assert {StatusCode.ERROR} == {span.status.status_code for span in spans}
    assert ["listing failed"] == [event.name for event in named(spans, "cancel account")[0].events]


async def test_a_lost_answer_carries_its_status(tracing):
    """A server's error is told by its HTTP status, as the conventions name it."""
    kept, provider = tracing
    simulator = simulated(orders=1, faults=[struck("http_500", routes={"cancel"}, times=1)])
    async with engine_for(simulator, on_event=Traces(provider)) as engine:
        await engine.mass_cancel([account_of(simulator)])
    failed = [span for span in kept.get_finished_spans() if "error.type" in span.attributes]

    assert [(500, "no_answer")] == [
        (span.attributes["http.response.status_code"], span.attributes["error.type"]) for span in failed
    ]


async def test_requests_outside_of_a_run_have_spans_of_their_own(tracing):
    """The requests of a plan stand alone, or under whatever the embedder has begun."""
    kept, provider = tracing
    simulator = simulated(orders=3)
    async with engine_for(simulator, on_event=Traces(provider)) as engine:
        await engine.plan([account_of(simulator)])

    assert {("list", None)} == {(span.name, span.parent) for span in kept.get_finished_spans()}


def test_outages_and_lost_records_are_marks_on_the_run(tracing):
    """They stand on the span of every run that they touch, and on none that is over."""
    kept, provider = tracing
    traces = Traces(provider)
    counts = {"total": 0, "cancelled": 0, "at_risk": 0, "accounts": 1, "incomplete": 0, "elapsed_s": 1.0, "stop": None}
    for event in (
        RunBegan(run_id="1", venues=("opinion",), accounts=1, is_resumed=False),
        OutageBegan(venue="opinion", error="HTTP 500"),
        OutageEnded(venue="opinion", lasted_s=2.0),
        JournalLost(run_id="1", error="the disk is full"),
        RunEnded(run_id="1", result=RunResult.CLEAN, unrecorded="the disk is full", **counts),
        OutageBegan(venue="opinion", error="HTTP 500"),
        JournalLost(run_id="1", error="late"),
        RunEnded(run_id="2", result=RunResult.CLEAN, unrecorded=None, **counts),
    ):
        traces(event)
    run = kept.get_finished_spans()

    assert [["outage began", "outage ended", "journal lost"]] == [[event.name for event in span.events] for span in run]


async def test_no_span_holds_a_secret_or_an_order(tracing):
    """Nothing of a key and no order id stands in a span, however the venue answers."""
    kept, provider = tracing
    simulator = simulated_polymarket(orders=20)
    ids = simulator.ledger.open_ids("alice")
    account = account_of(simulator)
    async with engine_for(simulator, on_event=Traces(provider)) as engine:
        await engine.mass_cancel([account])
    text = "".join(span.to_json() for span in kept.get_finished_spans())

    key = account.credentials
    assert [] == [each for each in (key.api_key.reveal(), key.secret.reveal(), key.passphrase.reveal(), *ids) if each in text]
    assert "alice" in text


async def test_without_an_sdk_nothing_is_kept():
    """Where the embedding program sets up nothing, the spans are nobody's, and the run is as without them."""
    simulator = simulated(orders=5)
    async with engine_for(simulator, on_event=Traces()) as engine:
        assert (await engine.cancel_all(account_of(simulator))).is_clean
