"""The README's Python runs as it stands, against the simulator."""

import re
import textwrap
import time
from pathlib import Path

import pytest
from support import simulated, simulated_polymarket

from engine.simulator import serve

pytestmark = pytest.mark.anyio

README = (Path(__file__).parent.parent.parent / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_readme_has_python():
    """There is something to run."""
    assert len(BLOCKS) >= 3


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
async def test_the_readme_runs(block, capsys, tmp_path, monkeypatch):
    """Each block does what it says, with the address of the simulator and one of its keys put in."""
    monkeypatch.chdir(tmp_path)  # a block may write a file
    if "polymarket" in block:
        simulator = simulated_polymarket(orders=30, epoch_s=time.time())
        known = simulator.account("alice")
        for name in ("address", "api_key", "secret", "passphrase"):
            example = {"address": "0xaddress", "api_key": "api-key"}.get(name, name)
            block = block.replace(f'"{example}"', f'"{getattr(known, name)}"')  # the block as it will run
    else:
        simulator = simulated(quota=None)
        for order_id in ("order-id", "id-1", "id-2"):
            simulator.add_order("alice", market=123, order_id=order_id)
    async with serve(simulator) as server:
        source = block
        if "opinion" in block:
            source = source.replace("user-api-key", simulator.account("alice").api_key)
        source = source.replace("Opinion(limits", f"Opinion({server.base_url!r}, limits")
        source = source.replace("Opinion()", f"Opinion({server.base_url!r})")
        source = source.replace("Polymarket()", f"Polymarket({server.base_url!r})")
        names = {}
        exec(f"async def run():\n{textwrap.indent(source, '    ')}", names)
        await names["run"]()

    assert set() == simulator.ledger.open_ids()
    assert "Error" not in capsys.readouterr().out
