"""Where keys are kept: a variable, a file, the keyring, a vault; each found, and each refused without being shown."""

import sys

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked
from support import everything_told

from engine import ConfigError, Secret
from engine.config import read_accounts
from engine.config.secrets import load_vault

KEY = "k3y0123456789abcdef-secret"
WALLET = "0x" + "1a" * 32


class Memory(KeyringBackend):
    """A keyring that is forgotten."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.kept = {}
        self.is_locked = False

    def get_password(self, service, username):
        """What is kept under a name."""
        if self.is_locked:
            raise KeyringLocked(f"locked, and it holds {self.kept}")
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        """Keep it."""
        self.kept[service, username] = password

    def delete_password(self, service, username):
        """Forget it."""
        del self.kept[service, username]


@pytest.fixture
def ring():
    """A keyring of the test's own, in the place of that of whoever runs the tests."""
    before = keyring.get_keyring()
    keyring.set_keyring(Memory())
    yield keyring.get_keyring()
    keyring.set_keyring(before)


def accounts(tmp_path, reference, *, mode=0o644, **options):
    """The accounts of a file whose one key is this reference."""
    path = tmp_path / "accounts.toml"
    path.write_text(f'[[account]]\nname = "alice"\nvenue = "opinion"\napi_key = "{reference}"\n')
    path.chmod(mode)
    return read_accounts(path, environment={"SOME_KEY": KEY}, **options)


def key_of(tmp_path, reference, **options):
    """The key that a reference stands for."""
    (account,) = accounts(tmp_path, reference, **options)
    return account.credentials.api_key.reveal()


def refused(tmp_path, reference, **options):
    """The words that refuse a reference; no variable of any frame holds the key."""
    with pytest.raises(ConfigError) as caught:
        accounts(tmp_path, reference, **options)
    assert KEY not in everything_told(caught.value)
    assert "account 'alice'" in str(caught.value)
    return str(caught.value)


# --- a file


@pytest.mark.parametrize("content", [KEY, f"{KEY}\n", f"{KEY}\r\n"], ids=["bare", "line", "windows"])
def test_a_key_is_read_from_its_file(tmp_path, content):
    """The file is found from the folder of the accounts file, and a line end at its end is not the key's."""
    (tmp_path / "keys").mkdir()
    path = tmp_path / "keys" / "alice"
    path.write_bytes(content.encode())
    path.chmod(0o600)

    assert KEY == key_of(tmp_path, "file:keys/alice")
    assert KEY == key_of(tmp_path, f"file:{path}")


def test_a_home_is_a_folder_like_any_other(tmp_path, monkeypatch):
    """`~` in the name of a file is the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "key").write_text(KEY)
    (tmp_path / "home" / "key").chmod(0o600)

    assert KEY == key_of(tmp_path, "file:~/key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666], ids=oct)
def test_a_file_with_a_key_is_its_owners_alone(tmp_path, mode):
    """A key that others may read or change is refused, with the command that mends it."""
    path = tmp_path / "key"
    path.write_text(KEY)
    path.chmod(mode)

    assert f"chmod 600 {path}" in refused(tmp_path, f"file:{path}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (KEY, "no file of the name that follows file: in api_key"),
        ("", "no file of the name"),
        ("a" * 5_000, "no file of the name"),
        (".", "Is a directory"),
    ],
    ids=["a key", "nothing", "long", "folder"],
)
def test_no_file_is_no_key(tmp_path, name, words):
    """A file that is not there is not named, because what stands there may be the key itself."""
    assert words in refused(tmp_path, f"file:{name}")


def test_bytes_that_are_no_text_are_no_key(tmp_path):
    """A file that is no text is refused without showing what is in it."""
    path = tmp_path / "key"
    path.write_bytes(KEY.encode() + b"\xff")
    path.chmod(0o600)

    assert "is not UTF-8" in refused(tmp_path, "file:key")


def test_a_blank_file_is_no_key(tmp_path):
    """A file without anything in it is refused like a blank key."""
    path = tmp_path / "key"
    path.write_text("\n")
    path.chmod(0o600)

    assert "blank" in refused(tmp_path, "file:key")


# --- the keyring


def test_a_key_is_read_from_the_keyring(tmp_path, ring):
    """What is stored under the service and the name is the key; another service has keys of its own."""
    keyring.set_password("cancel-engine", "alice", KEY)
    keyring.set_password("desk", "alice", f"{KEY}-of-the-desk")

    assert 2 == len(ring.kept)
    assert KEY == key_of(tmp_path, "keyring:alice")
    assert f"{KEY}-of-the-desk" == key_of(tmp_path, "keyring:alice", keyring_service="desk")


def test_a_keyring_without_it_says_how_to_store_it(tmp_path, ring):
    """A name that the keyring does not know is not shown, and the command that stores it is."""
    assert not ring.kept
    assert "keyring set cancel-engine NAME" in refused(tmp_path, f"keyring:{KEY}")


def test_a_keyring_that_fails_is_told_by_its_kind(tmp_path, ring):
    """What a keyring raises is named, and its words, which may hold everything, are not shown."""
    keyring.set_password("cancel-engine", "alice", KEY)
    ring.is_locked = True

    assert "KeyringLocked" in refused(tmp_path, "keyring:alice")


def test_without_the_extra_its_name_is_told(tmp_path, process):
    """Where the package is not installed, the line says which command installs it."""
    path = tmp_path / "accounts.toml"
    path.write_text('[[account]]\nname = "alice"\nvenue = "opinion"\napi_key = "keyring:alice"\n')
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "keyring.py").write_text("raise ImportError('as if it were not there')\n")
    ran = process("orders", "--accounts", path, env={"PYTHONPATH": str(tmp_path / "hidden"), "PATH": ""})

    assert (2, "") == (ran.code, ran.out)
    assert "pip install 'cancel-engine[keyring]'" in ran.line


# --- a vault


def secret_of(name):
    """A vault that knows one name."""
    if name == "desk/alice":
        return KEY
    raise LookupError(f"{KEY} is not called {name}")


VAULTS = {"nothing": lambda name: None, "number": lambda name: 7, "secret": lambda name: Secret(KEY)}
"""Vaults that give back the same for every name."""


def test_a_vault_gives_the_secret_of_a_name(tmp_path):
    """A function that is given the name gives back the key, as text or as a secret."""
    assert KEY == key_of(tmp_path, "vault:desk/alice", vault=secret_of)
    assert KEY == key_of(tmp_path, "vault:anything", vault=VAULTS["secret"])


@pytest.mark.parametrize(
    ("vault", "words"),
    [(secret_of, "raised LookupError"), (VAULTS["nothing"], "gave back no text"), (VAULTS["number"], "gave back no text")],
    ids=["raises", "nothing", "number"],
)
def test_a_vault_that_fails_is_told_by_its_kind(tmp_path, vault, words):
    """What a vault raises is named, and its words, which may hold a secret, are not shown."""
    told = refused(tmp_path, "vault:desk/bob", vault=vault)

    assert words in told
    assert "desk/bob" not in told


def test_without_a_vault_the_setting_is_named(tmp_path):
    """A reference to a vault where none is known says which setting is missing."""
    assert "secrets.vault" in refused(tmp_path, "vault:desk/alice")


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """A folder of modules with vaults, good and bad."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "our_vault_for_tests.py").write_text(
        f"def secret_of(name):\n    return {{'desk/alice': {KEY!r}}}[name]\nasync def later(name):\n    return ''\nNUMBER = 7\n"
    )
    (folder / "our_broken_vault_for_tests.py").write_text(f"raise RuntimeError({KEY!r})\n")
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in ("our_vault_for_tests", "our_broken_vault_for_tests"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("our_vault_for_tests", "must name a function, as module:function"),
        ("our_vault_for_tests:secret of", "must name a function"),
        ("no_such_module_for_tests:secret_of", "there is no module no_such_module_for_tests"),
        ("our_vault_for_tests:no_such", "has no function no_such"),
        ("our_vault_for_tests:NUMBER", "has no function NUMBER"),
        ("our_vault_for_tests:later", "has no function later"),
        ("our_broken_vault_for_tests:secret_of", "importing our_broken_vault_for_tests raised RuntimeError"),
    ],
)
def test_a_vault_that_is_none_is_one_line(modules, named, words):
    """A setting that names no function is refused, and what its module raises is told by its kind alone."""
    with pytest.raises(ConfigError) as caught:
        load_vault(named)

    assert words in str(caught.value)
    assert "secrets.vault" in str(caught.value)
    assert KEY not in everything_told(caught.value)
    assert modules.exists()


def test_a_vault_that_the_settings_name_serves_the_command_line(cli, tmp_path, modules, standing):
    """An accounts file of references, and settings that name the function: the key reaches the venue, and nothing shows it."""
    vault = modules / "our_vault_for_tests.py"
    vault.write_text(vault.read_text().replace(KEY, standing.keys[0]))
    settings, path = tmp_path / "settings.toml", tmp_path / "accounts.toml"
    settings.write_text('[secrets]\nvault = "our_vault_for_tests:secret_of"\n')
    settings.chmod(0o600)
    path.write_text('[[account]]\nname = "alice"\nvenue = "opinion"\napi_key = "vault:desk/alice"\n')
    ran = cli("orders", "--accounts", path, "--base-url", standing.base_url, "--config", settings, "--log-level", "debug")
    checked = cli("config", "check", "--config", settings, "--set", f"accounts.file={path}")

    assert (0, 0) == (ran.code, checked.code)
    assert standing.keys[0] not in ran.out + ran.err + checked.out


def test_both_forms_of_a_file_refer_alike(tmp_path):
    """A cell of a CSV file refers to a vault as a text of TOML does, and such a file may be read by all."""
    path = tmp_path / "accounts.csv"
    path.write_text("name,venue,api_key\nalice,opinion,vault:desk/alice\n")
    path.chmod(0o644)

    assert [KEY] == [each.credentials.api_key.reveal() for each in read_accounts(path, environment={}, vault=secret_of)]


# --- a wallet's private key


def test_a_wallet_is_read_from_where_it_is_kept(cli, simulate, tmp_path, ring):
    """`keys derive` takes the private key from a file or the keyring as it does from the environment, and shows nothing of it."""
    venue = simulate("--venue", "opinion", "--orders", 0)
    kept = tmp_path / "wallet"
    kept.write_text(f"{WALLET}\n")
    kept.chmod(0o600)
    ring.set_password("cancel-engine", "wallet", WALLET)
    ring.set_password("desk", "wallet", WALLET)
    use = ("keys", "derive", "--venue", "opinion", "--set", f"venue.opinion.base_url={venue.base_url}")
    places = (
        ("--private-key-from", f"file:{kept}"),
        ("--private-key-from", "keyring:wallet"),
        ("--private-key-from", "keyring:wallet", "--set", "secrets.keyring_service=desk"),
    )
    files = [tmp_path / f"{number}.toml" for number in range(len(places))]
    ran = [cli(*use, *place, "--out", path) for place, path in zip(places, files, strict=True)]

    assert [0, 0, 0] == [each.code for each in ran]
    assert 1 == len({path.read_text() for path in files})
    assert not [each for each in ran if WALLET[2:] in each.out + each.err]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--private-key-from", WALLET), "must begin with env:, file:, keyring: or vault:"),
        (("--private-key-from", f"file:{WALLET}"), "there is no file"),
        (("--private-key-from", "env:NOT_SET_HERE"), "NOT_SET_HERE is not set"),
        (("--private-key-from", "env:A", "--private-key-env", "A"), "contradict each other"),
    ],
)
def test_a_place_without_a_wallet_is_one_line(cli, tmp_path, options, words):
    """What is no place, or has no key in it, is one line that shows nothing of it; no file is left."""
    ran = cli("keys", "derive", "--venue", "opinion", "--out", tmp_path / "a.toml", *options)

    assert (2, "", []) == (ran.code, ran.out, list(tmp_path.iterdir()))
    assert words in ran.line
    assert WALLET[2:] not in ran.line
