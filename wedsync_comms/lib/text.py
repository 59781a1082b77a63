"""Text from outside, made fit to be stored and to be read."""

from datetime import timedelta


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


def capitalised(clause: str) -> str:
    """Returns a clause as a sentence begins; the rest of it stays as it is."""
    return clause[:1].upper() + clause[1:]


def as_delay(delay: timedelta) -> str:
    """Returns a delay as people read it: parts of the first second, whole ones, minutes from two
    on."""
    seconds = delay.total_seconds()
    if seconds >= 120:  # noqa: PLR2004
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds:.1f} s"
