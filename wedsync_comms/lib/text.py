"""Text from outside, made fit to be stored and to be read."""


def sanitise(value: str) -> str:
    """Without NULs and lone surrogates, which PostgreSQL and UTF-8 refuse."""
    if value.isascii() and "\0" not in value:
        return value
    return value.replace("\0", "").encode("utf-8", "ignore").decode()


def is_sane_text(value: str) -> bool:
    return sanitise(value) == value


def as_sentence(value: str) -> str:
    """With its full stop, so that another may follow."""
    return value if value.endswith((".", "!", "?", "…")) else f"{value}."
