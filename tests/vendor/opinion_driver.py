"""Drives the vendor's own client, unmodified: one JSON call per line in, one JSON result per line out.

Runs in an environment of its own; knows nothing of this project.
"""

import json
import logging
import sys
import time

from opinion_clob_sdk import Client
from opinion_clob_sdk.builder_sdk import BuilderClient
from opinion_clob_sdk.chain.py_order_utils.model.sides import OrderSide

CHAIN_ID = 56
PUBLICLY_KNOWN_KEY = "0x" + "11" * 32
PUBLICLY_KNOWN_ADDRESS = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
NOWHERE = "http://127.0.0.1:9"


def make_client(call):
    """The vendor's client that the call names."""
    if call["client"] == "builder":
        return BuilderClient(host=call["base_url"], builder_apikey=call["key"], chain_id=CHAIN_ID)
    return Client(
        host=call["base_url"],
        apikey=call["key"],
        chain_id=CHAIN_ID,
        rpc_url=NOWHERE,
        private_key=PUBLICLY_KNOWN_KEY,
        multi_sig_addr=PUBLICLY_KNOWN_ADDRESS,
    )


def plain(value):
    """What JSON cannot hold: the vendor's models as dicts, everything else as text."""
    return value.to_dict() if hasattr(value, "to_dict") else str(value)


def answer(call):
    """The result of one call, or the error it raised, and the seconds it took."""
    client = make_client(call)
    if "side" in call["options"]:
        call["options"]["side"] = OrderSide(call["options"]["side"])
    begin_s = time.monotonic()
    try:
        outcome = {"result": getattr(client, call["method"])(*call["args"], **call["options"])}
    except Exception as error:  # noqa: BLE001 (whatever it raises is the result)
        outcome = {"error": type(error).__name__, "text": str(error), "status": getattr(error, "status", None)}
    return {**outcome, "elapsed_s": time.monotonic() - begin_s}


def main():
    """Answer until standard input ends."""
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line)), default=plain), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
