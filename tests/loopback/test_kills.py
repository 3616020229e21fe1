"""Processes killed in the middle of a run over HTTP, by kill -9 and more gently; `make kills` does this for longer."""

import json
import os
import signal

import anyio
import pytest
from loopback.killing import SCENES, Play
from loopback.lives import nursery

from engine.simulator import serve

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(not hasattr(os, "fork"), reason="a life is forked from a warm process")]


@pytest.mark.parametrize("scene", SCENES)
async def test_a_run_whose_process_is_killed_is_resumed_to_a_true_end(scene, tmp_path):
    """Killed, resumed, killed again and resumed: the report is the ledger's truth, and only what was in flight was sent again."""
    async with nursery() as home:
        played = await Play(SCENES[scene], 1, tmp_path, cuts=[350, 350]).run(home)

    assert [] == played.wrong
    assert played.kills >= 1


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["stopped", "interrupted"])
@pytest.mark.parametrize("scene", ["opinion", "polymarket, by id"])
async def test_a_run_that_is_stopped_is_resumed_to_a_true_end(scene, how, tmp_path):
    """Whether `stop()` or Ctrl-C ends a process early, the next one goes on, and nothing that was answered is asked again."""
    async with nursery() as home:
        played = await Play(SCENES[scene], 2, tmp_path, how=how, cuts=[300, 300]).run(home)

    assert [] == played.wrong
    assert played.kills >= 1


async def test_of_two_processes_that_resume_a_run_one_works(tmp_path):
    """Told to go on with the same run at the same time, one does and the other is refused in words; the report is true."""
    play = Play(SCENES["opinion"], 3, tmp_path)
    said = {}

    async with nursery() as home, nursery() as other, serve(play.simulator) as server:
        run_id = await play.killed_once(home, server.base_url, requests=300)

        async def resume(home, number):
            life = play.life(server.base_url, run_id) | {"said": str(tmp_path / f"said-{number}.json")}
            assert 0 == await home.live(life)
            said[number] = json.loads((tmp_path / f"said-{number}.json").read_text("utf-8"))

        async with anyio.create_task_group() as both:
            both.start_soon(resume, home, 1)
            both.start_soon(resume, other, 2)

    (worked,) = [each["report"] for each in said.values() if "report" in each]
    (refused,) = [each["refused"] for each in said.values() if "refused" in each]
    assert f"run '{run_id}' is held by process" in refused
    assert [] == play.judged(worked)
