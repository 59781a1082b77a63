"""Addresses as mails carry them: names and addresses apart, and which of them can be written to.

https://www.rfc-editor.org/rfc/rfc5322#section-3.4, as it is written by people and by programs that
have not read it.
"""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from functools import lru_cache
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email

# Longer than any header that a person meant.
MAX_HEADER = 10_000
MAX_ADDRESS = 320
# Longer than any name that a person has. Without an end, each quote or comma that begins nothing
# would be looked behind up to the end of the header.
MAX_NAME = 250
MAX_MAILBOXES = 500
QUOTED = rf'"(?:\\.|[^"\\]){{0,{MAX_NAME}}}"'
TOKENS = re.compile(
    rf'(?P<quoted>{QUOTED})|<(?P<angle>(?:{QUOTED}|[^<>"])*)>|(?P<comma>[,;])|(?P<text>[^"<,;(]+|.)',
    re.DOTALL,
)
# What must stand in quotes in a name: https://www.rfc-editor.org/rfc/rfc5322#section-3.2.3
SPECIALS = re.compile(r'[()<>\[\]:;@\\,."]')
DOT_ATOM = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")
# They tell of mails and are nobody. Exchange calls itself by a long name in some places.
MAIL_SYSTEMS = re.compile(
    r"(mailer[-_.]?daemon|mail[-_.]daemon|microsoftexchange[0-9a-f]{20,})\b.*"
)
POSTMASTER = "postmaster"
# Where everybody has an address: being at the same provider says nothing.
PUBLIC_DOMAINS = frozenset(
    {
        "aol.com", "gmail.com", "gmx.at", "gmx.ch", "gmx.de", "gmx.net", "googlemail.com",
        "hotmail.com", "icloud.com", "live.com", "me.com", "msn.com", "outlook.com", "proton.me",
        "protonmail.com", "web.de", "yahoo.co.uk", "yahoo.com", "yahoo.de", "yahoo.fr",
    },
)  # fmt: skip


class Mailbox(NamedTuple):
    """Somebody in a header: the name may be blank, and so is the address of nobody (`<>`)."""

    name: str
    address: str


def parse_mailbox(header: str) -> Mailbox:
    """Returns the first mailbox of a header; a blank one where there is none."""
    return next(iter(parse_mailboxes(header)), Mailbox("", ""))


def parse_mailboxes(header: str) -> list[Mailbox]:
    """Returns the mailboxes of a header, at most MAX_MAILBOXES of them.

    An unquoted comma or colon of a name stays in the name.
    """
    found: list[Mailbox] = []
    part = HeaderPart()
    for kind, value in [*header_tokens(header[:MAX_HEADER]), ("comma", "")]:
        if kind == "comma" and part.is_mailbox:
            found.append(part.mailbox())
            part = HeaderPart()
        elif kind == "comma" and (part.is_blank or part.is_too_long):
            part = HeaderPart()
        else:
            part.take(kind, value)
    if text := "".join(part.words).strip(" ,;"):
        found.append(Mailbox("", text) if " " not in text else Mailbox(read_name([text]), ""))
    return found[:MAX_MAILBOXES]


@dataclass
class HeaderPart:
    """What was read since the last mailbox of a header."""

    words: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    angle: str | None = None
    length: int = 0

    def take(self, kind: str, value: str) -> None:
        if kind == "angle":
            self.angle = value
        elif kind == "comment":
            self.comments.append(value)
        else:
            self.words.append(value)
            self.length += len(value)

    @property
    def is_blank(self) -> bool:
        return not self.comments and not any(word.strip() for word in self.words)

    @property
    def is_too_long(self) -> bool:
        """Whether what stands before a comma cannot be the name of whoever comes behind it."""
        return self.length > MAX_NAME

    @property
    def is_mailbox(self) -> bool:
        return self.angle is not None or bool(self.bare_address)

    @property
    def bare_address(self) -> str:
        """The address that stands without angles; blank where none does."""
        text = "".join(self.words)
        # Before a colon is the name of a group: https://www.rfc-editor.org/rfc/rfc5322#section-3.4
        text = text if '"' in text else text.rpartition(":")[2]
        # Around the @ people write blanks.
        found = " ".join(text.split()).replace(" @", "@").replace("@ ", "@")
        local, _, domain = found.rpartition("@")
        is_quoted = re.fullmatch(QUOTED, local) is not None
        is_whole = local and domain and " " not in domain and (" " not in local or is_quoted)
        return found if is_whole else ""

    def mailbox(self) -> Mailbox:
        """Returns what it says, if `is_mailbox`."""
        words, address = self.words, self.angle
        if address is None:
            words, address = [], self.bare_address
        elif address.strip().startswith("@"):
            # A route before the address: https://www.rfc-editor.org/rfc/rfc5322#section-4.4
            address = address.rpartition(":")[2]
        address = "".join(address.split()) if '"' not in address else address.strip()
        name = read_name(words) or read_name([" ".join(self.comments)])
        return Mailbox("" if name.casefold() == address.casefold() else name, address)


def header_tokens(header: str) -> Iterator[tuple[str, str]]:
    """Yields the parts of a header by their kind: quoted, angle, comma, text, comment."""
    position = 0
    while position < len(header):
        if header[position] == "(":
            end = end_of_comment(header, position)
            yield "comment", header[position + 1 : end - 1]
            position = end
            continue
        match = TOKENS.match(header, position)
        assert match is not None  # noqa: S101 (its last branch takes any character)
        kind = match.lastgroup or "text"
        yield kind, match[kind]
        position = match.end()


def end_of_comment(header: str, start: int) -> int:
    """Returns where the comment that begins at `start` ends; comments may hold others."""
    depth, position = 0, start
    while position < len(header):
        character = header[position]
        position += 2 if character == "\\" else 1
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return position
    return len(header) + 1


def read_name(words: list[str]) -> str:
    """Returns a name without its quotes, decoded, on one line."""
    plain = "".join(
        re.sub(r"\\(.)", r"\1", word[1:-1]) if re.fullmatch(QUOTED, word, re.DOTALL) else word
        for word in words
    )
    name = " ".join(decoded_header(plain).split()).strip(" ,;")
    # Outlook's, of who has no name but the address.
    return name[1:-1] if name.startswith("'") and name.endswith("'") else name


def decoded_header(text: str) -> str:
    """Returns a text with its encoded words (RFC 2047) read; as it is, where they are broken."""
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return text


def format_mailbox(mailbox: Mailbox) -> str:
    """Returns the mailbox as a header has it, the name in quotes where it needs them."""
    name, address = mailbox
    if not name:
        return address
    if SPECIALS.search(name):
        name = '"{}"'.format(name.replace("\\", "\\\\").replace('"', '\\"'))
    return f"{name} <{address}>"


@lru_cache(maxsize=1_000)
def sender_header(text: str) -> str:
    """Returns a sender as every provider reads it; as it is, if it is not one mailbox."""
    found = parse_mailboxes(text)
    return format_mailbox(found[0]) if len(found) == 1 and "@" in found[0].address else text


def sender_problem(text: str) -> str:
    """Returns why nobody can be written to as this sender; blank if everybody can."""
    found = parse_mailboxes(text)
    if len(found) != 1:
        return f"“{text}” is not one address: write it like “Ever After <hello@everafter.example>”."
    if not text.isprintable():
        return f"“{text!r}” must be a single line."
    try:
        deliverable_address(found[0].address)
    except EmailNotValidError as error:
        return f"“{found[0].address}” is not an e-mail address: {error}"
    return ""


def deliverable_address(value: str) -> str:
    """Returns the addr-spec in lower case, as providers take it. Raises EmailNotValidError."""
    # A non-ASCII local part is legal, but no e-mail provider of ours carries it.
    found = validate_email(
        value.strip(),
        check_deliverability=False,
        allow_smtputf8=False,
        # Names reserved for tests and local networks are fine as far as we are concerned.
        test_environment=True,
    )
    # The local part could tell cases apart, but no server does; an opt-out must not depend on it.
    return (found.ascii_email or found.normalized).lower()


def received_address(value: str) -> str:
    """Returns the one form of an address that somebody wrote from, also of one that cannot be
    answered; blank for what is none."""
    with suppress(EmailNotValidError):
        return deliverable_address(value)
    local, _, domain = unicodedata.normalize("NFC", value.strip()).lower().rpartition("@")
    if not (local and domain):
        return ""
    unquoted = re.sub(r"\\(.)", r"\1", local[1:-1]) if re.fullmatch(QUOTED, local) else local
    local = unquoted if DOT_ATOM.fullmatch(unquoted) else local
    with suppress(UnicodeError):
        domain = domain.encode("idna").decode()
    found = f"{local}@{domain}"
    return found if len(found) <= MAX_ADDRESS and found.isprintable() else ""


def delivery_refusal(value: str) -> str:
    """Returns why an address that somebody wrote from cannot be written to; blank if it can."""
    try:
        deliverable_address(value)
    except EmailNotValidError as error:
        return f"no provider delivers to {value}: {error}"
    return ""


def is_mail_system(address: str) -> bool:
    """Whether mails from an address come from a mail server itself, and nobody reads an answer."""
    local = address.partition("@")[0].strip().strip('"').casefold()
    return not local or local == POSTMASTER or MAIL_SYSTEMS.fullmatch(local) is not None
