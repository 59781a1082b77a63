"""FILES_URL -> an entry of Django's `STORAGES`: a folder, or a bucket of an S3-compatible store."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

Settings = dict[str, Any]

EXAMPLES = "/srv/wedsync/files or s3://bucket/folder?region=eu-west-1"
KEYS_UNQUOTED = (
    "FILES_URL cannot be read: what comes after a “:” is no bucket. In the keys of a bucket, write "
    "“/” as %2F, “?” as %3F and “#” as %23; the address of a store goes to the end, like "
    "s3://key:secret@bucket?endpoint=https://minio.example.com"
)
CHECKOUT = Path(__file__).resolve().parents[3]
S3_OPTIONS = ("region", "endpoint", "addressing_style")
# A storage that does not answer is noticed while somebody waits for a page, or for a mail.
CONNECT_TIMEOUT_S, READ_TIMEOUT_S, TRIES = 5, 10, 2


def storage_settings(url: str) -> Settings:
    """Returns what belongs into `STORAGES`. Raises ImproperlyConfigured with what to write.

    No sentence shows a part of the URL that may be one of a key.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ImproperlyConfigured(KEYS_UNQUOTED) from None
    if parts.scheme == "s3":
        return bucket_settings(parts)
    if parts.scheme not in ("", "file") or parts.netloc or not parts.path:
        raise ImproperlyConfigured(
            f"FILES_URL names neither a folder nor a bucket: write it like {EXAMPLES}."
        )
    # However a process is started, a relative one is the same.
    return folder_settings(CHECKOUT / unquote(parts.path))


def folder_settings(folder: Path) -> Settings:
    return {
        "BACKEND": "wedsync_comms.lib.storage.folder.FolderStorage",
        # What is in it is nobody's business but ours.
        "OPTIONS": {
            "location": str(folder),
            "base_url": None,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    }


def bucket_settings(parts: SplitResult) -> Settings:
    """Without keys in the URL, boto3 finds them as it always does: environment, role, profile."""
    bucket = parts.netloc.rpartition("@")[2]
    if ":" in bucket:
        raise ImproperlyConfigured(KEYS_UNQUOTED)
    if not bucket:
        raise ImproperlyConfigured(f"FILES_URL names no bucket: write it like {EXAMPLES}.")
    given = dict(parse_qsl(parts.query))
    if unknown := sorted(set(given) - set(S3_OPTIONS)):
        raise ImproperlyConfigured(
            f"FILES_URL has options nobody knows: {', '.join(unknown)}. There are: "
            f"{', '.join(S3_OPTIONS)}."
        )
    keys = {
        "access_key": unquote(parts.username or ""),
        "secret_key": unquote(parts.password or ""),
        "region_name": given.get("region"),
        "endpoint_url": given.get("endpoint"),
        "verify": os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE"),
    }
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "location": unquote(parts.path).strip("/"),
            "default_acl": None,
            # Our names are never used twice, so nobody has to ask whether one is taken.
            "file_overwrite": True,
            "client_config": client_config(given.get("addressing_style", "auto")),
            **{name: value for name, value in keys.items() if value},
        },
    }


def client_config(addressing_style: str) -> Any:
    try:
        # By name: an extra, which may not be installed.
        config = import_module("botocore.config").Config
    except ImportError as error:
        raise ImproperlyConfigured(
            "FILES_URL names a bucket, which needs the extra “s3”: install "
            "requirements-extras.lock instead of requirements.lock."
        ) from error
    return config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": TRIES},
        s3={"addressing_style": addressing_style},
    )
