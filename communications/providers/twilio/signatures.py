"""Whether a request is Twilio's. https://www.twilio.com/docs/usage/security#validating-requests"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import parse_qs, parse_qsl, urlsplit, urlunsplit

from communications.providers.twilio.receiving import form_text
from wedsync_comms.lib.errors import InvalidSignature
from wedsync_comms.lib.secrets import is_same
from wedsync_comms.lib.web.webhook_request import WebhookRequest


def verify_twilio_signature(request: WebhookRequest, tokens: Iterable[str]) -> None:
    """Raises InvalidSignature unless one of the tokens made it."""
    given = request.headers.get("x-twilio-signature", "")
    if not given:
        raise InvalidSignature("The header X-Twilio-Signature is missing.")
    candidates = (
        twilio_signature(url, signed_fields(request), token, signature_algorithm(request))
        for token in tokens
        for url in url_spellings(request.url)
    )
    if not any(is_same(candidate, given) for candidate in candidates):
        raise InvalidSignature("The signature does not match.")


def twilio_signature(url: str, fields: str, token: str, name: str) -> str:
    """Returns the HMAC of the address and the fields in base64, with the hash of this name."""
    digest = hmac.new(token.encode(), (url + fields).encode(), getattr(hashlib, name)).digest()
    return b64encode(digest).decode()


def signature_algorithm(request: WebhookRequest) -> str:
    """Returns SHA-256 for shared keys, which say so, and SHA-1 otherwise.

    Twilio offers them since 2026.
    """
    said = request.headers.get("x-twilio-webhooks-signature-settings", "")
    return "sha256" if "HMAC_SHA256" in said else "sha1"


def signed_fields(request: WebhookRequest) -> str:
    """Returns what is signed besides the address. Raises InvalidSignature.

    Of a form that is each name with each of its values, sorted and without repetitions; of JSON
    nothing, because its hash is in the address.
    """
    if expected := dict(parse_qsl(urlsplit(request.url).query)).get("bodySHA256"):
        if not is_same(hashlib.sha256(request.body).hexdigest(), expected.lower()):
            raise InvalidSignature("The body is not the one that was signed.")
        return ""
    return sorted_fields(parse_qs(form_text(request), keep_blank_values=True))


def sorted_fields(fields: Mapping[str, Sequence[str] | str]) -> str:
    """Returns names and values in one text, sorted by name, as Twilio signs them."""
    pairs = (
        (name, value)
        for name, values in fields.items()
        for value in ([values] if isinstance(values, str) else set(values))
    )
    return "".join(name + value for name, value in sorted(pairs))


def url_spellings(url: str) -> Iterator[str]:
    """Yields the address with its port and without: Twilio signs some so and some so."""
    parts = urlsplit(url)
    yield url
    if parts.port is None:
        port = 443 if parts.scheme == "https" else 80
        yield urlunsplit(parts._replace(netloc=f"{parts.netloc}:{port}"))
    else:
        yield urlunsplit(parts._replace(netloc=parts.netloc.rpartition(":")[0]))
