"""`--metrics` and `--metrics-file`: by what a run can be watched from outside, and what it leaves for a collector.

The metrics are told nothing that the report does not say, and what goes wrong with them never ends a run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.output import clean, remark
from engine.cli.tables import BAD
from engine.errors import ConfigError
from engine.events import Event, Hook, RunBegan

if TYPE_CHECKING:
    from engine.metrics import Metrics

Verb = Callable[..., int]

LOOPBACK = "127.0.0.1"
SUFFIX = ".prom"
"""What the names of files end in that node_exporter reads. Source: its README, "Textfile Collector" (read 2026-11)."""


@dataclass(frozen=True, slots=True)
class Metering:
    """How a run is to be measured.

    Attributes:
        host: Where the metrics are served.
        port: The same; None for not at all, and 0 for a free one.
        path: The file that is written when a run begins and when it ends, or None.
    """

    host: str = LOOPBACK
    port: int | None = None
    path: Path | None = None

    @contextmanager
    def opened(self) -> Iterator[Hook | None]:
        """What is to be told of the run while the block runs; None where nobody asked for it.

        Raises:
            ConfigError: the address cannot be served; nothing was sent.
        """
        if self.port is None and self.path is None:
            yield None
            return
        from prometheus_client import CollectorRegistry  # noqa: PLC0415  # an extra, which most runs do without

        from engine.metrics import Metrics  # noqa: PLC0415  # the same

        metrics = Metrics(CollectorRegistry())
        with _served(metrics, self.host, self.port):
            try:
                yield self._told(metrics)
            finally:
                self._write(metrics)

    def _told(self, metrics: Metrics) -> Hook:
        def tell(event: Event) -> None:
            metrics(event)
            if isinstance(event, RunBegan):
                self._write(metrics)  # so that a process that dies leaves a run which has begun and not ended

        return tell

    def _write(self, metrics: Metrics) -> None:
        """Write the file, if there is to be one: whole, or not at all."""
        if self.path is None:
            return
        from prometheus_client import write_to_textfile  # noqa: PLC0415  # see above

        try:
            write_to_textfile(str(self.path), metrics.registry)
        except OSError as error:
            remark(f"The metrics could not be written to {clean(str(self.path))}: {error.strerror or error}.", style=BAD)


@contextmanager
def _served(metrics: Metrics, host: str, port: int | None) -> Iterator[None]:
    if port is None:
        yield
        return
    from prometheus_client import start_http_server  # noqa: PLC0415  # see above

    try:
        server, thread = start_http_server(port, addr=host, registry=metrics.registry)
    except OSError as error:
        why = error.strerror or error
        raise ConfigError(
            f"--metrics {_shown(host, port)} cannot be served: {why}; nothing was sent. Choose another port"
        ) from None
    remark(f"Metrics while this runs: http://{_shown(host, server.server_port)}/metrics")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=1.0)


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _check(path: Path) -> None:
    """Refuse a file that could not be written in the end.

    Raises:
        ConfigError: it cannot be, or nobody would read it.
    """
    if path.suffix != SUFFIX:
        raise ConfigError(f"--metrics-file {clean(str(path))}: node_exporter reads only files that end in {SUFFIX}")
    folder = path.parent
    if not folder.is_dir():
        raise ConfigError(f"--metrics-file {clean(str(path))}: there is no folder {clean(str(folder))}; make it first")
    if path.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"--metrics-file {clean(str(path))} cannot be written there; nothing was sent")


UNMETERED = Metering()


class _Address(click.ParamType[tuple[str, int]]):
    """`9464`, `127.0.0.1:9464` or `[::1]:9464`."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        if not port.isascii() or not port.isdigit() or int(port) > 65_535 or (":" in host and not host.startswith("[")):
            self.fail(f"{value!r} is neither PORT nor HOST:PORT", param, ctx)
        return host.strip("[]") or LOOPBACK, int(port)


_OPTIONS = (
    click.option(
        "--metrics",
        "address",
        metavar="[HOST:]PORT",
        type=_Address(),
        help=f"Serve metrics for Prometheus while this runs, at {LOOPBACK} unless told otherwise.",
    ),
    click.option(
        "--metrics-file",
        "metrics_file",
        metavar="PATH",
        type=click.Path(path_type=Path),
        help=f"Leave them in a file for node_exporter's textfile collector; its name ends in {SUFFIX}.",
    ),
)


def metrics_options(verb: Verb) -> Verb:
    """Give the verb the options about metrics; it gets them as one `Metering`, whose package is there if it needs one."""

    @wraps(verb)
    def wrapped(*arguments: Any, address: tuple[str, int] | None, metrics_file: Path | None, **others: Any) -> int:
        host, port = address or (LOOPBACK, None)
        if address is not None or metrics_file is not None:
            _check_package()
        if metrics_file is not None:
            _check(metrics_file)
        return verb(*arguments, metering=Metering(host, port, metrics_file), **others)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _check_package() -> None:
    """Say what is missing before anything is sent.

    Raises:
        ConfigError: the extra is not installed.
    """
    try:
        import engine.metrics  # noqa: F401, PLC0415  # it says what is missing
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error}; nothing was sent") from None
