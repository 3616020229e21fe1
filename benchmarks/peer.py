"""Drives somebody else's client, unmodified, in that client's own environment: one JSON call on standard input, one JSON answer.

Knows nothing of this project. Times only the work: not the imports, nor the making of the client, nor the one read before, after
which every client has what it keeps of connections.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import json
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

NOWHERE = "http://127.0.0.1:9"
PUBLICLY_KNOWN_KEY = "0x" + "11" * 32
PUBLICLY_KNOWN_ADDRESS = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
IN_FLIGHT = 64
"""Threads, or tasks, where the caller has to bring the concurrency; as many as the engine has by itself."""


def opinion_sdk(call: dict[str, Any]) -> tuple[float, int]:
    """opinion-clob-sdk: `cancel_orders_batch`, `cancel_all_orders`."""
    client = importlib.import_module("opinion_clob_sdk").Client(
        host=call["base_url"],
        apikey=call["key"][0],
        chain_id=56,
        rpc_url=NOWHERE,
        private_key=PUBLICLY_KNOWN_KEY,
        multi_sig_addr=PUBLICLY_KNOWN_ADDRESS,
    )
    client.get_my_orders(status="1")
    began_s = time.perf_counter()
    if call["what"] == "all":
        told = client.cancel_all_orders()["cancelled"]
    else:
        told = sum(each["success"] for each in client.cancel_orders_batch(call["ids"]))
    return time.perf_counter() - began_s, told


async def ccxt(call: dict[str, Any]) -> tuple[float, int]:
    """ccxt: `cancel_order` for each, its own limiter off. It has no cancel-all at this venue: what it lists is cancelled."""
    client = importlib.import_module("ccxt.prediction").opinion({"apiKey": call["key"][0], "enableRateLimit": False})
    client.urls["api"]["opinion"] = f"{call['base_url']}/openapi"
    client.aiohttp_trust_env = False
    try:
        await client.fetch_open_orders()
        began_s = time.perf_counter()
        ids = call["ids"] if call["what"] == "ids" else [order["id"] for order in await client.fetch_open_orders()]
        done = await _gathered(client.cancel_order, ids)
        took_s = time.perf_counter() - began_s
    finally:
        await client.close()
    return took_s, sum(isinstance(each, dict) and each.get("status") == "canceled" for each in done)


async def _gathered(cancel: Callable[[str], Awaitable[Any]], ids: list[str]) -> list[Any]:
    semaphore = asyncio.Semaphore(IN_FLIGHT)

    async def one(order_id: str) -> Any:
        async with semaphore:
            return await cancel(order_id)

    return await asyncio.gather(*map(one, ids), return_exceptions=True)


def py_clob_client(call: dict[str, Any]) -> tuple[float, int]:
    """py-clob-client: `cancel` in threads, `cancel_orders`, `cancel_all`."""
    _, api_key, secret, passphrase = call["key"]
    creds = importlib.import_module("py_clob_client.clob_types").ApiCreds(api_key, secret, passphrase)
    client = importlib.import_module("py_clob_client.client").ClobClient(
        call["base_url"], chain_id=137, key=PUBLICLY_KNOWN_KEY, creds=creds
    )
    client.get_server_time()
    began_s = time.perf_counter()
    if call["what"] == "all":
        told = len(client.cancel_all()["canceled"])
    elif call["what"] == "together":
        told = len(client.cancel_orders(call["ids"])["canceled"])
    else:
        with ThreadPoolExecutor(IN_FLIGHT) as threads:
            told = sum(len(each["canceled"]) for each in threads.map(client.cancel, call["ids"]))
    return time.perf_counter() - began_s, told


async def polymarket_client(call: dict[str, Any]) -> tuple[float, int]:
    """polymarket-client: `cancel_order` in tasks, `cancel_orders`, `cancel_all`."""
    library, environments = importlib.import_module("polymarket"), importlib.import_module("polymarket.environments")
    address, api_key, secret, passphrase = call["key"]
    config = environments.PRODUCTION._config  # noqa: SLF001  # it has no other way to be pointed elsewhere
    changes = {
        field.name: call["base_url"].replace("http", "ws", 1) if "ws" in field.name else call["base_url"]
        for field in dataclasses.fields(config)
        if field.name.endswith("_url")
    }
    replaced = dataclasses.replace(config, **changes)
    client = await library.AsyncSecureClient.create(
        private_key=PUBLICLY_KNOWN_KEY,
        wallet=address,
        environment=environments._create_environment(name="loopback", config=replaced),  # noqa: SLF001  # the same
        credentials=library.ApiKeyCreds(apiKey=api_key, secret=secret, passphrase=passphrase),
    )
    try:
        await client.list_open_orders().first_page()
        began_s = time.perf_counter()
        if call["what"] == "all":
            answers = [await client.cancel_all()]
        elif call["what"] == "together":
            answers = [await client.cancel_orders(order_ids=call["ids"])]
        else:
            answers = await _gathered(lambda order_id: client.cancel_order(order_id=order_id), call["ids"])
        took_s = time.perf_counter() - began_s
    finally:
        await client.close()
    return took_s, sum(len(each.canceled) for each in answers if not isinstance(each, BaseException))


PEERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "opinion-clob-sdk": opinion_sdk,
    "ccxt": ccxt,
    "py-clob-client": py_clob_client,
    "polymarket-client": polymarket_client,
}


def main() -> None:
    """Answer the call."""
    logging.disable(logging.CRITICAL)
    call = json.load(sys.stdin)
    try:
        came = PEERS[call["peer"]](call)
        took_s, told = asyncio.run(came) if asyncio.iscoroutine(came) else came
        print(json.dumps({"took_s": took_s, "told": told}))
    except Exception as error:  # noqa: BLE001  # whatever it raises is the answer
        print(json.dumps({"error": f"{type(error).__name__}: {error}"[:300]}))


if __name__ == "__main__":
    main()
