"""Settings from files: `NAME_FILE=/run/secrets/name` instead of `NAME=…`, for every variable.

As orchestrators hand secrets over: a file is seen by nobody who lists processes or their
environment.
"""

import os
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping


class SecretFiles(FileAwareMapping):
    """The environment, with the contents of files where it names them.

    django-environ's own prefers the file in silence where both are given, fails with a traceback
    where there is none, and keeps the newline at its end.
    """

    def __getitem__(self, key: str) -> str:
        path = self.env.get(f"{key}_FILE")
        value: str | None = self.env.get(key)
        if path and value:
            raise ImproperlyConfigured(f"{key} and {key}_FILE are both set: take one of them out.")
        if path:
            return taken_literally(read_secret(f"{key}_FILE", Path(path)))
        if value is None:
            raise KeyError(key)
        # One that begins with $ names another variable, as django-environ reads it.
        return value if value.startswith("$") else taken_literally(value)

    def setdefault(self, key: str, default: str = "") -> str:
        """What a line of `.env` says, for which no other variable is looked at."""
        return str(self.env.setdefault(key, default))


class SecretFileEnv(environ.Env):
    ENVIRON = SecretFiles(os.environ, cache=False)

    def __init__(self) -> None:
        super().__init__()
        self.escape_proxy = True


def taken_literally(value: str) -> str:
    """Returns it so that django-environ makes nothing else of its dollars."""
    return value.replace("$", r"\$")


def read_secret(variable: str, path: Path) -> str:
    """Returns what a file holds, without the newline at its end.

    Raises ImproperlyConfigured, with a sentence that has nothing of the contents.
    """
    try:
        secret = path.read_text(encoding="utf-8-sig").rstrip("\r\n")
    except OSError as error:
        raise ImproperlyConfigured(
            f"{variable} names {path}, which cannot be read ({error.strerror}): mount it there, "
            "readable for the user that runs this, or correct the path."
        ) from error
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"{variable} names {path}, which is no text.") from error
    if not secret:
        raise ImproperlyConfigured(f"{variable} names {path}, which is empty.")
    if len(secret.splitlines()) > 1:
        raise ImproperlyConfigured(
            f"{variable} names {path}, which has several lines: one value is expected; where "
            "several are allowed, commas separate them."
        )
    return secret
