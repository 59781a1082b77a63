"""Text from outside, made fit to be stored and to be read."""


def storable(value: str) -> str:
    """Without NULs and lone surrogates, which PostgreSQL and UTF-8 refuse."""
    return value.replace("\0", "").encode("utf-8", "ignore").decode()


def is_storable(value: str) -> bool:
    return storable(value) == value


def sentence(value: str) -> str:
    """With its full stop, so that another may follow."""
    return value if value.endswith((".", "!", "?", "…")) else f"{value}."
