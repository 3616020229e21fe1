"""Drives the venue's own clients, unmodified: one JSON call per line in, one JSON result per line out.

Runs in an environment of its own; knows nothing of this project.
"""

import dataclasses
import json
import logging
import sys

from polymarket import ApiKeyCreds as UnifiedCreds
from polymarket import SecureClient
from polymarket.environments import PRODUCTION, _create_environment
from py_clob_client.client import ClobClient as FirstClient
from py_clob_client.clob_types import ApiCreds as FirstCreds
from py_clob_client.clob_types import OpenOrderParams as FirstParams
from py_clob_client_v2.client import ClobClient as SecondClient
from py_clob_client_v2.clob_types import ApiCreds as SecondCreds
from py_clob_client_v2.clob_types import OpenOrderParams as SecondParams
from py_clob_client_v2.clob_types import OrderMarketCancelParams, OrderPayload

POLYGON = 137


def environment_at(base_url):
    """The unified client's environment, every address pointed at one server."""
    config = PRODUCTION._config  # it has no other way to be pointed elsewhere
    changes = {
        field.name: base_url.replace("http", "ws", 1) if "ws" in field.name else base_url
        for field in dataclasses.fields(config)
        if field.name.endswith("_url")
    }
    return _create_environment(name="loopback", config=dataclasses.replace(config, **changes))


def first_client(call):
    """py-clob-client."""
    creds = call["creds"] and FirstCreds(call["creds"]["api_key"], call["creds"]["secret"], call["creds"]["passphrase"])
    return FirstClient(call["base_url"], chain_id=POLYGON, key=call["private_key"], creds=creds)


def second_client(call):
    """py-clob-client-v2."""
    creds = call["creds"] and SecondCreds(call["creds"]["api_key"], call["creds"]["secret"], call["creds"]["passphrase"])
    return SecondClient(call["base_url"], chain_id=POLYGON, key=call["private_key"], creds=creds)


def unified_client(call):
    """polymarket-client."""
    creds = call["creds"] and UnifiedCreds(
        apiKey=call["creds"]["api_key"], secret=call["creds"]["secret"], passphrase=call["creds"]["passphrase"]
    )
    return SecureClient.create(
        private_key=call["private_key"],
        wallet=call["address"],
        environment=environment_at(call["base_url"]),
        credentials=creds or None,
    )


def creds_of(value):
    """The parts of credentials, as each client names them."""
    names = (("api_key", "apiKey", "key"), ("api_secret", "secret"), ("api_passphrase", "passphrase"))
    return [next(str(getattr(value, name)) for name in group if hasattr(value, name)) for group in names]


CALLS = {
    "first": {
        "derive": lambda c: creds_of(c.create_or_derive_api_creds()),
        "one": lambda c, order_id: c.cancel(order_id),
        "many": lambda c, ids: c.cancel_orders(ids),
        "all": lambda c: c.cancel_all(),
        "market": lambda c, market, asset: c.cancel_market_orders(market=market or "", asset_id=asset or ""),
        "list": lambda c: [row["id"] for row in c.get_orders()],
        "rows": lambda c, order_id, market, asset: c.get_orders(FirstParams(id=order_id, market=market, asset_id=asset)),
        "row": lambda c, order_id: c.get_order(order_id),
        "read": lambda c, order_id: c.get_order(order_id)["status"],
        "beat": lambda c, beat: c.post_heartbeat(beat)["heartbeat_id"],
        "time": lambda c: c.get_server_time(),
    },
    "second": {
        "derive": lambda c: creds_of(c.create_or_derive_api_key()),
        "one": lambda c, order_id: c.cancel_order(OrderPayload(orderID=order_id)),
        "many": lambda c, ids: c.cancel_orders(ids),
        "all": lambda c: c.cancel_all(),
        "market": lambda c, market, asset: c.cancel_market_orders(OrderMarketCancelParams(market=market, asset_id=asset)),
        "list": lambda c: [row["id"] for row in c.get_open_orders()],
        "rows": lambda c, order_id, market, asset: c.get_open_orders(SecondParams(id=order_id, market=market, asset_id=asset)),
        "row": lambda c, order_id: c.get_order(order_id),
        "read": lambda c, order_id: c.get_order(order_id)["status"],
        "first page": lambda c: c.get_open_orders(only_first_page=True),
        "beat": lambda c, beat: c.post_heartbeat(beat)["heartbeat_id"],
        "time": lambda c: c.get_server_time(),
    },
    "unified": {
        "derive": lambda c: creds_of(c.credentials),
        "one": lambda c, order_id: c.cancel_order(order_id=order_id),
        "many": lambda c, ids: c.cancel_orders(order_ids=ids),
        "all": lambda c: c.cancel_all(),
        "market": lambda c, market, asset: c.cancel_market_orders(market=market, asset_id=asset),
        "list": lambda c: [order.id for order in c.list_open_orders().iter_items()],
        "read": lambda c, order_id: c.get_order(order_id=order_id).status,
        "beat": lambda c, beat: c.send_order_heartbeat(heartbeat_id=beat).heartbeat_id,
    },
}
MAKERS = {"first": first_client, "second": second_client, "unified": unified_client}


def plain(value):
    """What JSON cannot hold: models as dicts, everything else as text."""
    return value.model_dump() if hasattr(value, "model_dump") else str(value)


def answer(call):
    """The result of one call, or the error that it raised."""
    try:
        client = MAKERS[call["client"]](call)
        return {"result": CALLS[call["client"]][call["method"]](client, *call["args"])}
    except Exception as error:  # noqa: BLE001 (whatever it raises is the result)
        status = getattr(error, "status", None) or getattr(error, "status_code", None)
        return {"error": type(error).__name__, "text": str(error)[:500], "status": status}


def main():
    """Answer until standard input ends."""
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line)), default=plain), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
