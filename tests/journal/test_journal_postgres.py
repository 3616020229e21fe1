"""What can go wrong with a server, and what is said about it: one sentence, with what to do, and never a password."""

import re
import secrets
import subprocess
import sys
import textwrap
import time
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from journal.records import Pen, begun, whole
from support import everything_told

from engine import Secret
from engine.journal import postgres as module
from engine.journal.entries import FATE, RUN
from engine.journal.postgres import PostgresStore
from engine.journal.store import FencedError, StoreError
from engine.journal.verifying import verify

ROOT = Path(__file__).parent.parent.parent
PASSWORD = "S3cr3t-N0t-Sh0wn"
PIECES = ("S3cr3t", "N0t", "Sh0wn")


def refusal(url, *hidden):
    """What opening says; it gives away nothing that is hidden."""
    with pytest.raises(StoreError) as caught:
        PostgresStore(url).close()
    words = str(caught.value)
    told = everything_told(caught.value)
    assert "\n" not in words
    assert [] == [each for each in (*hidden, url.reveal()) if each in told]
    return words


@contextmanager
def role(server, rights=""):
    """Another user of the server."""
    name = "u" + secrets.token_hex(4)
    server.ask(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' {rights}")
    try:
        yield name
    finally:
        server.ask(f"DROP OWNED BY {name}")
        server.ask(f"DROP ROLE {name}")


def cut(server):
    """End every other connection, as a server does that is told to."""
    server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cancel-engine'")


def test_the_tables_stand_in_a_schema_of_their_own(database):
    """A database of somebody else's gets one schema, and nothing else in it is touched."""
    database.server.ask("CREATE TABLE public.run (a int)")
    try:
        assert [] == verify(database.store(), whole(database.store()))
        tables = database.server.ask("SELECT table_schema || '.' || table_name FROM information_schema.tables "
                                     "WHERE table_schema IN ('public', 'cancel_engine') ORDER BY 1")  # fmt: skip
        rows = database.server.ask("SELECT count(*) FROM public.run")
    finally:
        database.server.ask("DROP TABLE public.run")

    expected = [f"cancel_engine.{name}" for name in ("account", "entry", "fate", "meta", "run")] + ["public.run"]
    assert expected == [name for (name,) in tables]
    assert [(0,)] == rows


@pytest.mark.parametrize(
    ("set_to", "expected"), [("off", "on"), ("local", "on"), ("remote_write", "on"), ("remote_apply", "remote_apply")]
)
def test_a_commit_waits_for_the_disk(database, set_to, expected):
    """Whatever the server is set to, a commit waits for the disk; one that waits for more goes on to."""
    database.server.ask(f"ALTER DATABASE postgres SET synchronous_commit = {set_to}")
    try:
        assert [(expected,)] == database.store().ask("SHOW synchronous_commit")
    finally:
        database.server.ask("ALTER DATABASE postgres RESET synchronous_commit")


@pytest.mark.parametrize("where", ["@/postgres?host=%2Fnowhere", "@127.0.0.1:1/postgres", "@127.0.0.1:1,127.0.0.1:2/postgres"])
def test_no_server(where):
    """Where no server answers, it is said which database could not be reached."""
    words = refusal(Secret(f"postgresql://me:{PASSWORD}{where}"), *PIECES)

    assert re.fullmatch(r"the database 'postgres' on '.+' could not be used: .+; look at the server, or try again", words)


def test_a_name_that_no_machine_has():
    """A machine that is not there is an error of one sentence."""
    assert "could not be used" in refusal(Secret(f"postgresql://me:{PASSWORD}@nowhere.invalid/postgres"), *PIECES)


def test_a_wrong_password(server):
    """A password that is refused is not repeated."""
    words = refusal(server.url(password=PASSWORD), *PIECES, server.password)

    assert re.search(r"password authentication failed for user .+; look at the user name and the password$", words)


def test_an_unknown_user(server):
    """A user that is not there is told by name."""
    assert words_end(refusal(server.url(user="nobody-here"), server.password), "look at the user name and the password")


def test_an_unknown_database(server):
    """A database that is not there is not made."""
    words = refusal(server.url("nowhere"), server.password)

    assert words_end(words, "make that database, or name another one")
    assert [] == server.ask("SELECT 1 FROM pg_database WHERE datname = 'nowhere'")


def words_end(words, what):
    """Whether a sentence says what to do."""
    return words.endswith(f"; {what}")


def test_a_user_who_may_make_nothing(server):
    """A user without the right to make the tables is told who can give it."""
    with role(server) as name:
        words = refusal(server.url(user=name, password=PASSWORD), *PIECES)

    assert words_end(words, "GRANT CREATE ON DATABASE to that user, or have its owner open the journal first")


def test_a_user_who_may_use_what_was_made(database):
    """A user with rights on the tables, and none to make any, can write a record."""
    database.store()
    with role(database.server) as name:
        database.server.ask(f"GRANT USAGE ON SCHEMA cancel_engine TO {name}")
        database.server.ask(f"GRANT ALL ON ALL TABLES IN SCHEMA cancel_engine TO {name}")
        with closing(PostgresStore(database.server.url(user=name, password=PASSWORD))) as store:
            assert [] == verify(store, whole(store))


def test_a_server_that_only_reads(server):
    """A server that takes no writes is told from one that does."""
    with role(server) as name:
        server.ask(f"GRANT CREATE ON DATABASE postgres TO {name}")
        server.ask(f"ALTER ROLE {name} SET default_transaction_read_only = on")
        words = refusal(server.url(user=name, password=PASSWORD), *PIECES)

    assert words_end(words, "name the server that can be written, not its copy")


def test_too_many_connections(server):
    """A server that takes no more connections says so."""
    with role(server, "CONNECTION LIMIT 0") as name:
        words = refusal(server.url(user=name, password=PASSWORD), *PIECES)

    assert words_end(words, "too many are connected to the server: end one of them")


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE cancel_engine.customers (a int)", "CREATE TABLE cancel_engine.meta (name text, value text)"]
)
def test_somebody_elses_schema_is_left_alone(database, statement):
    """A schema of our name with other tables is refused, and nothing is made in it."""
    database.server.ask("CREATE SCHEMA cancel_engine")
    database.server.ask(statement)
    words = refusal(database.url, database.server.password)

    assert words.endswith("holds something else than a journal, and is left as it is: name another one")
    assert [(1,)] == database.server.ask("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'cancel_engine'")


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("3", "was written by a newer version (form 3) and this one reads form 2; update, or name another one"),
        ("x", "('x'): name another one"),
    ],
)
def test_another_form_is_not_read(database, form, words):
    """A journal of another form is refused, and it is said which."""
    database.store()
    database.change("UPDATE meta SET value = ? WHERE name = 'form'", form)

    assert refusal(database.url, database.server.password).endswith(words)


ODD_URLS = [
    f"postgresql://me:{PASSWORD}@home@127.0.0.1:1/x",
    f"postgresql://me:{PASSWORD}/home@127.0.0.1:1/x",
    f"postgresql://me:1/{PASSWORD}@127.0.0.1:1/x",
    f"postgresql://me:{PASSWORD}?home@127.0.0.1:1/x",
    f"postgresql://me:{PASSWORD}%zz@127.0.0.1:1/x",
    f"postgresql://me:{PASSWORD}@127.0.0.1:{PASSWORD}/x",
    f"postgresql://me:{PASSWORD}@[::1/x",
    f"postgresql://me:{PASSWORD}@127.0.0.1:1/x?{PASSWORD}=1",
    f"postgresql://me:{PASSWORD}@127.0.0.1:1/x?sslmode={PASSWORD}",
    f"postgresql://me:{PASSWORD}@127.0.0.1:1/x?connect_timeout={PASSWORD}",
    f"postgresql://me:{PASSWORD}\0@127.0.0.1:1/x",
    f"postgresql://me:{PASSWORD}\ud800@127.0.0.1:1/x",
    f"postgresql://{PASSWORD}",
    f"postgresql://@:{PASSWORD}",
    f"host=127.0.0.1 port=1 password={PASSWORD}",
    f"host=127.0.0.1 {PASSWORD}",
    f"mysql://me:{PASSWORD}@127.0.0.1/x",
    PASSWORD,
]


@pytest.mark.parametrize("url", ODD_URLS[:-6])
def test_a_url_that_cannot_be_read_gives_nothing_away(url):
    """However wrongly a URL is written, no part of its password comes out, neither in words nor in a variable of a frame."""
    refusal(Secret(url), *PIECES)


@pytest.mark.parametrize("url", ODD_URLS[-4:])
def test_what_is_no_url_gives_nothing_away(url):
    """What is no URL of such a database is refused without being repeated."""
    assert refusal(Secret(url), *PIECES).startswith(
        "the URL of the database cannot be read: it is postgresql://user:password@host"
    )


def test_a_database_is_named_without_its_password(database):
    """Where records are kept is said by the database and the machine, and nothing else of the URL."""
    where = database.store().where

    assert f"the database 'postgres' on {str(database.server.folder)!r}" == where


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgresql://me@db.example/x", "verify-full"),
        ("postgresql://me@10.0.0.1/x", "verify-full"),
        ("postgresql://me@127.0.0.1,db.example/x", "verify-full"),
        ("postgresql://me@/x?hostaddr=10.0.0.1", "verify-full"),
        ("postgresql://me@db.example/x?sslmode=require", None),
        ("postgresql://me@127.0.0.1/x", None),
        ("postgresql://me@localhost/x", None),
        ("postgresql://me@[::1]/x", None),
        ("postgresql:///x?host=%2Ftmp", None),
        ("postgresql:///x", None),
    ],
)
def test_another_machine_is_asked_for_a_certificate(url, mode):
    """A server on another machine must show a certificate that is verified, unless the URL says otherwise."""
    assert mode == module._read(Secret(url), psycopg)[0].get("sslmode")


def test_the_password_stays_inside(database):
    """Neither the store nor any error of it shows the password, with or without the variables of its frames."""
    store = database.store()
    pen = begun(store)
    errors = []
    for statement in ("SELECT nothing", "SELECT 1/0", "INSERT INTO run (run_id) VALUES ('x')"):
        with pytest.raises(StoreError) as caught:
            store.ask(statement)
        errors.append(everything_told(caught.value))
    database.change("DELETE FROM run")
    with pytest.raises(FencedError) as caught:
        pen.write((RUN, 0, {}))
    errors += [everything_told(caught.value), repr(store), str(vars(store))]

    assert [] == [each for each in errors if database.server.password in each or database.url.reveal() in each]


def test_a_connection_that_was_idle_too_long_is_made_anew(database):
    """After the server has ended the connection between two operations each of them goes on."""
    store = database.store()
    pen = begun(store)
    for act in (
        lambda: pen.write((RUN, 0, {})),
        lambda: store.beat(pen.run, 5),
        store.runs,
        lambda: begun(store, "b"),
        lambda: list(store.entries(pen.run)),
        lambda: pen.write((FATE, 1, [0, "cancelled"])),
        lambda: verify(store, pen.run),
    ):
        cut(database.server)
        act()

    assert [] == verify(store, pen.run)
    assert 1 == store.find("a").last


@pytest.mark.parametrize("act", ["change", "ask"])
def test_a_connection_that_is_lost_in_a_transaction_leaves_nothing(database, act):
    """A transaction whose connection goes is an error, nothing of it stays, and the next one goes on."""
    store = database.store()
    pen = begun(store)

    def transaction():
        with store.atomically():
            store.change("UPDATE run SET beat_ms = 1")
            cut(database.server)
            getattr(store, act)("UPDATE run SET last = 1 RETURNING run")

    with pytest.raises(
        StoreError, match=r"^the connection to the database 'postgres' on '.+' was lost: see whether the server runs"
    ):
        transaction()
    pen.write((RUN, 0, {}))

    assert 0 == store.find("a").last
    assert 1 != store.find("a").beat_ms


class Deaf(PostgresStore):
    """A store whose connection goes just before it hears how its first group went."""

    is_deaf = True

    def _execute(self, statement, values=None):
        cursor = super()._execute(statement, values)
        if b"INSERT INTO entry" in statement and self.is_deaf:
            self.is_deaf = False
            self._connection.close()
            raise module._LostError("gone")
        return cursor


def test_a_group_that_had_arrived_is_not_written_twice(database):
    """Where the connection goes after the commit and before the answer, the group is found to be there."""
    with closing(Deaf(database.url)) as store:
        pen = begun(store)
        pen.write((RUN, 0, {}), (FATE, 1, [0, "cancelled"]))
        pen.write((FATE, 1, [1, "cancelled"]))

        assert not store.is_deaf
        assert [] == verify(store, pen.run)
        assert 2 == store.find("a").last


def test_whoever_comes_back_too_late_is_fenced(database):
    """A writer whose connection goes, and whose run is taken over meanwhile, writes nothing more."""
    store = database.store()
    pen = begun(store)
    pen.write((RUN, 0, {}))
    cut(database.server)
    database.change("UPDATE run SET epoch = epoch + 1")

    with pytest.raises(FencedError):
        pen.write((FATE, 1, [0, "cancelled"]))
    assert 0 == store.find("a").last


def test_a_server_that_is_gone_and_comes_back(database):
    """While the server is down each operation is an error at once; when it is back, the same store goes on."""
    store = database.store()
    pen = begun(store)
    pen.write((RUN, 0, {}))
    database.server.stop()
    try:
        for act in (
            lambda: pen.write((FATE, 1, [0, "cancelled"])),
            store.runs,
            lambda: store.beat(pen.run, 5),
            lambda: begun(store, "b"),
        ):
            start_s = time.monotonic()
            with pytest.raises(StoreError, match=r"could not be used: .+; look at the server, or try again"):
                act()
            assert time.monotonic() - start_s < module.CONNECT_S
    finally:
        database.server.start()
    pen.write((FATE, 1, [0, "cancelled"]))

    assert [] == verify(store, pen.run)
    assert 1 == store.find("a").last


def test_whoever_holds_a_row_is_waited_for_and_then_named(database):
    """A run that somebody else holds is waited for, and given up after 2 s."""
    store = database.store()
    pen = begun(store)
    with psycopg.connect(database.url.reveal()) as other:
        other.execute("SELECT 1 FROM cancel_engine.run FOR UPDATE")
        start_s = time.monotonic()
        with pytest.raises(StoreError, match="another process held it for more than 2 s: try again"):
            pen.write((RUN, 0, {}))
        waited_s = time.monotonic() - start_s
    pen.write((RUN, 0, {}))

    assert module.LOCK_S - 0.5 < waited_s < module.LOCK_S + 5
    assert [] == verify(store, pen.run)


def test_a_missing_package_is_named():
    """Without psycopg it is said how to install it, and importing the journal needs none."""
    code = """
        import sys
        sys.modules["psycopg"] = None
        from engine import Secret
        from engine.journal.postgres import PostgresStore
        from engine.journal.store import StoreError
        try:
            PostgresStore(Secret("postgresql://a:b@c/d"))
        except StoreError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert "" == done.stderr
    assert [
        "records in PostgreSQL need a package that is missing (psycopg): pip install 'cancel-engine[postgres]'",
    ] == done.stdout.splitlines()


def test_two_pens_of_one_run_are_told(database):
    """Two writers who both believe that they hold a run, in one epoch, do not mix: the second is refused."""
    store = database.store()
    pen = begun(store)
    twin = Pen(store, pen.run)
    pen.write((RUN, 0, {}))

    with pytest.raises(StoreError, match="verify the run that it belongs to"):
        twin.write((RUN, 0, {}))
    assert [] == verify(store, pen.run)
