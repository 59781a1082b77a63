"""A release is a version in pyproject.toml with its heading in CHANGELOG.md; what it migrated stays
as it was.
"""

import re
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from django.conf import settings

from tests.releases import digests_of, released_versions

ROOT = Path(settings.BASE_DIR)
HEADING = re.compile(r"^## (\S+) \((unreleased|\d{4}-\d{2}-\d{2})\)$", re.MULTILINE)


def version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def headings() -> dict[str, str]:
    return dict(HEADING.findall((ROOT / "CHANGELOG.md").read_text()))


@pytest.mark.parametrize("release", released_versions())
def test_a_migration_of_a_release_stays_as_it_was(release: str) -> None:
    changed = [
        path
        for path, digest in digests_of(release).items()
        if not (ROOT / path).exists() or sha256((ROOT / path).read_bytes()).hexdigest() != digest
    ]
    assert changed == [], f"Installations of {release} ran these: write a new migration instead."


def test_the_version_is_the_newest_heading_of_the_changelog() -> None:
    assert next(iter(headings())) == version()


def test_the_api_tells_the_version() -> None:
    assert settings.SPECTACULAR_SETTINGS["VERSION"] == version()


def test_what_has_a_date_was_released_with_a_list_of_its_migrations() -> None:
    dated = [name for name, date in headings().items() if date != "unreleased"]
    assert sorted(dated) == sorted(released_versions())


def test_only_the_newest_version_is_unreleased() -> None:
    assert [name for name, date in headings().items() if date == "unreleased"] in ([], [version()])
