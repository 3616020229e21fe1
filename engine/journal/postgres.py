"""Records in a database of PostgreSQL, by psycopg 3, which is imported here alone, and only when it is used.

1. The tables stand in a schema of their own, `cancel_engine`.
2. Nothing that the driver says of a URL is repeated: what it could not read may be a part of the password.
3. A group is one statement, and so one transaction and one way to the server and back. It is on the disk when `write` returns.
4. A connection that is lost is made anew once; then the run's row tells whether the group arrived.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from engine.errors import shown
from engine.journal.entries import Group
from engine.journal.sql import Tables, fenced, foreign, tables
from engine.journal.store import RunRow, StoreError
from engine.secret import Mask, Secret

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]
    Cursor = psycopg.Cursor[tuple[Any, ...]]

SCHEMA_NAME = "cancel_engine"

CONNECT_S = 5
"""How long to wait for a server. A guess."""

LOCK_S = 2
"""How long to wait for somebody who holds the same row. A guess: it is held for milliseconds."""

SILENCE_S = 10
"""How long what was sent may stay unacknowledged by the other machine before the connection counts as lost. A guess."""

_MAKING = 7_206_144_281_332_459
"""Names, among the server's advisory locks, the one for making the tables. Any number."""

_SETTINGS = f"""
SET search_path TO {SCHEMA_NAME}, pg_catalog;
SET lock_timeout TO '{LOCK_S}s';
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
""".encode()
"""What every connection begins with. A commit waits for the disk, and for as many copies as the server has set."""

_ODD = re.compile(r"[@?#%\s\x00-\x1f]")
_PORTS = re.compile(r"\d{0,5}(,\d{0,5})*")

_WHAT_TO_DO = {
    "3D": "make that database, or name another one",
    "28": "look at the user name and the password",
    "42501": "GRANT CREATE ON DATABASE to that user, or have its owner open the journal first",
    "25006": "name the server that can be written, not its copy",
    "53100": "the server's disk is full: make room there",
    "53300": "too many are connected to the server: end one of them",
    "55P03": f"another process held it for more than {LOCK_S} s: try again",
    "23": "it holds already what was to be written: verify the run that it belongs to",
    "XX": "it is damaged: look into the server's log",
}
"""What helps, by the beginning of the server's code. Source: PostgreSQL 17, appendix A."""

_WORDS = (("too many", "53300"), ("password", "28"), ("pg_hba", "28"), ("role", "28"), ("does not exist", "3D"))
"""A connection that the server refuses comes without a code: these words of it stand for one."""

_PUT = """
WITH held AS (
  UPDATE run SET last = %(last)s, seal = %(seal)s, beat_ms = %(now_ms)s, state = coalesce(%(state)s, state)
  WHERE run = %(run)s AND epoch = %(epoch)s RETURNING run
), entries AS (
  INSERT INTO entry (run, seq, at_ms, kind, account, body, seal)
  SELECT held.run, (one->>0)::bigint, (one->>1)::bigint, one->>2, (one->>3)::bigint, one->>4,
    CASE WHEN (one->>0)::bigint = %(last)s THEN %(seal)s END
  FROM held, json_array_elements(%(text)s::json) AS listed(one)
), fates AS (
  INSERT INTO fate (run, account, place, times, outcome)
  SELECT held.run, (one->>0)::bigint, (one->>1)::bigint, (one->>2)::bigint, one->>3
  FROM held, json_array_elements(%(fates)s::json) AS listed(one)
  ON CONFLICT (run, account, place) DO UPDATE
  SET times = greatest(fate.times, excluded.times), outcome = coalesce(nullif(excluded.outcome, ''), fate.outcome)
), accounts AS (
  INSERT INTO account (run, account, name, venue, is_done)
  SELECT held.run, (one->>0)::bigint, one->>1, one->>2, (one->>3)::bigint
  FROM held, json_array_elements(%(accounts)s::json) AS listed(one)
  ON CONFLICT (run, account) DO UPDATE SET name = excluded.name, venue = excluded.venue, is_done = excluded.is_done
)
SELECT run FROM held
"""

Done = TypeVar("Done")


class _LostError(StoreError):
    """The connection is gone: whether the last statement was carried out is not known."""


class PostgresStore(Tables):
    """Records in a database of a server. The database must exist; the tables are made where they are missing.

    A server on another machine is asked for TLS and its certificate is verified, unless the URL says `sslmode=`.

    Args:
        url: `postgresql://user:password@host:port/database`, where special signs of a password are written as %40 and the like;
            what it leaves out is found as by every client of PostgreSQL, a password in `PGPASSWORD` or `~/.pgpass` among it.

    Raises:
        StoreError: it cannot be used: the words say why, and what to do.
    """

    LOCKING = " FOR UPDATE"

    def __init__(self, url: Secret) -> None:
        self._driver = _driver()
        self._in_transaction = False
        self._url = url
        self._options, self._mask, self._where = _read(url, self._driver)
        self._connection = self._connected()
        try:
            self.salt = self._opened()
        except BaseException:
            self._connection.close()
            raise

    @property
    def where(self) -> str:
        """See `Store`."""
        return self._where

    def _opened(self) -> str:
        found = {
            name
            for (name,) in self.ask("SELECT table_name::text FROM information_schema.tables WHERE table_schema = ?", SCHEMA_NAME)
        }
        if not found:
            with self.atomically():
                self.ask("SELECT pg_advisory_xact_lock(?)", _MAKING)
                if not self.ask("SELECT 1 FROM pg_tables WHERE schemaname = ?", SCHEMA_NAME):
                    self.change(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA_NAME}")
                    return self.make(tables("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"))
        elif "meta" not in found:
            raise foreign(self._where)
        return self.recognise(self._where)

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """See `Tables`."""
        return self._repeated(lambda: self._execute(_in_theirs(statement), values).fetchall())

    def change(self, statement: str, *values: object) -> int:
        """See `Tables`."""
        return self._execute(_in_theirs(statement), values).rowcount

    @contextmanager
    def atomically(self) -> Iterator[None]:
        """See `Tables`."""
        yield from self._transaction(b"BEGIN")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See `Store`."""
        yield from self._transaction(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def _transaction(self, begin: bytes) -> Iterator[None]:
        self._repeated(lambda: self._execute(begin))
        self._in_transaction = True
        try:
            yield
            self._execute(b"COMMIT")
        except BaseException:
            with suppress(StoreError):
                self._execute(b"ROLLBACK")
            raise
        finally:
            self._in_transaction = False

    def put(self, run: RunRow, group: Group, fates: str, accounts: str, now_ms: int) -> None:
        """See `Tables`."""
        values = {
            "run": run.run,
            "epoch": run.epoch,
            "last": group.last,
            "seal": group.seal,
            "state": group.state,
            "now_ms": now_ms,
            "text": group.text,
            "fates": fates,
            "accounts": accounts,
        }
        try:
            rows = self._execute(_PUT.encode(), values).fetchall()
        except _LostError:
            self._reconnect()
            if self.ask("SELECT 1 FROM run WHERE run = ? AND last = ? AND seal = ?", run.run, group.last, group.seal):
                return  # it had arrived before the connection went
            rows = self._execute(_PUT.encode(), values).fetchall()
        if not rows:
            raise fenced(run)

    def remove(self, runs: Sequence[RunRow]) -> None:
        """See `Store`."""
        with self.atomically():
            for run in runs:
                for table in ("entry", "fate", "account", "run"):
                    self.change(f"DELETE FROM {table} WHERE run = ?", run.run)  # noqa: S608  # names of ours
        with suppress(StoreError):  # the server does it by itself, later
            for table in ("entry", "fate", "account", "run"):
                self.change(f"VACUUM {table}")

    def problems(self) -> list[str]:
        """See `Store`: a server has tools of its own for that."""
        return []

    def close(self) -> None:
        """See `Store`."""
        self._connection.close()

    def _repeated(self, work: Callable[[], Done]) -> Done:
        """What changes nothing can be done again on a new connection; within a transaction it belongs to the old one."""
        try:
            return work()
        except _LostError:
            if self._in_transaction:
                raise
        self._reconnect()
        return work()

    def _execute(self, statement: bytes, values: Sequence[object] | Mapping[str, object] | None = None) -> Cursor:
        try:
            return self._connection.execute(statement, values)
        except self._driver.Error as error:
            failure = self._failure(error)
        except UnicodeError as error:
            failure = StoreError(f"{self._where} cannot take that text ({error}): write it otherwise")
        raise failure  # out here, so that it brings along no frames of the driver's

    def _failure(self, error: psycopg.Error) -> StoreError:
        if self._connection.closed:
            return _LostError(f"the connection to {self._where} was lost: see whether the server runs, then try again")
        return StoreError(self._in_words(error.diag.message_primary or str(error), error.sqlstate or ""))

    def _in_words(self, said: str, code: str) -> str:
        """What went wrong, as the server says it, without a secret and on one line, and what helps."""
        words = shown(self._mask.hide_in_text(" ".join(said.split())))
        helps = next(
            (what for begins, what in _WHAT_TO_DO.items() if code.startswith(begins)), "look at the server, or try again"
        )
        return f"{self._where} could not be used: {words}; {helps}"

    def _connected(self) -> Connection:
        with ExitStack() as unless_well:
            try:
                connection: Connection = self._driver.connect(self._url.reveal(), autocommit=True, **self._options)
                unless_well.callback(connection.close)
                connection.execute(_SETTINGS)
            except (self._driver.Error, UnicodeError) as error:
                said = self._mask.hide_in_text(str(error))
            else:
                unless_well.pop_all()
                return connection
        code = next((code for word, code in _WORDS if word in said), "")
        raise StoreError(self._in_words(said, code))

    def _reconnect(self) -> None:
        self._connection.close()
        self._connection = self._connected()


def _driver() -> Any:
    try:
        import psycopg  # noqa: PLC0415  # it is large, and few need it
    except ImportError as error:
        raise StoreError(
            f"records in PostgreSQL need a package that is missing ({error.name}): pip install 'cancel-engine[postgres]'"
        ) from error
    return psycopg


def _vetted(url: Secret, driver: Any) -> dict[str, Secret]:
    """The parts of a URL.

    One that was written wrongly is read wrongly: a password with a `/` or an `@` in it may end up in any part. So no part is
    shown before all are as they should be.
    """
    parts = _parts(url, driver)
    names = [parts[part] for part in ("user", "host", "hostaddr", "dbname") if part in parts]
    port = parts.get("port", Secret(""))
    if not parts or any(_ODD.search(name.reveal()) for name in names) or not _PORTS.fullmatch(port.reveal()):
        raise StoreError(
            "the URL of the database cannot be read: it is postgresql://user:password@host:port/database, with every special "
            "sign of the password as %40 and the like"
        )
    return parts


def _read(url: Secret, driver: Any) -> tuple[dict[str, object], Mask, str]:
    """How to connect beside what the URL says, what must not be shown, and the database in words."""
    parts = _vetted(url, driver)
    name = parts.get("dbname", Secret(""))
    hosts = parts.get("host", parts.get("hostaddr", Secret("")))
    options: dict[str, object] = {
        "connect_timeout": CONNECT_S,
        "tcp_user_timeout": SILENCE_S * 1000,
        "application_name": "cancel-engine",
    }
    if not all(_is_here(host) for host in hosts.reveal().split(",")):
        # The system's own list of authorities, as everywhere in the engine.
        options |= {"sslmode": "verify-full", "sslrootcert": "system"}
    if "sslmode" in parts:
        options.pop("sslrootcert", None)
    options = {option: value for option, value in options.items() if option not in parts}
    where = f"the database {shown(name.reveal())} on {shown(hosts.reveal() or 'this machine')}"
    return (
        options | {"client_encoding": "UTF8"},
        Mask(parts[part] for part in ("password", "sslpassword") if part in parts),
        where,
    )


def _parts(url: Secret, driver: Any) -> dict[str, Secret]:
    """The parts of a URL, nothing where it is none."""
    if not url.reveal().startswith(("postgresql://", "postgres://")):
        return {}
    try:
        read = driver.conninfo.conninfo_to_dict
        return {part: Secret(str(value)) for part, value in read(url.reveal()).items()}
    except (driver.Error, UnicodeError):
        return {}


def _is_here(host: str) -> bool:
    return not host or host.startswith(("/", "127.")) or host in ("localhost", "::1")


def _in_theirs(statement: str) -> bytes:
    """The statement with placeholders as this driver has them."""
    return statement.replace("?", "%s").encode()
