"""Text from outside, made fit to be stored."""


def storable(value: str) -> str:
    """Without NULs and lone surrogates, which PostgreSQL and UTF-8 refuse."""
    return value.replace("\0", "").encode("utf-8", "ignore").decode()


def is_storable(value: str) -> bool:
    return storable(value) == value
