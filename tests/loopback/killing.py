"""Runs over HTTP whose process is killed at random moments, each resumed until it is finished, and then judged.

    python tests/loopback/killing.py --kills 500 --seed 0 --seconds 3600

Prints a line for every 25 kills, and one at the end. At the first run that breaks a promise it says which, and leaves the run's
journals and logs in `.kills`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine import Outcome, RunReport
from engine.core.plain import plain
from engine.core.quota import Kind
from engine.journal import Journal
from engine.journal.entries import ANSWER, FOUND, INTENT, each_of
from engine.journal.replay import asked_of, requests_of
from engine.simulator import FaultPlan, FaultRule, OpinionRules, OpinionSimulator, lies, serve
from engine.simulator.opinion import FAULTS
from engine.simulator.polymarket import FAULTS as POLYMARKET_FAULTS
from engine.simulator.polymarket import PolymarketRules, PolymarketSimulator

sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest has it

from loopback.lives import nursery

CANCELS = {"cancel", "cancel_many", "cancel_all", "cancel_market"}
BY_ID = {"cancel", "cancel_many"}

AGAIN = 0.5
"""How likely a life that resumes a run is to be killed, too."""

JITTER_S = 0.05
"""Longest time from the request that a kill waits for to the kill: so it meets the moments between two requests, too."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What runs are made of.

    Attributes:
        venue: Where.
        accounts: How many.
        orders: How many each has.
        call: What is done: all, by id (as it is where a function chooses), or ids that are known.
        lists_first: Whether all are listed before the first cancel.
        rules: Of the venue.
        faults: That it has.
        venue_options: For the engine's side of it.
        is_limited: Whether it counts requests, and the engine keeps within.
        names_too_few: Whether its mass cancel may keep quiet about an order that it cancels, which then nobody can know of.
        requests: About how many a run takes.
    """

    venue: str = "opinion"
    accounts: int = 4
    orders: int = 500
    call: str = "all"
    lists_first: bool = False
    rules: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[FaultRule, ...] = ()
    venue_options: Mapping[str, Any] = field(default_factory=lambda: {"timeout_s": 2.0})
    is_limited: bool = False
    names_too_few: bool = False
    requests: int = 2_150

    def new_simulator(self, seed):
        """The venue, with its accounts."""
        faults = FaultPlan(self.faults, seed=seed)
        if self.venue == "polymarket":
            rules = PolymarketRules(epoch_s=time.time(), buckets="off", delays=False, **self.rules)
            simulator = PolymarketSimulator(seed=seed, rules=rules, faults=faults)
        else:
            quota = 15 if self.is_limited else None
            simulator = OpinionSimulator(seed=seed, rules=OpinionRules(quota=quota, **self.rules), faults=faults)
        for number in range(self.accounts):
            simulator.add_account(f"a{number}", orders=self.orders)
        return simulator


OPINION_FIRE = (
    FaultRule(FAULTS["drop_after"], share=0.03, routes={"cancel"}),
    FaultRule(FAULTS["result_false"], share=0.03),
    FaultRule(FAULTS["http_502"], share=0.01, routes={"list", "read"}),
)
POLYMARKET_FIRE = (
    FaultRule(POLYMARKET_FAULTS["drop_after"], share=0.1, routes={"cancel_many", "cancel_all"}),
    FaultRule(POLYMARKET_FAULTS["in_neither_after"], share=0.1, routes={"cancel_many", "cancel_all"}),
)
SLOWLY = {"latency_s": 0.004, "latency_jitter_s": 0.004}

SCENES = {
    "opinion": Scene(),
    "polymarket": Scene(venue="polymarket", rules=SLOWLY, requests=12),
    "opinion, known ids": Scene(accounts=1, orders=2_000, call="known", rules=SLOWLY),
    "polymarket, by id": Scene(
        venue="polymarket", call="by id", venue_options={"timeout_s": 2.0, "most_ids": 20}, rules=SLOWLY, requests=130
    ),
    "opinion, faults": Scene(faults=OPINION_FIRE),
    "polymarket, listed first": Scene(venue="polymarket", lists_first=True, rules=SLOWLY, requests=32),
    # Few accounts: where the machine itself is what requests wait for, no client can tell when they arrive.
    "opinion, limits": Scene(accounts=8, orders=40, is_limited=True, requests=360),
    "polymarket, faults": Scene(
        venue="polymarket",
        call="by id",
        venue_options={"timeout_s": 2.0, "most_ids": 20},
        faults=POLYMARKET_FIRE,
        rules=SLOWLY,
        requests=180,
    ),
    "opinion, listed first": Scene(lists_first=True),
    "polymarket, all, faults": Scene(venue="polymarket", faults=POLYMARKET_FIRE, rules=SLOWLY, names_too_few=True, requests=12),
}


@dataclass(slots=True)
class Played:
    """What came of one run.

    Attributes:
        kills: Processes killed.
        lives: Processes altogether.
        orders: That the report accounts for.
        repeated: Orders that more than one request to cancel reached the venue for.
        in_flight: Most orders that were named by cancels without an answer at its kills, all of them together.
        wrong: Promises that were broken, in words.
        notes: What is worth a look where one was.
    """

    kills: int = 0
    lives: int = 0
    orders: int = 0
    repeated: int = 0
    in_flight: int = 0
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Play:
    """One run, from its first life to its judgement.

    Args:
        scene: What it is made of.
        seed: Of everything that is drawn.
        folder: Where it leaves its files.
        how: The signal that ends its lives.
        cuts: After how many requests, in thousandths of what a life would take, each of its first lives ends; drawn if None.
    """

    def __init__(self, scene, seed, folder, *, how=signal.SIGKILL, cuts=None):
        self.played = Played()
        self.simulator = scene.new_simulator(seed)
        self._scene = scene
        self._dice = random.Random(f"{seed}/kills")
        self._folder = folder
        self._how = how
        self._cuts = None if cuts is None else [*cuts]
        self._journal = folder / "journal.db"
        self._known: dict[str, dict[int, Any]] = {}
        self._may_repeat = Counter()

    @property
    def ledger(self):
        """The truth."""
        return self.simulator.ledger

    def life(self, base_url, run_id):
        """What the next process is to do: begin the run, or go on with it."""
        keys = {}
        for name in self.simulator.account_names:
            known = self.simulator.account(name)
            is_polymarket = self._scene.venue == "polymarket"
            keys[name] = [known.address, known.api_key, known.secret, known.passphrase] if is_polymarket else [known.api_key]
        return {
            "venue": self._scene.venue,
            "base_url": base_url,
            "venue_options": dict(self._scene.venue_options),
            "is_limited": self._scene.is_limited,
            "keys": keys,
            "journal": str(self._journal),
            "run_id": run_id,
            "call": self._scene.call,
            "lists_first": self._scene.lists_first,
            "order_ids": list(self.ledger.orders) if self._scene.call == "known" else None,
            "log": str(self._folder / "log.txt"),
            "said": str(self._folder / "said.json"),
        }

    def _moment(self):
        """When to kill the next life: a coroutine, or None for never."""
        left = len(self.ledger.open_ids()) / len(self.ledger.orders)
        if self._cuts is not None:
            share = self._cuts.pop(0) / 1000 if self._cuts else None
        else:
            share = self._dice.random() if not self.played.lives or self._dice.random() < AGAIN else None
        if share is None:
            return None
        number = round(share * (self._scene.requests * left + 20 * (left < 1)))
        arrived = asyncio.Event()
        if number:
            self.simulator.on_request(len(self.ledger.requests) + number, arrived.set)
        after_s = self._dice.random() * (JITTER_S if number else 0.3)

        async def wait():
            if number:
                await arrived.wait()
            await asyncio.sleep(after_s)

        return wait()

    async def run(self, home):
        """Live until the run is finished, then judge it."""
        run_id = None
        async with serve(self.simulator) as server:
            while True:
                before = len(self.ledger.requests)
                until = self._moment()
                ended = await home.live(self.life(server.base_url, run_id), until=until, how=self._how)
                self.played.lives += 1
                if ended == 0:
                    said = json.loads((self._folder / "said.json").read_text("utf-8"))
                    report = said.get("report")
                    if report is None or report["stop"] is None:
                        break
                elif ended != -signal.SIGKILL:
                    self.played.wrong.append(f"life {self.played.lives} ended with {ended}")
                    return self.played
                self.played.kills += 1
                await self._rest()
                run_id = self._look(run_id, before)
                (self._folder / "said.json").unlink(missing_ok=True)
            if report is None:
                self.played.wrong.append(f"refused: {said['refused']}")
            else:
                self._judge(report)
        return self.played

    async def killed_once(self, home, base_url, *, requests):
        """Begin the run, and kill its process once so many requests have arrived; the run's name."""
        arrived = asyncio.Event()
        self.simulator.on_request(requests, arrived.set)
        await home.live(self.life(base_url, None), until=arrived.wait())
        self.played.kills += 1
        await self._rest()
        return self._look(None, 0)

    async def _rest(self):
        """Let what the dead one has sent arrive: whoever looks at its journal keeps the venue from taking it in."""
        seen = -1
        while seen != len(self.ledger.requests):
            seen = len(self.ledger.requests)
            await asyncio.sleep(0.03)

    def judged(self, document):
        """What is wrong with this report."""
        self._judge(document)
        return self.played.wrong

    def _say(self, problem):
        self.played.wrong.append(problem)

    # --- what a kill leaves

    def _look(self, run_id, before):
        """What the journal holds, on a copy, now that its process is gone; the run's name, where there is one."""
        sent = [request for request in self.ledger.requests[before:] if request.route in CANCELS]
        copy = self._folder / f"killed-{self.played.kills}.db"
        for end in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{self._journal}{end}", f"{copy}{end}")
        names = []
        if copy.exists() and copy.stat().st_size:
            with Journal.open(copy) as journal:
                names = [line.run_id for line in journal.runs()]
                for name in names:
                    self._read(journal, name, sent)
        if sent and not names:
            self._say("cancels left before there was a run")
        if names[1:] or (run_id is not None and names != [run_id]):
            self._say(f"instead of run {run_id}, there is {names}")
        return names[0] if names else None

    def _read(self, journal, name, sent):
        """What a journal holds of the run, and whether that is true as it stands."""
        entries = journal.entries(name)
        if not entries:
            return
        when = f"after kill {self.played.kills}"
        self._count_unanswered(entries, sent)
        self.played.wrong += [f"{when}: {problem}" for problem in journal.verify(name)]
        for account, summary in journal.report(name).accounts.items():
            known = self._known.setdefault(account, {})
            for result in summary.results:
                if result.index in known and known[result.index].order_id != result.order_id:
                    self._say(f"{account}: place {result.index} is another order's {when}")
                known[result.index] = result
            self.played.wrong += [f"{when}: {lie}" for lie in lies(summary, self.ledger)]

    def _count_unanswered(self, entries, sent):
        """What cancels are named by intents without an answer; and none may have left without an intent."""
        ids, intents, intended = {}, {}, set()
        for entry in entries:
            for kind, body in each_of(entry.kind, json.loads(entry.body)):
                if kind == FOUND:
                    ids[entry.account, body[0]] = body[1]
                elif kind == INTENT:
                    for asked, places in requests_of(entry.seq, Kind(body[0]), body[1]):
                        intents[asked] = [ids[entry.account, place] for place in places]
                        intended.update(intents[asked])
                elif kind == ANSWER:
                    intents.pop(asked_of(body[0]), None)
        unanswered = {order_id for named in intents.values() for order_id in named}
        self.played.in_flight += len(unanswered)
        self._may_repeat.update(unanswered)
        left = {order_id for request in sent if request.route in BY_ID for order_id in request.order_ids}
        if left - intended:
            self._say(f"{len(left - intended)} orders were to be cancelled without an intent on disk")

    # --- the end

    def _judge(self, document):
        scene, played = self._scene, self.played
        report = RunReport.from_dict(document)
        played.orders = report.total
        with Journal.open(self._journal) as journal:
            played.wrong += [f"at the end: {problem}" for problem in journal.verify(report.run_id)]
            if plain(journal.report(report.run_id).to_dict()) != document:
                self._say("the journal gives another report")
            if [report.run_id] != [line.run_id for line in journal.runs()]:
                self._say("there are other runs")
        for name, summary in report.accounts.items():
            played.wrong += lies(summary, self.ledger)
            self._judge_account(name, summary)
        self._judge_repeats()
        if scene.is_limited:
            most = max(self.ledger.most_in_window(name, 1.0) for name in report.accounts)
            if most > 15 or self.ledger.refused_for_pace():
                self._say(f"{most} requests in a second, {self.ledger.refused_for_pace()} refused")
        if not scene.faults and not report.is_clean:
            self._say(f"not clean: {report.by_outcome}")

    def _judge_account(self, name, summary):
        order_ids = [result.order_id for result in summary.results]
        mine = self.ledger.orders_of(name)
        if len(set(order_ids)) != len(order_ids):
            self._say(f"{name}: an order has two places")
        missing = mine.keys() - set(order_ids)
        may_miss = summary.is_uncounted or self._scene.names_too_few
        if missing and not (may_miss and self.ledger.open_ids(name).isdisjoint(missing)):
            self._say(f"{name}: {len(missing)} orders are missing")
        if summary.verified and self.ledger.open_ids(name):
            self._say(f"{name}: verified, and {len(self.ledger.open_ids(name))} are open")
        if not self._scene.faults and not summary.verified:
            self._say(f"{name}: not verified: {summary.listing_error}")
        for index, before in self._known.get(name, {}).items():
            now = summary.results[index] if index < summary.total else None
            if now is None or now.order_id != before.order_id:
                self._say(f"{name}: place {index} is not {before.order_id} any more")
            elif before.outcome is Outcome.CANCELLED and (now.outcome, now.attempts) != (before.outcome, before.attempts):
                self._say(f"{name}: {before.order_id} was {before.outcome}, and is {now.outcome} after {now.attempts} attempts")

    def _judge_repeats(self):
        named = Counter()
        for request in self.ledger.requests:
            if request.route in CANCELS and not request.refused_for_pace:
                named.update(set(request.order_ids) | set(request.hits))
        repeated = Counter({order_id: count - 1 for order_id, count in named.items() if count > 1})
        self.played.repeated = len(repeated)
        beyond = repeated - self._may_repeat
        if beyond and not self._scene.faults:
            self._say(f"{len(beyond)} orders were named once more than there were cancels in flight at a kill")


# --- many of them


def kept(folder):
    """Where the files of one run go, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


async def main(kills, seed, seconds, names):
    """Play until so many processes were killed, or the time is up; True if all promises held."""
    began_s, told, total, number = time.monotonic(), 0, Played(), 0
    most_repeated = 0
    async with nursery() as home:
        while total.kills < kills and time.monotonic() - began_s < seconds:
            name = names[number % len(names)]
            folder = kept(Path(".kills") / f"{seed}-{number}")
            played = await Play(SCENES[name], f"{seed}/{number}", folder).run(home)
            total.kills += played.kills
            total.lives += played.lives
            total.orders += played.orders
            total.in_flight += played.in_flight
            total.repeated += played.repeated
            most_repeated = max(most_repeated, played.repeated)
            if played.wrong:
                print(f"run {number} of seed {seed} ({name}): {len(played.wrong)} promises broken; see {folder}")
                print(*played.wrong[:20], sep="\n")
                return False
            shutil.rmtree(folder)
            number += 1
            if total.kills // 25 > told:
                told = total.kills // 25
                print(f"{total.kills} kills, {number} runs, {time.monotonic() - began_s:.0f} s", flush=True)
    print(
        f"kills: {total.kills} in {number} runs with {total.lives} lives and {total.orders:,} orders: 0 lies, nothing counted "
        f"twice; {total.in_flight:,} orders were in flight at a kill, {total.repeated:,} were named to the venue again, "
        f"{most_repeated} in one run at most; {time.monotonic() - began_s:.0f} s"
    )
    return total.kills >= kills


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Kill processes that cancel orders, and see every run resumed to a true end.")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=7200.0, help="start no run after so many")
    parser.add_argument("--scene", choices=SCENES, help="only this one")
    chosen = parser.parse_args()
    names = [chosen.scene] if chosen.scene else list(SCENES)
    sys.exit(not asyncio.run(main(chosen.kills, chosen.seed, chosen.seconds, names)))
