"""HTTP/1.1 requests out of a stream of bytes, by hand: only what the benchmarks' own clients and the engine send. Pure."""

from __future__ import annotations

from typing import NamedTuple

END = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"


class Asked(NamedTuple):
    """One complete request: the path with its query, the headers as they came, in lower case."""

    method: bytes
    path: bytes
    head: bytes
    body: bytes


def take_requests(stream: bytes) -> tuple[list[Asked], bytes]:
    """The complete requests at the beginning of a stream, in order, and what is left of it.

    Raises:
        ValueError: a request line without a path, or a length that is no number. Chunked bodies are not understood.
    """
    found: list[Asked] = []
    begin = 0
    while True:
        end = stream.find(END, begin)
        if end < 0:
            break
        method, path, _ = stream[begin : stream.find(b"\r\n", begin)].split(b" ", 2)
        head = stream[begin:end].lower()
        at = head.find(LENGTH)
        length = 0 if at < 0 else int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0])
        behind = end + len(END) + length
        if behind > len(stream):
            break
        found.append(Asked(method, path, head, stream[end + len(END) : behind]))
        begin = behind
    return found, stream[begin:]


def header(head: bytes, name: bytes) -> bytes:
    """The value of a header, its name in lower case; nothing where it is missing."""
    at = head.find(b"\r\n" + name + b":")
    return b"" if at < 0 else head[at + len(name) + 3 :].split(b"\r\n", 1)[0].strip()
