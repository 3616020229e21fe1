"""What can be wrong with a file, and what is said about it: one sentence, with what to do."""

import os
import re
import sqlite3
import stat
import subprocess
import tempfile
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from journal.records import NOW_MS, Pen, begun, whole

from engine.journal import sqlite as module
from engine.journal.entries import FATE, RUN
from engine.journal.sqlite import SqliteStore
from engine.journal.store import BusyError, FencedError, StoreError, UnknownRunError
from engine.journal.verifying import verify

NOBODY = 65534


def refusal(path):
    """What opening says."""
    with pytest.raises(StoreError) as caught:
        SqliteStore(path).close()
    words = str(caught.value)
    assert words.startswith(str(path))
    assert "\n" not in words
    assert not isinstance(caught.value, BusyError | FencedError | UnknownRunError)
    return words.removeprefix(f"{path} ")


def mode(path):
    """Who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def as_nobody():
    """Without the rights of root, where the tests have them."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder():
    """A folder that every user may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a few hundred kilobytes."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)], capture_output=True, check=False
    ).returncode:
        pytest.skip("no small disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_files_and_folders_are_made_for_their_owner_alone(tmp_path):
    """A new file, what SQLite keeps beside it and every folder that was missing can be read by their owner alone."""
    tmp_path.chmod(0o755)
    path = tmp_path / "one" / "two" / "records.db"
    with closing(SqliteStore(path)) as store:
        whole(store)
        files = {each.name: mode(each) for each in path.parent.iterdir()}

    assert {"records.db": 0o600, "records.db-wal": 0o600, "records.db-shm": 0o600} == files
    assert [0o700, 0o700, 0o755] == [mode(folder) for folder in [*path.parents][:3]]


def test_each_commit_is_on_disk(tmp_path):
    """The log is written ahead, and synchronised at each commit; space is given back a page at a time."""
    with closing(SqliteStore(tmp_path / "a.db")) as store:
        asked = [store.ask(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous", "auto_vacuum")]
    with closing(SqliteStore(tmp_path / "a.db")) as store:
        again = [store.ask(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous", "auto_vacuum")]

    assert ["wal", 2, 2] == asked == again


def test_a_link_leads_to_its_file(tmp_path):
    """A symbolic link is followed, also one whose file is not there yet."""
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "file.db")
    with closing(SqliteStore(link)) as store:
        whole(store)
    with closing(SqliteStore(tmp_path / "file.db")) as store:
        assert ["a"] == [run.run_id for run in store.runs()]
    assert link.is_symlink()


@pytest.mark.parametrize("name", ["with space?.db", "per%20cent#.db", "é😀.db", "file:x.db"])
def test_any_name_will_do(tmp_path, name):
    """Signs that mean something in a URL mean nothing in the name of a file."""
    with closing(SqliteStore(tmp_path / name)) as store:
        whole(store)

    assert [name] == [each.name for each in tmp_path.iterdir()]


def test_a_folder_is_no_file(tmp_path):
    """A folder is refused."""
    assert "is a folder: name a file in it" == refusal(tmp_path)


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero"])
def test_a_device_is_no_file(path):
    """A device is refused, and not read."""
    assert "is no file that could be written and read again: name another one" == refusal(Path(path))


def test_a_pipe_is_no_file(tmp_path):
    """A pipe is refused, and not waited for."""
    os.mkfifo(tmp_path / "pipe")

    assert "is no file that could be written and read again: name another one" == refusal(tmp_path / "pipe")


@pytest.mark.parametrize("path", ["/proc/nowhere/a.db", "/dev/null/a.db", "/tmp/" + "x" * 300, "/tmp/a\0b"])
def test_where_no_file_can_be_made(path):
    """A folder that cannot be made, a file in the place of a folder and an impossible name are refused in one sentence."""
    assert re.fullmatch(r"cannot be made: .+; name a file in a folder that can be written", refusal(Path(path)))


def test_a_folder_that_cannot_be_written(open_folder):
    """In a folder of somebody else's no file is made."""
    if os.geteuid() != 0:
        open_folder.chmod(0o555)
    with as_nobody():
        words = refusal(open_folder / "a.db")

    assert "cannot be made: Permission denied; name a file in a folder that can be written" == words


@pytest.mark.parametrize("file_mode", [0o444, 0o666, 0o000], ids=["file and folder", "folder", "unreadable"])
def test_a_journal_that_cannot_be_written(open_folder, file_mode):
    """Of a journal that is there and can only be read, or whose folder can, it is said that both must be writable."""
    path = open_folder / "a.db"
    with closing(SqliteStore(path)) as store:
        whole(store)
    path.chmod(file_mode)
    open_folder.chmod(0o555)
    with as_nobody():
        words = refusal(path)
    open_folder.chmod(0o755)

    assert re.fullmatch(r"cannot be written \(.+\): let this user write it and its folder, or name another file", words)


@pytest.mark.parametrize("data", [b"hello", b"h" * 511, b"h" * 100_000, b"\0" * 4096], ids=["short", "less", "long", "zeros"])
def test_what_is_no_database_is_left_alone(tmp_path, data):
    """A file of anything else is refused, and not a byte of it changed."""
    path = tmp_path / "notes.txt"
    path.write_bytes(data)

    assert "is no journal, and no database at all; it is left as it is: name another file" == refusal(path)
    assert data == path.read_bytes()


def test_an_empty_file_becomes_a_journal(tmp_path):
    """A file without a byte, as `mktemp` makes it, is taken."""
    (tmp_path / "a.db").touch()
    with closing(SqliteStore(tmp_path / "a.db")) as store:
        assert [] == verify(store, whole(store))


SAME_NAMES = "CREATE TABLE run (a); CREATE TABLE entry (a); CREATE TABLE fate (a); CREATE TABLE account (a);"


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE customers (name)",
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT)",
        f"{SAME_NAMES} CREATE TABLE meta (key, value)",
        f"{SAME_NAMES} CREATE TABLE meta (name, value)",
        "CREATE VIEW meta AS SELECT 1",
    ],
    ids=["others", "one of the same name", "all of the same names", "the same, blank", "a view"],
)
def test_somebody_elses_database_is_left_alone(tmp_path, statement):
    """A database with other tables is refused, also where they have our names, and not a byte of it changed."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(statement)
    before = path.read_bytes()

    assert "holds something else than a journal, and is left as it is: name another one" == refusal(path)
    assert before == path.read_bytes()
    assert [path] == [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("3", "was written by a newer version (form 3) and this one reads form 2; update, or name another one"),
        ("0", "was written by an older version (form 0) and this one reads form 2; name another one"),
        ("x", "does not say in which form it is written ('x'): name another one"),
        ("-1", "does not say in which form it is written ('-1'): name another one"),
        (None, "does not say in which form it is written ('None'): name another one"),
    ],
)
def test_another_form_is_not_read(file, form, words):
    """A journal of a newer, an older or an unknown form is refused, and it is said which."""
    file.store().close()
    if form is None:
        file.change("DELETE FROM meta WHERE name = 'form'")
    else:
        file.change("UPDATE meta SET value = ? WHERE name = 'form'", form)

    assert words == refusal(file.path)


@pytest.mark.parametrize("kept", [50, 600, 4096, 20_000])
def test_a_file_that_was_cut_off_is_damaged(tmp_path, kept):
    """Of a file whose end is missing it is said at once that it is damaged."""
    path = tmp_path / "a.db"
    with closing(SqliteStore(path)) as store:
        whole(store)
    path.write_bytes(path.read_bytes()[:kept])

    assert re.fullmatch(r"is (damaged \(.+\): keep a copy of it, and name another file|no journal, .+)", refusal(path))


def test_damaged_pages_are_found(tmp_path):
    """Where pages are overwritten, reading says so in one sentence, and `problems` and `verify` tell what is damaged."""
    path = tmp_path / "a.db"
    with closing(SqliteStore(path)) as store:
        pen = begun(store)
        pen.write((RUN, 0, {}), *((FATE, 1, [at, "cancelled"]) for at in range(3000)))
    data = bytearray(path.read_bytes())
    size = 4096
    for page in range(8, len(data) // size - 1):
        data[page * size : page * size + 64] = b"\xff" * 64
    path.write_bytes(data)
    with closing(SqliteStore(path)) as store:
        run = store.find("a")
        with pytest.raises(StoreError, match=r"is damaged \(.+\): keep a copy of it, and name another file"):
            list(store.entries(run))
        assert store.problems()
        assert any("is damaged" in sentence for sentence in verify(store, run))
        assert any("the database finds in its files" in sentence for sentence in verify(store, run))


def test_whoever_holds_the_file_is_waited_for_and_then_named(file):
    """A file that another program holds is waited for; after 2 s it is said that it is held, and nothing was written."""
    store = file.store()
    pen = begun(store)
    with closing(sqlite3.connect(file.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        start_s = time.monotonic()
        with pytest.raises(StoreError, match="was held by another program for more than 2 s: end that one, or name another file"):
            pen.write((RUN, 0, {}))
        waited_s = time.monotonic() - start_s
        other.execute("ROLLBACK")
    pen.write((RUN, 0, {}))

    assert 1.5 < waited_s < 10
    assert [0] == [entry.seq for entry in store.entries(pen.run)]


def test_a_file_that_is_held_can_be_opened_and_read(file):
    """While somebody else writes, a journal that is there is opened and read without waiting."""
    whole(file.store())
    with closing(sqlite3.connect(file.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        start_s = time.monotonic()
        assert ["a"] == [run.run_id for run in file.store().runs()]
        assert time.monotonic() - start_s < module.BUSY_S / 2


def test_a_file_that_is_held_for_a_moment_costs_no_more_than_that(file):
    """A writer that another one delays for less than 2 s goes on."""
    pen = begun(file.store())
    other = sqlite3.connect(file.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, other.execute, ["ROLLBACK"])
    timer.start()
    pen.write((RUN, 0, {}))
    timer.join()
    other.close()

    assert 0 == pen.store.find("a").last


def test_a_full_disk_keeps_what_is_there(small_disk):
    """On a full disk a group is refused, what was written before it is whole, and once there is room it goes on."""
    path = small_disk / "a.db"
    with closing(SqliteStore(path)) as store:
        pen = begun(store)
        pen.write((RUN, 0, {}))
        words = None
        while words is None:
            try:
                pen.write(*((FATE, 1, [pen.seq + each, "cancelled"]) for each in range(100)))
            except StoreError as error:
                words = str(error)
        run = store.find("a")

        assert f"{path} cannot grow: the disk is full; make room, or name a file on another disk" == words
        assert run.last == pen.seq - 1
        assert [] == verify(store, run)
        subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
        pen.write((FATE, 1, [1, "cancelled"]))
        assert [] == verify(store, run)


def test_a_file_that_may_not_grow_keeps_what_is_there(file):
    """A database at its largest size refuses a group as a full disk does, and stays whole."""
    store = file.store()
    pen = begun(store)
    pen.write((RUN, 0, {}))
    store.ask(f"PRAGMA max_page_count = {store.ask('PRAGMA page_count')[0][0] + 2}")

    with pytest.raises(StoreError, match="cannot grow: the disk is full"):
        pen.write(*((FATE, 1, [at, "cancelled"]) for at in range(5000)))
    assert [] == verify(store, pen.run)


def test_a_full_disk_has_no_room_for_a_new_journal(small_disk):
    """A journal that is to be made on a full disk is refused when it is opened."""
    with suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)

    words = refusal(small_disk / "a.db")

    assert re.search(r"the disk is full; make room|look at the disk, which may be full or failing|No space left on device", words)


class OnTheNetwork(SqliteStore):
    """A store whose file lies where processes cannot share memory, as SQLite sees it."""

    OPENING = "mode=rw&vfs=unix-dotfile"


def test_a_disk_without_a_write_ahead_log_is_refused(tmp_path):
    """Where SQLite cannot keep a write-ahead log, nothing is recorded in some slower way without a word."""
    with pytest.raises(
        StoreError, match=r"lies where SQLite cannot keep a write-ahead log \(.+ instead\), as on a network's disk: "
    ):
        OnTheNetwork(tmp_path / "a.db")


def test_space_is_given_back(file):
    """A file from which a long run is removed is small again, and one that somebody else holds is not a failure."""
    store = file.store()
    whole(store, "kept")
    pen = begun(store, "gone")
    pen.write((RUN, 0, {}), *((FATE, 1, [at, "cancelled"]) for at in range(20_000)))
    store.ask("PRAGMA wal_checkpoint(TRUNCATE)")
    large = file.path.stat().st_size
    reader = file.store()
    with reader.snapshot():
        reader.runs()
        store.remove([pen.run])
    assert ["kept"] == [run.run_id for run in store.runs()]
    store.remove([])
    store.close()

    assert large > 1_000_000
    assert file.path.stat().st_size < large / 10


class Removing(SqliteStore):
    """A store that lets somebody else in while it removes a run."""

    meanwhile = None

    def change(self, statement, *values):
        """As a store does, and then the other one's turn."""
        changed = super().change(statement, *values)
        if statement.startswith("DELETE FROM entry"):
            self.meanwhile()
        return changed


def test_whoever_writes_to_a_run_that_is_being_removed_is_fenced(file):
    """From the first moment of a removal on nothing more gets into the run: nothing of it can stay behind."""
    pen = begun(file.store())
    pen.write((RUN, 0, {}))
    refusals = []

    def writes():
        with pytest.raises(FencedError) as caught:
            pen.write((FATE, 1, [0, "cancelled"]))
        refusals.append(caught.value)

    with closing(Removing(file.path)) as store:
        store.meanwhile = writes
        store.remove([pen.run])

    assert refusals
    assert [] == list(file.store().entries(pen.run))


def test_a_removal_leaves_room_for_others(file):
    """While a long run is removed another one is written, and never waits as long as 2 s."""
    store, other = file.store(), file.store()
    pen = begun(store, "gone")
    for at in range(0, 100_000, 10_000):
        pen.write(*((FATE, 1, [at + each, "cancelled"]) for each in range(10_000)))
    heir = begun(other, "kept")
    heir.write((RUN, 0, {}))
    remover = threading.Thread(target=store.remove, args=([pen.run],))
    remover.start()
    longest_s = 0.0
    while remover.is_alive():
        start_s = time.monotonic()
        heir.write((FATE, 1, [heir.seq, "cancelled"]))
        longest_s = max(longest_s, time.monotonic() - start_s)
    remover.join()

    assert heir.seq > 3
    assert longest_s < module.BUSY_S
    assert [] == verify(other, heir.run)


def test_a_second_reader_in_the_same_process_gives_up_no_lock(file):
    """Opening and closing the file again does not let another program in while this process writes."""
    store = file.store()
    pen = begun(store)
    with store.atomically():
        store.change("UPDATE run SET beat_ms = 1")
        file.store().close()
        code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0.2).execute('UPDATE run SET beat_ms = 2')"
        done = subprocess.run(
            [os.sys.executable, "-c", code, str(file.path)], capture_output=True, text=True, check=False, timeout=30
        )

    assert "database is locked" in done.stderr
    assert 1 == store.find("a").beat_ms
    assert NOW_MS == pen.run.began_ms


def test_two_runs_of_one_file_do_not_mix(file):
    """Two runs that are written in turn are each whole, and each has its own entries."""
    store = file.store()
    one, two = begun(store, "one"), begun(store, "two")
    for at in range(3):
        for pen in (one, two):
            pen.write((FATE if at else RUN, at and 1, [at, pen.run.run_id] if at else {}))

    assert [["one", "one"], ["two", "two"]] == [[each.outcome for each in store.fates(pen.run)] for pen in (one, two)]
    assert [[], []] == [verify(store, pen.run) for pen in (one, two)]
    assert isinstance(one, Pen)
