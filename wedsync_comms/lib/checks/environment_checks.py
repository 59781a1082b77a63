"""Whether Redis is there, and whether the settings suit where we run."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 (Django's name)
from django.db import connection
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 3
# What Docker and Podman put into a container; Kubernetes sets the variable.
CONTAINER_FILES = ("/.dockerenv", "/run/.containerenv")
CONTAINER_VARIABLE = "KUBERNETES_SERVICE_HOST"
# A volume is another file system than the container's own.
CONTAINER_ROOT = Path("/")
FOLDER = "wedsync_comms.lib.storage.folder.FolderStorage"


@register(Tags.security, deploy=True)
def check_redis(**_: Any) -> list[CheckMessage]:
    if not settings.REDIS_URL:
        return []
    try:
        with Redis.from_url(
            settings.REDIS_URL,
            socket_connect_timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            client.ping()
    except (RedisError, OSError, ValueError) as error:
        return [
            Warning(
                f"Redis cannot be asked: {error}",
                hint="Set REDIS_URL to where Redis is (redis://:password@host:6379/0), or leave it "
                "out: the database then does its work, more slowly.",
                id="wedsync.W007",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def check_public_url(**_: Any) -> list[CheckMessage]:
    if is_reached_by_tls(settings.PUBLIC_URL):
        return []
    return [
        Warning(
            f"PUBLIC_URL is “{settings.PUBLIC_URL}”, and providers, calendars and browsers reach "
            "an installation by https:// only.",
            hint="Set it to the public name, like https://comms.example.com, and let a proxy in "
            "front speak TLS (compose.yaml shows one). Cookies and redirects follow from it.",
            id="wedsync.W008",
        )
    ]


def is_reached_by_tls(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname)


@register(Tags.security, deploy=True)
def check_sqlite(**_: Any) -> list[CheckMessage]:
    if connection.vendor != "sqlite" or not is_container():
        return []
    return [
        Warning(
            "The database is a file in a container, and goes when the container does.",
            hint="Set DATABASE_URL to a PostgreSQL (15 or newer), or at least to a file on a "
            "volume, and then run one container only.",
            id="wedsync.W009",
        )
    ]


@register(Tags.security, deploy=True)
def check_files(**_: Any) -> list[CheckMessage]:
    folder = settings.STORAGES["files"]["OPTIONS"].get("location")
    kind = settings.STORAGES["files"]["BACKEND"]
    if kind != FOLDER or not is_container() or not goes_with_container(Path(folder)):
        return []
    return [
        Warning(
            f"Files are kept in {folder}, a folder of this container: no other one finds them, and "
            "they go when the container does.",
            hint="Set FILES_URL to a folder on a volume that all containers mount, or to a bucket "
            "(s3://…).",
            id="wedsync.W010",
        )
    ]


def goes_with_container(folder: Path) -> bool:
    """Whether a folder, which may not be there yet, is on no volume."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return there.stat().st_dev == CONTAINER_ROOT.stat().st_dev


def is_container() -> bool:
    files = (Path(name).exists() for name in CONTAINER_FILES)
    return CONTAINER_VARIABLE in os.environ or any(files)
