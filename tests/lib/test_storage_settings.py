"""FILES_URL: a folder or a bucket, or a sentence about what to write."""

import re
import sys
import traceback
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from wedsync_comms.lib.storage.storage_settings import storage_settings


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("/srv/files", "/srv/files"),
        ("/srv/our files", "/srv/our files"),
        ("file:///srv/our%20files", "/srv/our files"),
        ("var/files", f"{settings.BASE_DIR}/var/files"),
        ("./files", f"{settings.BASE_DIR}/files"),
    ],
)
def test_a_path_is_a_folder(url: str, location: str) -> None:
    made = storage_settings(url)
    assert made["BACKEND"].endswith("FolderStorage")
    assert made["OPTIONS"]["location"] == location


@pytest.mark.parametrize("url", ["", "gs://bucket", "file://host/files", "C:/x"])
def test_what_is_neither_a_folder_nor_a_bucket_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="neither a folder nor a bucket"):
        storage_settings(url)


@pytest.fixture
def botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra that the tests do without; here is only what is asked of it."""
    config = SimpleNamespace(Config=lambda **options: options)
    monkeypatch.setitem(sys.modules, "botocore", SimpleNamespace(config=config))
    monkeypatch.setitem(sys.modules, "botocore.config", config)
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def options(url: str) -> dict[str, Any]:
    found: dict[str, Any] = storage_settings(url)["OPTIONS"]
    return found


@pytest.mark.usefixtures("botocore")
def test_a_bucket_takes_its_keys_from_the_url_or_from_where_boto3_looks() -> None:
    full = options(
        "s3://key:se%2Fcret@bucket/a/folder/?region=eu-west-1&endpoint=http://minio:9000"
        "&addressing_style=path"
    )
    assert (full["bucket_name"], full["location"]) == ("bucket", "a/folder")
    assert (full["access_key"], full["secret_key"]) == ("key", "se/cret")
    assert (full["region_name"], full["endpoint_url"]) == ("eu-west-1", "http://minio:9000")
    assert full["client_config"]["s3"] == {"addressing_style": "path"}
    plain = options("s3://My-Bucket")
    assert (plain["bucket_name"], plain["location"], plain["default_acl"]) == (
        "My-Bucket",
        "",
        None,
    )
    assert not {"access_key", "secret_key", "region_name", "endpoint_url", "verify"} & set(plain)


@pytest.mark.usefixtures("botocore")
def test_a_bucket_is_asked_with_the_certificates_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/ours.pem")
    assert options("s3://bucket")["verify"] == "/etc/ssl/ours.pem"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3:///folder", "names no bucket"),
        ("s3://bucket?regoin=eu-west-1", "options nobody knows: regoin. There are: region"),
    ],
)
def test_a_bucket_that_is_written_wrongly_is_refused_with_what_to_write(
    url: str, says: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=says):
        storage_settings(url)


@pytest.mark.parametrize(
    "secret", ["ab/cd", "/abcd", "ab/c:d", "ab?c=d", "ab#cd", "[ab", "\u2100b"]
)
def test_keys_that_are_not_written_for_a_url_are_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"“/” as %2F") as refused:
        storage_settings(f"s3://KEY:{secret}@bucket/folder?region=eu-west-1")
    logged = "".join(traceback.format_exception(refused.value))
    said = re.findall(r"^[\w.]+: .*", logged, re.MULTILINE)
    assert len(said) == 1
    assert not re.search(r"KEY|\bab|cd\b", said[0])


def test_a_bucket_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.config", None)
    with pytest.raises(ImproperlyConfigured, match=r"install requirements-extras\.lock"):
        storage_settings("s3://bucket")
