"""What the product's answer to an incoming message makes Twilio send back.

https://www.twilio.com/docs/messaging/twiml
"""

from xml.etree import ElementTree as ET

from sandbox.webhooks.courier import Attempt

XML = frozenset({"text/xml", "application/xml", "application/xhtml+xml"})


class UnusableError(ValueError):
    """Twilio logs it and sends nothing."""


def replies(attempt: Attempt) -> list[str]:
    """Returns nothing for an empty answer or ``<Response/>``; plain text as it is."""
    kind = attempt.content_type.partition(";")[0].strip().lower()
    if not attempt.answer.strip():
        return []
    if kind == "text/plain":
        return [attempt.answer.strip()]
    if kind not in XML:
        raise UnusableError(f"12300 Invalid Content-Type: {kind or 'none'}")
    return _spoken(attempt.answer)


def _spoken(twiml: str) -> list[str]:
    # A document type could make entities grow without end; TwiML has none.
    if "<!" in twiml.replace("<!--", ""):
        raise UnusableError("12100 Document parse failure")
    try:
        root = ET.fromstring(twiml.strip())  # noqa: S314 (no document type, see above)
    except ET.ParseError as error:
        raise UnusableError("12100 Document parse failure") from error
    if root.tag != "Response":
        raise UnusableError("12200 Schema validation warning: the document is no Response")
    said = [
        (message.text or "") + (message.findtext("Body") or "")
        for message in root.findall("Message")
    ]
    return [text.strip() for text in said if text.strip()]
