"""What can be looked up at a terminal: help with examples for every command, completion, and the reference that is generated."""

import importlib.util
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from engine.cli import NAME, VERBS, cli
from engine.cli.completion import INSTALL
from engine.config.starter import starter

ROOT = Path(__file__).parents[2]


def generator():
    """The script behind `make docs`."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = generator()
top = GENERATOR.top
COMMANDS = {context.command_path: command for command, context in GENERATOR.walk(cli, top())}


def examples(command):
    """The lines of the block of examples in a command's help."""
    paragraphs = [paragraph.split("\n") for paragraph in (command.help or "").split("\n\n")]
    blocks = [lines[2:] for lines in paragraphs if lines[0].strip() == "\b" and lines[1].strip() == "Examples:"]
    return [line.strip() for block in blocks for line in block if line.strip()]


def words_of(line):
    """The words of the one call of ours in a line for a shell."""
    begin = line.index(f"{NAME} ")
    words = shlex.split(line[begin:].rstrip('")').partition(" > ")[0].partition(" >> ")[0].partition(" | ")[0])
    return words[1:]


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_examples_that_can_be_typed(path, tmp_path, monkeypatch):
    """Each command shows examples, each calls that command or one below it, and each is one that it takes."""
    monkeypatch.chdir(tmp_path)
    for name in ("cancel-engine.toml", "settings.toml"):
        Path(name).write_text(starter())
    lines = examples(COMMANDS[path])

    assert lines
    for line in lines:
        assert f"{path} " in f"{line} ".replace('")', " ")
        context, rest = top(), words_of(line)
        while isinstance(context.command, click.Group) and rest:
            name, command, rest = context.command.resolve_command(context, rest)
            context = command.make_context(name, list(rest), parent=context)  # an option that is not there is an error
            if isinstance(command, click.Group):
                rest = [*context._protected_args, *context.args]


def test_an_example_that_cannot_be_typed_would_be_found():
    """An option, and a value, that a command does not take are errors of the very call by which examples are tried."""
    command = cli.get_command(top(), "cancel-all")
    for words in (["--no-such-option"], ["--side", "up"], ["too", "much"]):
        with pytest.raises(click.UsageError):
            command.make_context("cancel-all", words, parent=top())


def test_the_table_of_verbs_says_what_the_verbs_say():
    """What the help lists without importing a verb is the verb's own name and words."""
    verbs = {name: cli.get_command(top(), name) for name in VERBS}

    assert {name: verb.name for name, verb in verbs.items()} == {name: name for name in VERBS}
    assert {name: verb.get_short_help_str(200) for name, verb in verbs.items()} == VERBS


@pytest.mark.parametrize("call", [["--help"], [], ["--version"], ["no-such-verb"]], ids=str)
def test_the_help_waits_for_nothing(call):
    """The list of verbs is printed without importing a verb, the engine's own stages, or what they stand on."""
    heavy = ("aiohttp", "anyio", "asyncio", "rich", "engine.run", "engine.config", "engine.simulator", "eth_account", "structlog")
    code = (
        f"import sys; from engine.cli import main; code = main({call}); import json\n"
        f"print(json.dumps([code, [name for name in {heavy} if name in sys.modules]]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=20, capture_output=True, text=True)
    code, loaded = json.loads(done.stderr.splitlines()[-1])

    assert code == (0 if call in (["--help"], ["--version"]) else 2)
    assert [] == (loaded if code == 0 else [])


# --- completion


@pytest.mark.parametrize("shell", INSTALL)
def test_a_script_for_a_shell_says_how_to_install_it(cli, shell):
    """Each script begins with a comment that says what to do with it, and asks this program."""
    ran = cli("completion", shell)

    assert (0, "") == (ran.code, ran.err)
    assert ran.out.startswith("# ")
    assert f"completion {shell}" in ran.out.split("\n")[1]
    assert f"_CANCEL_ENGINE_COMPLETE={shell}_complete" in ran.out


@pytest.mark.parametrize("shell", INSTALL)
def test_a_script_is_one_of_its_shell(cli, shell, tmp_path):
    """The shell itself, where it is installed, finds nothing wrong with the script."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    path = tmp_path / "script"
    path.write_text(cli("completion", shell).out)
    done = subprocess.run([program, "-n", str(path)], capture_output=True, text=True, timeout=20, check=False)

    assert (0, "") == (done.returncode, done.stderr)


def test_an_unknown_shell_is_one_line(cli):
    """A shell that has no script is refused with those that have one."""
    ran = cli("completion", "tcsh")

    assert (2, "") == (ran.code, ran.out)
    assert "'bash', 'zsh', 'fish'" in ran.line


WORDS = {
    "a verb": ("cancel-engine ca", 1, ["cancel", "cancel-all"]),
    "a verb below a verb": ("cancel-engine runs v", 2, ["verify"]),
    "an option": ("cancel-engine cancel-all --max-o", 2, ["--max-orders"]),
    "a choice": ("cancel-engine orders --side s", 3, ["sell"]),
    "a venue": ("cancel-engine orders --venue p", 3, ["polymarket"]),
    "a setting": ("cancel-engine orders --set run.dead", 3, ["run.deadline_s="]),
}


@pytest.mark.parametrize("name", WORDS)
def test_words_are_completed(name, tmp_path):
    """Verbs, options, choices, venues and settings are completed as a shell asks for them, with broken settings, too."""
    words, place, wanted = WORDS[name]
    asked = {"CANCEL_ENGINE_CONFIG": str(tmp_path / "nowhere.toml")}
    asked |= {"_CANCEL_ENGINE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(place)}
    code = "import sys; from engine.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=asked, timeout=20, capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert [f"plain,{word}" for word in wanted] == done.stdout.splitlines()


# --- documents


@pytest.mark.parametrize("name", ["commands.md", "configuration.md"])
def test_a_generated_document_is_current(name):
    """What the documents say of commands and settings is what the code says; `make docs` writes it anew."""
    path = ROOT / "docs" / name

    assert GENERATOR.documents()[path] == path.read_text("utf-8")


def test_every_command_and_every_option_is_in_the_reference():
    """The reference leaves out no command and no option."""
    text = (ROOT / "docs" / "commands.md").read_text("utf-8")
    options = {
        option for command in COMMANDS.values() for each in command.params for option in each.opts if option.startswith("--")
    }

    assert [] == [path for path in COMMANDS if f" {path}\n" not in text]
    assert [] == [option for option in options if option not in text]
