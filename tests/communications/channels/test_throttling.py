"""A provider says that it is too much: less is sent from then on, and slowly more again."""

import pytest

from communications.models import Organization
from communications.providers import registry
from communications.sending import claims
from tests.communications.channels.phones import (
    Phones,
    guest,
    last,
    status,
    twilio_account,
    whatsapp_account,
    write,
)
from tests.communications.providers.answering import Answer, answering
from wedsync_comms.lib.rate_limit.limiter import Snapshot

CHANNELS = {"twilio": "sms", "whatsapp": "whatsapp"}
ACCOUNTS = {"twilio": twilio_account, "whatsapp": whatsapp_account}


def limit(provider: str) -> Snapshot:
    return registry.bucket_for(provider).snapshot()


def refusing(phones: Phones, url: str, provider: str) -> None:
    account = ACCOUNTS[provider](url, rate_per_second=50.0)
    phones.settings.PROVIDERS = {**phones.settings.PROVIDERS, provider: account}


def twilio_says(code: int, status: int = 429, retry_after: str = "") -> Answer:
    headers = {"retry-after": retry_after} if retry_after else {}
    return Answer(status, {"code": code, "message": "Too many."}, headers)


def meta_says(code: int, status: int = 400, retry_after: str = "") -> Answer:
    headers = {"retry-after": retry_after} if retry_after else {}
    error = {"error": {"code": code, "message": "Too many.", "type": "OAuthException"}}
    return Answer(status, error, headers)


@pytest.mark.parametrize(
    ("provider", "answer", "held"),
    [
        ("twilio", twilio_says(20429), 1),
        ("twilio", twilio_says(20429, retry_after="7"), 7),
        ("twilio", twilio_says(63017, 400), 1),
        ("twilio", twilio_says(99999), 1),
        ("whatsapp", meta_says(130429), 2),
        ("whatsapp", meta_says(130429, 429, retry_after="9"), 9),
        ("whatsapp", meta_says(80007), 300),
        ("whatsapp", meta_says(4), 300),
    ],
)
def test_a_refusal_of_the_account_lowers_its_rate(
    venue: Organization, phones: Phones, provider: str, answer: Answer, held: float
) -> None:
    with answering(answer) as server:
        refusing(phones, server.url, provider)
        phones.send(write(guest(venue), CHANNELS[provider]))
    found = limit(provider)
    assert (found.found, found.learned, found.said) == (True, False, 50)
    assert found.per_second == pytest.approx(35)
    assert held - 1 < found.held_for <= held


@pytest.mark.parametrize("provider", CHANNELS)
def test_what_is_accepted_raises_it_again_slowly(
    venue: Organization, phones: Phones, provider: str
) -> None:
    phones.settings.PROVIDERS = {
        **phones.settings.PROVIDERS,
        provider: ACCOUNTS[provider](phones.sandbox.url, rate_per_second=50.0),
    }
    registry.bucket_for(provider).lower()
    before = limit(provider).per_second
    phones.send(write(guest(venue), CHANNELS[provider]))
    assert before < limit(provider).per_second < 1.01 * before


@pytest.mark.parametrize(
    ("provider", "answer"),
    [("twilio", twilio_says(14107, 400)), ("whatsapp", meta_says(131056))],
)
def test_a_limit_of_a_pair_leaves_everybody_else_alone(
    venue: Organization, phones: Phones, provider: str, answer: Answer
) -> None:
    busy, other = guest(venue), guest(venue)
    with answering(answer) as server:
        refusing(phones, server.url, provider)
        message = phones.send(write(busy, CHANNELS[provider]))
    assert status(message) == "queued"
    assert not limit(provider).found
    assert not limit(provider).held_for

    next_one, free = write(busy, CHANNELS[provider]), write(other, CHANNELS[provider])
    taken = claims.claim_due(CHANNELS[provider], provider, usable=[provider], limit=10)
    assert [attempt.message_id for claim in taken for attempt in claim.attempts] == [free.pk]
    assert status(next_one) == "queued"


def test_a_pair_is_of_a_sender_and_a_recipient(venue: Organization, phones: Phones) -> None:
    busy = guest(venue)
    with answering(meta_says(131056)) as server:
        refusing(phones, server.url, "whatsapp")
        phones.send(write(busy, "whatsapp"))
    own = Organization.objects.create(name="Own", slug="own-number", whatsapp_from="777")
    theirs = guest(own)
    theirs.addresses.filter(channel="whatsapp").update(
        value=busy.addresses.get(channel="whatsapp").value
    )
    message = write(theirs, "whatsapp")
    (claim,) = claims.claim_due("whatsapp", "whatsapp", usable=["whatsapp"], limit=10)
    assert claim.attempts[0].message_id == message.pk


def test_a_receipt_that_says_so_lowers_it_too(venue: Organization, phones: Phones) -> None:
    message = phones.send(write(guest(venue), "whatsapp"))
    phones.meta_says(last(message), "failed", 130429)
    assert limit("whatsapp").found
    assert not limit("whatsapp").held_for
    again = phones.send(write(guest(venue), "sms"))
    phones.twilio_says(last(again), "failed", "14107")
    assert not limit("twilio").found
    assert status(again) == "queued"
