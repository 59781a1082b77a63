"""The releases: each has a file here that lists its migrations, as `sha256sum` writes it."""

from pathlib import Path

FOLDER = Path(__file__).parent


def released_versions() -> list[str]:
    """Returns the versions that were released, oldest first."""
    versions = (path.stem for path in FOLDER.glob("*.sha256"))
    return sorted(versions, key=lambda version: [int(part) for part in version.split(".")])


def digests_of(version: str) -> dict[str, str]:
    """Returns the path of each migration in the release, and the SHA-256 of its content."""
    lines = (FOLDER / f"{version}.sha256").read_text().splitlines()
    pairs = (line.split(maxsplit=1) for line in lines)
    return {path: digest for digest, path in pairs}


def released_migrations() -> set[tuple[str, str]]:
    """Returns the app and the name of each migration that was in any release."""
    paths = (Path(path) for version in released_versions() for path in digests_of(version))
    return {(path.parent.parent.name, path.stem) for path in paths}
