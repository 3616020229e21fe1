"""Where tests keep records: files of SQLite, and databases of a PostgreSQL server that the tests start."""

import os
import pwd
import secrets
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from engine import Secret
from engine.journal.postgres import PostgresStore
from engine.journal.sqlite import SqliteStore

START_S = 30.0


def program(name):
    """A program of the server's: on the path, or where the system's package has it."""
    packaged = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4].partition(".")[0]))
    return shutil.which(name) or (str(packaged[-1]) if packaged else None)


def server_user():
    """Whom the server runs as: it refuses to be root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    names = {each.pw_name for each in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


class Server:
    """A server of PostgreSQL of the tests' own, reached by a socket in a folder of its own."""

    def __init__(self, folder, user):
        self.folder = Path(folder)
        self._data = self.folder / "data"
        self._as = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        self.user = "tester"
        self.password = "a pass/word@with:signs?" + secrets.token_hex(8)
        self._process = None

    def _run(self, name, *arguments):
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [program(name), *arguments],
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._as,
            )

    def make(self):
        """Its files; whoever connects needs a password."""
        if self._as:
            os.chown(self.folder, pwd.getpwnam(self._as["user"]).pw_uid, self._as["group"])
        words = self.folder / "password"
        words.write_text(self.password)
        words.chmod(0o644)
        made = self._run(
            "initdb", "-D", str(self._data), "-U", self.user, f"--pwfile={words}", "-A", "scram-sha-256", "-E", "UTF8", "-N"
        )
        if made.wait(2 * START_S) != 0:
            pytest.skip(f"initdb failed: {(self.folder / 'log').read_text()[-300:]}")

    def start(self):
        """Until it answers."""
        self._process = self._run("postgres", "-D", str(self._data), "-k", str(self.folder), "-c", "listen_addresses=", "-F")
        until_s = time.monotonic() + START_S
        while not (self.folder / ".s.PGSQL.5432").exists() or not self._answers():
            if self._process.poll() is not None or time.monotonic() > until_s:
                self.stop()
                pytest.skip(f"PostgreSQL did not start: {(self.folder / 'log').read_text()[-300:]}")
            time.sleep(0.05)

    def _answers(self):
        try:
            self.ask("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def stop(self):
        """At once, with whoever is connected."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # what the server calls a fast shutdown
            self._process.wait(START_S)

    def url(self, database="postgres", *, user=None, password=None):
        """Where a database is."""
        words = quote(password or self.password, safe="")
        return Secret(f"postgresql://{user or self.user}:{words}@/{database}?host={quote(str(self.folder), safe='')}")

    def ask(self, statement, *values, database="postgres"):
        """Ask as the tests do, beside every store."""
        with psycopg.connect(self.url(database).reveal(), autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def server():
    """One server for all tests of a session."""
    user = server_user()
    if program("initdb") is None or program("postgres") is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    if user is None:
        pytest.skip("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = Server(folder, user)
        server.make()
        try:
            server.start()
            yield server
        finally:
            server.stop()


class Place:
    """Where records are kept in one test: opens stores, and reaches around them."""

    def __init__(self):
        self._open = []

    def store(self):
        """Another store on the same records."""
        store = self.new_store()
        self._open.append(store)
        return store

    def close(self):
        """Every store that was opened."""
        while self._open:
            self._open.pop().close()


class File(Place):
    """A file of SQLite."""

    name = "sqlite"

    def __init__(self, folder):
        super().__init__()
        self.path = folder / "journal" / "records.db"

    @property
    def where(self):
        """For `Journal.open`."""
        return self.path

    def new_store(self):
        """A store that its user closes."""
        return SqliteStore(self.path)

    def remove(self):
        """Give up every store, and all that they have made."""
        self.close()
        for file in self.path.parent.iterdir():
            file.unlink()

    def arguments(self):
        """For another process: which store to open, and on what."""
        return ["sqlite", str(self.path)]

    def change(self, statement, *values):
        """Change what is kept behind the stores' backs."""
        connection = sqlite3.connect(self.path, timeout=10)
        try:
            with connection:
                return connection.execute(statement, values).rowcount
        finally:
            connection.close()


class Database(Place):
    """A database of PostgreSQL, empty again at its end."""

    name = "postgres"

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.url = server.url()

    @property
    def where(self):
        """For `Journal.open`."""
        return self.url

    def new_store(self):
        """A store that its user closes."""
        return PostgresStore(self.url)

    def remove(self):
        """Give up every store, and all that they have made."""
        self.close()
        self.server.ask("DROP SCHEMA IF EXISTS cancel_engine CASCADE")

    def arguments(self):
        """For another process: which store to open, and on what."""
        return ["postgres", self.url.reveal()]

    def change(self, statement, *values):
        """Change what is kept behind the stores' backs."""
        with psycopg.connect(self.url.reveal(), autocommit=True) as connection:
            connection.execute("SET search_path TO cancel_engine")
            return connection.execute(statement.replace("?", "%s"), values).rowcount


@pytest.fixture
def file(tmp_path):
    """A place for records in a file."""
    place = File(tmp_path)
    yield place
    place.close()


@pytest.fixture
def database(server):
    """A place for records in a database of the server."""
    place = Database(server)
    yield place
    place.remove()


@pytest.fixture(params=["sqlite", "postgres"])
def place(request):
    """A place for records of either kind."""
    return request.getfixturevalue("file" if request.param == "sqlite" else "database")
