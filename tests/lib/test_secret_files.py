"""Secrets that come from files, and what is said where one cannot be used."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from wedsync_comms.lib.environment.secret_files import SecretFileEnv

Give = Callable[[bytes], None]


@pytest.fixture
def env() -> SecretFileEnv:
    return SecretFileEnv()


@pytest.fixture
def give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Give:
    """`give(contents)` names a file with them in A_SECRET_FILE."""
    monkeypatch.delenv("A_SECRET", raising=False)

    def write(contents: bytes) -> None:
        (tmp_path / "secret").write_bytes(contents)
        monkeypatch.setenv("A_SECRET_FILE", str(tmp_path / "secret"))

    return write


@pytest.mark.parametrize(
    ("contents", "secret"),
    [
        (b"re_1", "re_1"),
        (b"re_1\n", "re_1"),
        (b"re_1\r\n\r\n", "re_1"),
        (b"\xef\xbb\xbfre_1\n", "re_1"),
        (b" spaces are part of it \n", " spaces are part of it "),
        (b"$ecret", "$ecret"),
        (rb"a\$b$c", r"a\$b$c"),
        ("Schlüssel".encode(), "Schlüssel"),
    ],
)
def test_what_a_file_holds_is_the_value(
    contents: bytes, secret: str, env: SecretFileEnv, give: Give
) -> None:
    give(contents)

    assert env.str("A_SECRET", default="") == secret


def test_several_values_and_addresses_come_from_files_too(env: SecretFileEnv, give: Give) -> None:
    give(b"whsec_new,whsec_old\n")
    assert env.list("A_SECRET", default=[]) == ["whsec_new", "whsec_old"]

    give(b"postgres://ann:p$ssword@db:5432/wedsync?sslmode=require\n")
    read = env.db_url("A_SECRET")
    assert (read["PASSWORD"], read["NAME"]) == ("p$ssword", "wedsync")
    assert read["OPTIONS"] == {"sslmode": "require"}


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"one\ntwo\n", "several lines"),
        (b"\xff\xfe", "is no text"),
    ],
)
def test_what_is_no_secret_is_refused_without_showing_it(
    contents: bytes, says: str, env: SecretFileEnv, give: Give
) -> None:
    give(contents)

    with pytest.raises(ImproperlyConfigured, match=rf"A_SECRET_FILE names .*secret, .*{says}") as e:
        env.str("A_SECRET", default="")
    assert "two" not in str(e.value)


def test_a_file_that_is_not_there_is_named(
    env: SecretFileEnv, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("A_SECRET_FILE", str(tmp_path / "away"))

    with pytest.raises(ImproperlyConfigured, match=r"A_SECRET_FILE names .*away.*No such file"):
        env.str("A_SECRET", default="")


def test_a_value_and_a_file_contradict_each_other(
    env: SecretFileEnv, give: Give, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(b"from the file")
    monkeypatch.setenv("A_SECRET", "")
    assert env.str("A_SECRET") == "from the file"

    monkeypatch.setenv("A_SECRET", "given")
    with pytest.raises(ImproperlyConfigured, match="A_SECRET and A_SECRET_FILE are both set"):
        env.str("A_SECRET", default="")


def test_env_files_may_name_files_and_contradict_nothing_in_silence(
    env: SecretFileEnv, give: Give, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(b"from the file\n")
    # Set and taken away again, so that the end of the test takes away what .env sets.
    monkeypatch.delenv("A_SECRET_FILE")
    monkeypatch.setenv("A_SECRET", "")
    monkeypatch.delenv("A_SECRET")
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"A_SECRET_FILE={tmp_path / 'secret'}\nA_SECRET=given\n")
    env.read_env(dotenv)

    with pytest.raises(ImproperlyConfigured, match="both set"):
        env.str("A_SECRET", default="")
    monkeypatch.delenv("A_SECRET")
    assert env.str("A_SECRET") == "from the file"


def test_what_is_in_neither_has_its_default(env: SecretFileEnv) -> None:
    assert env.str("A_SECRET", default="usual") == "usual"
    with pytest.raises(ImproperlyConfigured, match="A_SECRET"):
        env.str("A_SECRET")


def test_a_variable_may_still_name_another(
    env: SecretFileEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANOTHER", "value with a $")
    monkeypatch.setenv("A_SECRET", "$ANOTHER")

    assert env.str("A_SECRET") == "value with a $"
