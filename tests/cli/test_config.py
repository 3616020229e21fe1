"""Settings: where they come from, what goes before what, what is refused, and the file to begin with."""

import inspect
import json
import re
import stat
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pytest

from engine import CancelEngine, ConfigError, Retry
from engine.config import VENUES, find_settings, open_venue, read_settings
from engine.config.files import KINDS
from engine.config.schema import KEYS, SECTIONS, variable_of
from engine.config.settings import in_toml
from engine.config.starter import starter

PASSWORD = "pa55word-of-nobody"
DATABASE = f"postgresql://user:{PASSWORD}@db.test/journal"


@pytest.fixture
def settings_file(tmp_path):
    """Write a settings file that only its owner can read."""

    def write(text, mode=0o600):
        path = tmp_path / "settings.toml"
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


# --- the table


def test_a_default_is_what_holds_without_a_setting():
    """The defaults of the table are those of the engine, of its retries and of its venues."""
    engine = inspect.signature(CancelEngine).parameters
    retry = {each.name: each.default for each in fields(Retry)}

    assert retry == {name: key.default for name, key in SECTIONS["retry"].keys.items()}
    assert retry == {name: getattr(Retry(**read_settings(None).chosen("retry")), name) for name in retry}
    for name in ("in_flight", "in_flight_in_all", "active_accounts", "grace_s"):
        assert engine[name].default == read_settings(None).bounds[name]
    for name, kind in VENUES.items():
        said = {key: each.default for key, each in kind.settings.items() if each.default is not None}
        assert vars(open_venue(name, {})) == vars(open_venue(name, said))


@pytest.mark.parametrize("path", KEYS)
def test_every_setting_is_whole(path):
    """Each setting says what it decides, its default or example is one that it takes, and its variable can be one."""
    key = KEYS[path]
    value = key.example if key.default is None else key.default

    assert key.says.endswith(".")
    assert KINDS[key.kind][1](value)
    assert re.fullmatch(r"CANCEL_ENGINE_[A-Z_]+", variable_of(path))


def test_no_two_settings_have_one_variable_or_one_option():
    """A variable, and an option, stand for one setting."""
    options = [key.option for key in KEYS.values() if key.option]

    assert len(KEYS) == len({variable_of(path) for path in KEYS})
    assert len(options) == len(set(options))


# --- what comes before what


def test_what_comes_later_goes_before_what_comes_earlier(settings_file):
    """Default, file, environment, command line: each beats those before it, value by value, and each is named as the source."""
    path = settings_file("[run]\ndeadline_s = 1\nsettle_s = 1\n\n[retry]\nholds = 1\n")
    environment = {"CANCEL_ENGINE_RUN_SETTLE_S": "2", "CANCEL_ENGINE_RETRY_HOLDS": "2"}
    settings = read_settings(path, environment=environment, given=["retry.holds=3"])
    told = {name: (settings[name], settings.came_from(name)) for name in ("run.grace_s", "run.deadline_s", "run.settle_s")}

    assert {
        "run.grace_s": (0.5, "default"),
        "run.deadline_s": (1, f"{path}:2"),
        "run.settle_s": (2, "CANCEL_ENGINE_RUN_SETTLE_S"),
    } == told
    assert (3, "command line: --set retry.holds") == (settings["retry.holds"], settings.came_from("retry.holds"))


TEXTS = {
    "run.deadline_s": ("2.5", 2.5),
    "run.in_flight": ("7", 7),
    "retry.sweeps": ("0", 0),
    "retry.first_wait_s": ("0", 0),
    "blast_radius.max_notional": ("0.5", Decimal("0.5")),
    "journal.record": ("FALSE", False),
    "venue.opinion.open_statuses": ("1, 6", [1, 6]),
    "venue.polymarket.tier": ("gold", "gold"),
    "log.level": ("debug", "debug"),
    "secrets.vault": ("our.vault:secret_of", "our.vault:secret_of"),
}


@pytest.mark.parametrize("path", TEXTS)
def test_a_text_is_read_as_the_setting_is_meant(path):
    """A variable and --set give the value that the same setting of a file has."""
    text, value = TEXTS[path]
    found = [read_settings(None, environment={variable_of(path): text}), read_settings(None, given=[f"{path}={text}"])]

    assert [value, value] == [each[path] for each in found]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("run.deadline_s", "soon"),
        ("run.deadline_s", "nan"),
        ("run.deadline_s", ""),
        ("run.in_flight", "0"),
        ("run.in_flight", "1.5"),
        ("run.in_flight", "9" * 5_000),
        ("journal.record", "maybe"),
        ("venue.opinion.open_statuses", "1,x"),
        ("log.level", "loud"),
        ("blast_radius.max_orders", "-1"),
        ("blast_radius.max_notional", "1e999999"),
        ("accounts.file", " "),
    ],
)
def test_a_text_that_is_no_value_is_refused(path, text):
    """A variable or --set that cannot be read as its setting is named, and what stands in it is not shown."""
    for options in ({"environment": {variable_of(path): text}}, {"given": [f"{path}={text}"]}):
        with pytest.raises(ConfigError) as caught:
            read_settings(None, **options)
        assert "must be" in str(caught.value)
        assert len(str(caught.value)) < 300
        assert not text.strip() or text not in str(caught.value)


def test_paths_begin_at_their_file(settings_file, tmp_path, monkeypatch):
    """A path in a file begins at the folder of the file, another one where the command is started; ~ is the home folder."""
    monkeypatch.setenv("HOME", "/home/nobody")
    path = settings_file('[accounts]\nfile = "a.toml"\n[report]\ndirectory = "/reports"\n[journal]\nplace = "~/j.db"\n')
    settings = read_settings(path)
    given = read_settings(path, environment={"CANCEL_ENGINE_ACCOUNTS_FILE": "b.toml"})

    assert str(tmp_path / "a.toml") == settings["accounts.file"]
    assert ("/reports", "/home/nobody/j.db") == (settings["report.directory"], settings["journal.place"])
    assert "b.toml" == given["accounts.file"]


LINES = {
    "plain": ("[run]\ngrace_s = 1\n", 2),
    "dotted": ("run.grace_s = 1\n", 1),
    "in one line": ("# nothing\nrun = {grace_s = 1}\n", 2),
    "in quotes": ('["run"]\n\n"grace_s" = 1\n', 3),
    "beside what looks like it": ('[report]\ndirectory = """\n[run]\ngrace_s = 2\n"""\n[run]\n\ngrace_s = 1\n', 8),
}


@pytest.mark.parametrize("name", LINES)
def test_the_line_of_a_setting_is_told(settings_file, name):
    """However a file is written, the place of a value is the line where it stands."""
    text, line = LINES[name]
    path = settings_file(text)

    assert (1, f"{path}:{line}") == (read_settings(path)["run.grace_s"], read_settings(path).came_from("run.grace_s"))


# --- what is refused


FAULTS = """\
[run]
deadline = 3
in_flight = "many"
[retires]
holds = 1
[venue.opinion]
base_url = "http://example.com"
[venue.polymarket]
tier = "titanium"
[venue.kalshi]
[journal]
record = false
required = true
"""


def test_everything_wrong_is_named_at_once(cli, settings_file, monkeypatch):
    """`config check` names each fault with its place and what to do, exits with 2, and shows no value of a variable."""
    path = settings_file(FAULTS)
    monkeypatch.setenv("CANCEL_ENGINE_RUN_IN_FLIHGT", "3")
    monkeypatch.setenv("CANCEL_ENGINE_RETRY_READS", PASSWORD)
    ran = cli("config", "check", "--config", path, "--set", "run.settle=1", "--json")
    wanted = (
        f"{path}:2: [run]: unknown key 'deadline'; did you mean 'deadline_s'?",
        f"{path}:3: [run]: in_flight must be a whole number of at least 1",
        f"{path}:4: unknown key 'retires'; did you mean 'retry'?",
        f"{path}:10: [venue]: unknown key 'kalshi'; known: opinion, polymarket",
        "the environment variable CANCEL_ENGINE_RETRY_READS must be a whole number of at least 1",
        "the environment variable 'CANCEL_ENGINE_RUN_IN_FLIHGT' is no setting; did you mean 'CANCEL_ENGINE_RUN_IN_FLIGHT'?",
        "--set: unknown setting 'run.settle'; did you mean 'run.settle_s'?",
    )

    assert (2, "", False) == (ran.code, ran.err, ran.document["is_clean"])
    assert [] == [each for each in wanted if each not in ran.document["faults"]]
    assert ["https://", "titanium", "contradict"] == [
        word for word in ("https://", "titanium", "contradict") if any(word in fault for fault in ran.document["faults"])
    ]
    assert 10 == len(ran.document["faults"])
    assert PASSWORD not in ran.out


def test_a_file_of_nothing_but_faults_takes_no_time(settings_file):
    """Of a great many unknown keys some are named; none of them is looked at for longer than that takes."""
    faults = find_settings(settings_file("[run]\n" + "".join(f"deadline_{number} = 1\n" for number in range(50_000)))).faults

    assert 100 == len(faults)


def test_another_command_names_the_first_fault_and_counts_the_rest(cli, settings_file):
    """A job with faulty settings is one line and exit code 2, and says where all of them are named."""
    ran = cli("cancel-all", "--yes", "--config", settings_file(FAULTS))

    assert (2, "") == (ran.code, ran.out)
    assert "cancel-engine config check names them all" in ran.line


def test_what_is_right_is_said_to_be(cli, settings_file):
    """`config check` exits with 0 where nothing is wrong, also without a file."""
    for options in ((), ("--config", settings_file("[run]\ndeadline_s = 3\n"))):
        ran = cli("config", "check", *options)
        assert (0, "") == (ran.code, ran.err)
        assert "Nothing is wrong" in ran.out


def test_a_check_reads_the_accounts_and_the_vault(cli, settings_file):
    """What a job would stumble over is found by the check: an accounts file that is not there, a vault of no module."""
    ran = cli("config", "check", "--config", settings_file('[accounts]\nfile = "nowhere.toml"\n'), "--json")
    assert (2, 1) == (ran.code, len(ran.document["faults"]))
    assert "nowhere.toml: No such file" in ran.document["faults"][0]
    ran = cli("config", "check", "--config", settings_file('[secrets]\nvault = "no_such_module:f"\n'), "--json")
    assert (2, 1) == (ran.code, len(ran.document["faults"]))
    assert "there is no module no_such_module" in ran.document["faults"][0]


@pytest.mark.parametrize(
    ("text", "mode", "remedy"),
    [
        ('[venue.opinion]\nbase_url = "https://venue.test"\n', 0o602, "chmod o-w"),
        ('[secrets]\nvault = "a:b"\n', 0o620, "chmod go-w"),
        ('[secrets]\nvault = "a:b"\n', 0o602, "chmod go-w"),
        (f'[journal]\nplace = "{DATABASE}"\n', 0o640, "chmod 600"),
        (f'[journal]\nplace = "postgresql://db.test/x?password={PASSWORD}"\n', 0o604, "chmod 600"),
    ],
)
def test_a_file_of_such_things_is_not_others_to_touch(settings_file, text, mode, remedy):
    """Where keys are sent, which code runs and a password are taken from no file that the wrong people can write or read."""
    path = settings_file(text, mode)
    settings = find_settings(path)

    assert 1 == len(settings.faults)
    assert f"{remedy} {path}" in settings.faults[0]
    assert PASSWORD not in settings.faults[0]
    assert {"default"} == {each.source for each in settings.values.values()}
    assert () == find_settings(settings_file(text)).faults


# --- show


def test_what_holds_is_shown_with_where_it_came_from(cli, settings_file, monkeypatch):
    """`config show` is a file of settings again, each with its source; --json says the same."""
    path = settings_file("[run]\ndeadline_s = 12\n")
    monkeypatch.setenv("CANCEL_ENGINE_CONFIG", str(path))
    monkeypatch.setenv("CANCEL_ENGINE_RETRY_READS", "9")
    ran = cli("config", "show", "--set", "log.level=info")
    told = cli("config", "show", "--set", "log.level=info", "--json").document
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    again = read_settings(settings_file(ran.out))

    assert (0, "") == (ran.code, ran.err)
    assert f"deadline_s = 12 # {path}:2" in lines
    assert "reads = 9 # CANCEL_ENGINE_RETRY_READS" in lines
    assert 'level = "info" # command line: --set log.level' in lines
    assert "holds = 10 # default" in lines
    assert str(path) == told["file"]
    assert KEYS.keys() == told["settings"].keys()
    assert {name: each["value"] for name, each in told["settings"].items()} == json.loads(
        json.dumps({name: each.shown for name, each in again.values.items()}, default=str)
    )
    assert {"value": 12, "source": "file", "where": f"{path}:2", "variable": "CANCEL_ENGINE_RUN_DEADLINE_S"} == told["settings"][
        "run.deadline_s"
    ]


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_no_password_is_shown(cli, settings_file, monkeypatch, form):
    """The address of a database is masked, wherever it came from."""
    path = settings_file(f'[journal]\nplace = "{DATABASE}"\n')
    shown = [cli("config", "show", "--config", path, *form), cli("config", "show", "--set", f"journal.place={DATABASE}", *form)]
    monkeypatch.setenv("CANCEL_ENGINE_JOURNAL", DATABASE)
    shown.append(cli("config", "show", *form))

    assert [0, 0, 0] == [each.code for each in shown]
    assert [] == [each for each in shown if PASSWORD in each.out + each.err or "***" not in each.out]


# --- init


def test_a_file_to_begin_with_is_right_and_sets_nothing(cli, tmp_path):
    """`config init` writes a file for its owner alone that passes the check, explains every setting and sets none."""
    path = tmp_path / "mine.toml"
    ran = cli("config", "init", path)
    text = path.read_text("utf-8")

    assert (0, "") == (ran.code, ran.err)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert 0 == cli("config", "check", "--config", path).code
    assert {"default"} == {each.source for each in read_settings(path).values.values()}
    assert [] == [name for name in KEYS if f"\n# {name.rpartition('.')[2]} = " not in text]
    assert max(map(len, text.splitlines())) <= 100


def test_every_line_of_it_can_be_used(settings_file):
    """With each "# " before a name taken away, the file sets every setting to its default or its example."""
    settings = read_settings(settings_file(re.sub(r"(?m)^# (?=\w+ = )", "", starter())))
    wanted = {name: key.example if key.default is None else key.default for name, key in KEYS.items() if not key.is_path}

    assert {"file"} == {each.source for each in settings.values.values()}
    assert {name: in_toml(value) for name, value in wanted.items()} == {name: in_toml(settings[name]) for name in wanted}


def test_a_file_is_written_over_only_by_force(cli, tmp_path):
    """A file that is there stays as it is, unless --force is given; then only its owner can read what is there."""
    path = tmp_path / "mine.toml"
    path.write_text("precious")
    ran = cli("config", "init", path)
    assert (2, "", "precious") == (ran.code, ran.out, path.read_text())
    assert "--force" in ran.line
    assert 0 == cli("config", "init", path, "--force").code
    assert (starter(), 0o600) == (path.read_text(), stat.S_IMODE(path.stat().st_mode))
    assert [path] == list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_one_line(cli, tmp_path):
    """Where no file can be made, --force does not help, and both say why in one line."""
    for force in ((), ("--force",)):
        ran = cli("config", "init", tmp_path / "none" / "a.toml", *force)
        assert (2, "") == (ran.code, ran.out)
        assert "No such file or directory" in ran.line


# --- a job that is configured


def test_a_job_takes_its_settings(cli, simulate, tmp_path, state):
    """Accounts, address, journal and reports out of a file alone: the job is done, and a look back finds it by that file."""
    venue = simulate("--orders", 3, "--no-limits")
    path = tmp_path / "conf" / "all.toml"
    path.parent.mkdir()
    path.write_text(
        f'[accounts]\nfile = "{venue.accounts_file}"\n[venue.opinion]\nbase_url = "{venue.base_url}"\n'
        '[journal]\nplace = "runs.db"\n[report]\ndirectory = "reports"\n[run]\nin_flight = 2\n'
    )
    path.chmod(0o600)
    ran = cli("cancel-all", "--yes", "--json", "--config", path)
    run_id, kept = ran.document["run_id"], sorted((path.parent / "reports").iterdir())

    assert (0, 3) == (ran.code, ran.document["cancelled"])
    assert {f"{run_id}.json", f"{run_id}.csv"} <= {each.name for each in kept}
    assert [] == list(state.iterdir())
    assert [run_id] == [each["run_id"] for each in cli("runs", "--config", path, "--json").document["runs"]]
    assert 0 == cli("runs", "--config", path, "verify", "--json").code
    assert run_id == cli("report", run_id, "--config", path, "--json").document["run_id"]
    assert 0 == cli("orders", "--run", run_id, "--config", path, "--json").code
    assert kept == sorted((path.parent / "reports").iterdir())  # to look back writes no report again


def test_retries_are_as_many_as_the_settings_say(cli, simulate):
    """A page that never comes is asked for as often as `[retry]` says, by a listing and by a job."""
    venue = simulate("--fault", "html_502", "--no-limits")
    for verb in (("orders",), ("cancel-all", "--yes", "--no-journal")):
        use = (*verb, *venue.use, "--log-level", "debug", "--set", "retry.first_wait_s=0", "--set", "retry.longest_outage_s=0")
        told = [cli(*use, "--set", f"retry.listings={tries}").said for tries in (1, 3)]
        assert [1, 3] == [sum('"event": "request"' in line for line in lines) for lines in told]


def test_the_way_to_go_on_names_the_file_that_named_the_journal(cli, simulate, settings_file, tmp_path):
    """A run that was stopped is gone on with by the same file, so the line that says how names it."""
    venue = simulate("--orders", 40)
    path = settings_file('[journal]\nplace = "runs.db"\n')
    use = ("--accounts", venue.accounts_file, "--base-url", venue.base_url, "--config", path)
    ran = cli("cancel-all", "--yes", *use, "--deadline", 1)

    assert 1 == ran.code
    assert ran.err.rstrip().endswith(f"--config {path}")
    assert (tmp_path / "runs.db").exists()


def test_a_limit_of_the_file_refuses_a_job(cli, standing, settings_file):
    """`max_orders` of a file refuses what exceeds it and says whose limit that is; the command line can raise it."""
    path = settings_file("[blast_radius]\nmax_orders = 5\n")
    config, *_ = [standing.use[standing.use.index("--config") + 1]]
    path.write_text(path.read_text() + Path(config).read_text())
    use = ("--accounts", standing.accounts_file, "--base-url", standing.base_url, "--config", path)
    ran = cli("cancel-all", "--yes", *use)

    assert (2, "") == (ran.code, ran.out)
    assert f"more than blast_radius.max_orders ({path}:2) 5 allows" in ran.line
    assert 0 == cli("cancel-all", "--dry-run", "--max-orders", 5_000, *use).code
    assert "It would be refused" not in cli("cancel-all", "--dry-run", "--max-orders", 5_000, *use).out


def test_the_command_line_goes_before_the_settings(cli, simulate, state, settings_file, tmp_path):
    """A job that settings would not record is recorded where --journal says so; --no-journal lifts one that they would."""
    venue = simulate("--orders", 1, "--no-limits")
    use = ("cancel-all", "--yes", "--json", "--accounts", venue.accounts_file, "--base-url", venue.base_url)
    off = settings_file("[journal]\nrecord = false\n")
    assert (0, []) == (cli(*use, "--config", off).code, list(state.iterdir()))
    assert 0 == cli(*use, "--config", off, "--journal", tmp_path / "a.db").code
    assert (tmp_path / "a.db").exists()
    on = settings_file('[journal]\nplace = "b.db"\nrequired = true\n')
    assert 0 == cli(*use, "--config", on, "--no-journal").code
    assert not (tmp_path / "b.db").exists()


def test_help_needs_no_settings(cli, tmp_path, monkeypatch):
    """A broken or missing file of settings keeps nobody from reading the help."""
    monkeypatch.setenv("CANCEL_ENGINE_CONFIG", str(tmp_path / "nowhere.toml"))
    for verb in (("cancel-all",), ("runs",), ("runs", "verify"), ("config", "check"), ("keys", "derive")):
        assert 0 == cli(*verb, "--help").code
        assert 0 == cli(*verb, "-h").code
    assert (2, 2) == (cli("runs").code, cli("runs", "verify").code)
