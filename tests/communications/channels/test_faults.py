"""Everything a provider without idempotency keys may do to a call: never two copies, never a
message that nobody can explain."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from communications.models import Message, Organization
from communications.providers import registry
from communications.vocabulary.statuses import Status
from tests.communications.channels.phones import (
    Phones,
    explanations,
    guest,
    status,
    statuses,
    timeline,
    twilio_account,
    whatsapp_account,
    write,
)
from tests.communications.providers.answering import Answer, answering

CHANNELS = {"twilio": "sms", "whatsapp": "whatsapp"}
ACCOUNTS = {"twilio": twilio_account, "whatsapp": whatsapp_account}


@dataclass(frozen=True)
class Fault:
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    # Where the message stands right after the call, and in the end; what its timeline says.
    at_once: str = Status.QUEUED
    recorded: str = "retry"
    # In the end, and how many copies there are: where Twilio can be asked and Meta cannot.
    ends: dict[str, tuple[Status, int]] = field(default_factory=dict)


SENT = {"twilio": (Status.SENT, 1), "whatsapp": (Status.SENT, 1)}
# Meta cannot be asked about a lost answer. It may have the message; a second is not risked.
LOST = {"twilio": (Status.SENT, 1), "whatsapp": (Status.FAILED, 1)}
NEVER_TAKEN = {"twilio": (Status.SENT, 1), "whatsapp": (Status.FAILED, 0)}
ONCE = {"count": 1}

FAULTS = {
    "too fast": Fault("rate_limit", ONCE, ends=SENT),
    "wrong key": Fault("status", {"status": 401, **ONCE}, recorded="failover", ends=SENT),
    "error before": Fault(
        "status",
        {"status": 500, "mode": "before", **ONCE},
        at_once=Status.UNKNOWN,
        ends=NEVER_TAKEN,
    ),
    "error after": Fault(
        "status",
        {"status": 500, "mode": "after", **ONCE},
        at_once=Status.UNKNOWN,
        ends=LOST,
    ),
    "cut before": Fault(
        "drop_connection",
        {"mode": "before", **ONCE},
        at_once=Status.UNKNOWN,
        ends=NEVER_TAKEN,
    ),
    "cut after": Fault(
        "drop_connection",
        {"mode": "after", **ONCE},
        at_once=Status.UNKNOWN,
        ends=LOST,
    ),
    "silent": Fault("hang", {"seconds": 2.0, **ONCE}, at_once=Status.UNKNOWN, ends=LOST),
    "unreadable": Fault("bad_body", {"body": "broken", **ONCE}, at_once=Status.UNKNOWN, ends=LOST),
    "empty": Fault("bad_body", {"body": "empty", **ONCE}, at_once=Status.UNKNOWN, ends=LOST),
    "slow": Fault("latency", {"seconds": 0.1}, at_once=Status.SENT, recorded="accepted", ends=SENT),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("provider", CHANNELS)
def test_a_fault_makes_no_second_copy_and_is_explained(
    venue: Organization,
    phones: Phones,
    provider: str,
    fault: Fault,
) -> None:
    message = write(guest(venue), CHANNELS[provider])
    phones.impatient(provider)
    phones.breaks(provider, fault.name, **fault.options)

    phones.send(message)
    assert status(message) == fault.at_once
    assert fault.recorded in timeline(message)
    assert len(phones.copies(message)) <= 1

    # A person mends what stops the account.
    registry.breaker_for(provider).resume()
    phones.settle(message, rounds=4, hours=1)
    ends, copies = fault.ends[provider]
    assert status(message) == ends, explanations(message)
    assert len(phones.copies(message)) == copies
    assert Status.UNKNOWN not in statuses(message)
    if ends == Status.FAILED:
        assert "might deliver it twice" in explanations(message)


def test_a_provider_that_says_for_sure_that_it_failed_walks_the_ladder_and_is_given_up_with_reasons(
    venue: Organization, phones: Phones
) -> None:
    phones.breaks("whatsapp", "status", status=500, name="131016")
    message = write(guest(venue), CHANNELS["whatsapp"])
    phones.send(message)
    assert status(message) == Status.QUEUED
    for _ in range(8):
        phones.pass_time(seconds=20)
        phones.send_due()
    assert statuses(message) == ["failed"] * 6
    assert status(message) == Status.FAILED
    assert timeline(message)[-1] == "given_up"
    assert timeline(message).count("retry") == 5
    assert "was tried" in explanations(message)


@pytest.mark.parametrize(("said", "seconds"), [("7", 7), (None, 1)])
def test_twilio_is_left_alone_as_long_as_it_says(
    venue: Organization,
    phones: Phones,
    said: str | None,
    seconds: float,
) -> None:
    headers = {"retry-after": said} if said else {}
    with answering(Answer(429, {"code": 20429, "message": "Slow."}, headers)) as server:
        phones.settings.PROVIDERS = {
            **phones.settings.PROVIDERS,
            "twilio": twilio_account(server.url),
        }
        message = write(guest(venue), "sms")
        phones.send(message)
        assert len(server.asked) == 1
    assert 0 < registry.bucket_for("twilio").snapshot().held_for <= seconds
    assert message.send_after is not None
    assert timeline(message)[-1] == "retry"
    assert f"Next try in {seconds:.0f} s." in explanations(message)


@pytest.mark.parametrize("provider", CHANNELS)
def test_a_wrong_key_stops_the_account_and_burns_no_message(
    venue: Organization,
    phones: Phones,
    provider: str,
) -> None:
    phones.breaks(provider, "status", status=401, count=1)
    messages = [write(guest(venue), CHANNELS[provider]) for _ in range(3)]
    phones.send_due()
    assert registry.breaker_for(provider).state().state == "open"
    assert [status(message) for message in messages] == [Status.QUEUED] * 3
    registry.breaker_for(provider).resume()
    phones.pass_time()
    phones.send_due()
    assert [status(message) for message in messages] == [Status.SENT] * 3
    assert [len(phones.copies(message)) for message in messages] == [1] * 3


@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize("provider", CHANNELS)
def test_many_in_trouble_at_once_come_out_once_or_not_at_all(
    venue: Organization,
    phones: Phones,
    provider: str,
    mode: str,
) -> None:
    phones.breaks(provider, "status", status=500, mode=mode, chance=0.5)
    contacts = [guest(venue) for _ in range(8)]
    messages = [
        write(contact, CHANNELS[provider], body=f"Table {place}")
        for place, contact in enumerate(contacts)
    ]
    phones.send_due()
    phones.sandbox.control("DELETE", f"/{provider}/faults")
    for message in messages:
        registry.breaker_for(provider).resume()
        phones.settle(message, rounds=2, hours=1)
    stats = phones.sandbox.control("GET", f"/{provider}/stats")
    assert not stats["bodies_repeated"]
    assert {status(message) for message in messages} <= {Status.SENT, Status.FAILED}
    sent = [message for message in messages if status(message) == Status.SENT]
    assert all(len(phones.copies(message)) == 1 for message in sent)


def test_a_message_is_written_by_its_own_status(venue: Organization, phones: Phones) -> None:
    message: Message = write(guest(venue), "sms")
    phones.send(message)
    assert status(message) == Status.SENT
    assert timeline(message) == ["composed", "accepted"]
    assert message.provider_id == phones.copies(message)[0]["sid"]
