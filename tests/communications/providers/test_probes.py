"""A probe sends nothing; it says whether the account works, and what will soon stop messages."""

from collections.abc import Callable
from typing import Any

import pytest

from communications.providers.base import ProbeResult, Provider
from communications.providers.resend import Resend
from tests.communications.providers.answering import Answer, answering
from tests.communications.providers.mailserver import mailserver
from tests.communications.providers.test_django_mail import account
from tests.communications.providers.twilio_account import twilio
from tests.communications.providers.whatsapp_account import whatsapp
from wedsync_comms.lib.errors import ConfigurationRejected, CredentialsRejected, ProviderError

NOBODY = 9


def resend(api_url: str) -> Resend:
    return Resend(api_key="re_1", api_url=api_url, sender="Ever After <hello@everafter.example>")


def domains(*listed: Any) -> dict[str, Any]:
    return {"object": "list", "data": list(listed)}


def asked(make: Callable[..., Provider], body: Any, status: int = 200) -> ProbeResult:
    headers = {"content-type": "application/json"}
    with answering(Answer(status, body, headers=headers)) as server:
        found = make(api_url=server.url).probe()
    assert [request.method for request in server.asked] == ["GET"]
    return found


def test_resend_tells_the_domains_of_the_account() -> None:
    good = {"name": "everafter.example", "status": "verified"}
    other = {"name": "old.example", "status": "failed"}
    found = asked(resend, domains(good, other, "no domain"))
    assert found.warning == ""
    assert found.facts == {"domain everafter.example": "verified", "domain old.example": "failed"}


def test_a_domain_of_ours_that_is_not_verified_is_warned_of() -> None:
    found = asked(resend, domains({"name": "everafter.example", "status": "pending"}))
    assert found.warning == "The domain everafter.example is pending, not verified."


def test_a_list_nobody_can_read_is_no_warning() -> None:
    assert asked(resend, {"data": None}) == ProbeResult()


def test_a_key_that_may_only_send_is_as_good_as_what_it_is_used_for() -> None:
    said = {"statusCode": 401, "name": "restricted_api_key", "message": "Only sending."}
    found = asked(resend, said, 401)
    assert found.facts == {"key": "may send and nothing else"}
    assert (
        found.note == "The key may only send: the text of received mail cannot be fetched with it."
    )
    assert found.warning == ""


def test_a_key_that_is_none_is_rejected() -> None:
    said = {"statusCode": 403, "name": "invalid_api_key", "message": "API key is invalid."}
    with pytest.raises(CredentialsRejected):
        asked(resend, said, 403)


def test_twilio_tells_the_status_of_the_account() -> None:
    found = asked(twilio, {"status": "active", "type": "Full"})
    assert found.facts == {"account": "active", "type": "Full"}


def test_an_account_at_twilio_that_is_suspended_is_refused() -> None:
    with pytest.raises(ConfigurationRejected, match="The account is suspended"):
        asked(twilio, {"status": "suspended", "type": "Full"})


@pytest.mark.parametrize(
    ("facts", "warning"),
    [
        ({"quality_rating": "GREEN", "status": "CONNECTED"}, ""),
        ({"quality_rating": "GREEN"}, ""),
        ({"quality_rating": "RED"}, "People block or report this number"),
        ({"status": "FLAGGED"}, "The number is FLAGGED"),
    ],
)
def test_meta_tells_how_the_number_stands(facts: dict[str, str], warning: str) -> None:
    found = asked(whatsapp, {**facts, "id": "106540352242922"})
    assert found.facts == facts
    assert found.warning.startswith(warning)
    assert bool(found.warning) == bool(warning)


def test_a_mail_server_is_greeted_and_sent_nothing() -> None:
    with mailserver() as post:
        found = account(post.port).probe()
    assert found.facts == {"backend": "EmailBackend"}
    assert post.mails == []


def test_a_mail_server_that_is_away_is_said() -> None:
    with pytest.raises(ProviderError):
        account(NOBODY).probe()
