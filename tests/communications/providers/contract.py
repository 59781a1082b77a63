"""What every provider promises, tested once. A provider's test class only says how it talks.

class TestAcme(ProviderContract):
    accepted = Answer(200, {"id": "a1"})
    ...
"""

import json
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from communications.models import Channel
from communications.providers.base import Accepted, Provider
from communications.vocabulary.events import (
    Outbound,
)
from tests.communications.providers.answering import Answer, answering, closed_port
from wedsync_comms.lib.errors import (
    InvalidSignature,
    MalformedRequest,
    NoConnection,
    OutcomeUnknown,
    PermanentError,
    ProviderError,
    RateLimited,
)
from wedsync_comms.lib.http import Client
from wedsync_comms.lib.web.webhook_request import WebhookRequest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def outbound(number: int = 1, **values: Any) -> Outbound:
    usual = Outbound(
        message=f"0193465e-5f0a-7c3e-9d52-{number:012}",
        call="0193465e-0000-7c3e-9d52-000000000000",
        sender="Ever After <hello@everafter.example>",
        to=f"guest-{number}@example.com",
        subject="Your day",
        text="See you soon.",
    )
    return replace(usual, **values)


class ProviderContract(ABC):
    # The answers of its API to one send.
    accepted: ClassVar[Answer]
    accepted_id: ClassVar[str]
    refused: ClassVar[Answer]
    rate_limited: ClassVar[Answer]
    rate_limited_seconds: ClassVar[float]
    without_id: ClassVar[tuple[Answer, ...]]
    # An event it knows, what its type is, and one of tomorrow with its type.
    known_event: ClassVar[dict[str, Any]]
    unknown_event: ClassVar[tuple[dict[str, Any], str]]
    # An event that `sample` knows, and the type of that sample.
    sampled: ClassVar[tuple[str, str]]
    # Bodies that are not in the vendor's form.
    malformed: ClassVar[tuple[bytes, ...]] = (b"", b"{", b"[]", b"7", b"\xff", b"null")
    # Whether a signature says when it was made.
    is_dated: ClassVar[bool] = True
    # How the sender of `outbound` and its recipient are written.
    addresses: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def build(self, url: str) -> Provider:
        """The provider, talking to that server."""

    def test_it_can_send_as_itself(self) -> None:
        sender = outbound(0, **self.addresses).sender
        assert self.build("http://127.0.0.1:9").can_send_as(sender)

    @abstractmethod
    def transport(self, provider: Any) -> Client:
        """What its HTTP goes through."""

    def encoded(self, event: dict[str, Any]) -> bytes:
        """The body of a webhook."""
        return json.dumps(event).encode()

    @abstractmethod
    def signed(
        self,
        body: bytes,
        *,
        age: float = 0,
        event_id: str = "event-1",
        secret: str = "",
    ) -> WebhookRequest:
        """As the vendor would post it; by default with the first secret of `build`."""

    @abstractmethod
    def unsigned(self, body: bytes) -> WebhookRequest:
        """The same without any signature."""

    def provider(self) -> Provider:
        return self.build("http://127.0.0.1:9")

    def outcome(self, answer: Answer, *, count: int = 1) -> list[Accepted | ProviderError]:
        with answering(answer) as server:
            return self.sent(self.build(server.url), count)

    def sent(self, provider: Provider, count: int = 1) -> list[Accepted | ProviderError]:
        outbounds = [outbound(number, **self.addresses) for number in range(count)]
        try:
            return list(provider.send(outbounds, key="key-1").results)
        except ProviderError as error:
            return [error] * count

    # --- send -----------------------------------------------------------------------------------

    def test_it_says_what_it_carries_as_whom_and_how_fast(self) -> None:
        provider = self.provider()
        assert provider.channel in Channel.values
        assert provider.sender
        assert provider.batch_limit >= 1
        assert provider.rate.per_second > 0

    def test_what_it_took_has_its_id(self) -> None:
        (result,) = self.outcome(self.accepted)
        assert isinstance(result, Accepted)
        assert result.provider_id == self.accepted_id

    def test_a_refusal_is_final_and_keeps_the_vendors_words(self) -> None:
        (result,) = self.outcome(self.refused)
        assert isinstance(result, PermanentError)
        assert result.code
        assert str(result)
        assert result.response

    def test_too_fast_says_how_long_to_wait(self) -> None:
        (result,) = self.outcome(self.rate_limited)
        assert isinstance(result, RateLimited)
        assert result.retry_after.total_seconds() == self.rate_limited_seconds

    def test_nobody_listening_means_it_was_not_sent(self) -> None:
        (result,) = self.sent(self.build(f"http://127.0.0.1:{closed_port()}"))
        assert isinstance(result, NoConnection)

    def test_a_name_that_does_not_resolve_means_it_was_not_sent(self) -> None:
        (result,) = self.sent(self.build("http://no-such-host.invalid"))
        assert isinstance(result, NoConnection)

    def test_no_answer_in_time_may_have_been_carried_out(
        self,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with answering(replace(self.accepted, late=2.0)) as server:
            provider = self.build(server.url)
            monkeypatch.setattr(self.transport(provider), "_timeout", (1.0, 0.2))
            (result,) = self.sent(provider)
        assert isinstance(result, OutcomeUnknown)
        assert not result.answered

    def test_a_cut_connection_may_have_been_carried_out(self) -> None:
        (result,) = self.outcome(replace(self.accepted, hangs_up=True))
        assert isinstance(result, OutcomeUnknown)
        assert not result.answered

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
    def test_a_server_error_may_have_been_carried_out(self, status: int) -> None:
        for body in ({"message": "oops"}, b"<html>Bad gateway</html>", b""):
            (result,) = self.outcome(Answer(status, body))
            assert isinstance(result, OutcomeUnknown)
            assert result.answered

    def test_success_without_an_id_may_have_been_carried_out(self) -> None:
        for answer in self.without_id:
            (result,) = self.outcome(answer)
            assert isinstance(result, OutcomeUnknown), answer

    @given(status=st.sampled_from([200, 201, 302, 400, 403, 404, 422, 429, 500]), body=JSON)
    @hypothesis_settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.differing_executors],
    )
    def test_whatever_it_answers_only_our_errors_come_out(self, status: int, body: Any) -> None:
        with answering(Answer(status, body)) as server:
            provider = self.build(server.url)
            for count in (1, min(2, provider.batch_limit)):
                assert len(self.sent(provider, count)) == count

    def test_several_sends_use_one_connection(self) -> None:
        with answering(self.accepted) as server:
            provider = self.build(server.url)
            for _ in range(4):
                self.sent(provider)
        assert len(server.asked) == 4
        assert server.connections == 1

    # --- webhooks -------------------------------------------------------------------------------

    def test_a_genuine_webhook_has_the_same_id_every_time(self) -> None:
        body = self.encoded(self.known_event)
        provider = self.provider()
        assert provider.takes_webhooks
        first = provider.verify(self.signed(body, event_id="event-1"))
        again = provider.verify(self.signed(body, event_id="event-1", age=60))
        other = provider.verify(self.signed(body, event_id="event-2"))
        assert first == again != other

    def test_a_wrong_signature_is_refused(self) -> None:
        with pytest.raises(InvalidSignature):
            self.provider().verify(self.signed(b"{}", secret="somebody else's"))

    def test_another_body_is_refused(self) -> None:
        with pytest.raises(InvalidSignature):
            self.provider().verify(replace(self.signed(b'{"a": 1}'), body=b'{"a":1}'))

    def test_a_missing_signature_is_refused(self) -> None:
        with pytest.raises(InvalidSignature):
            self.provider().verify(self.unsigned(b"{}"))

    def test_a_stale_webhook_is_refused(self) -> None:
        if not self.is_dated:
            pytest.skip("Nothing says when it was signed.")
        for age in (3600, -3600):
            with pytest.raises(InvalidSignature):
                self.provider().verify(self.signed(b"{}", age=age))

    def test_a_known_event_is_read(self) -> None:
        request = self.signed(self.encoded(self.known_event))
        assert self.provider().event_type(request)
        assert list(self.provider().parse(request))

    def test_an_unknown_event_is_nothing(self) -> None:
        event, event_type = self.unknown_event
        request = self.signed(self.encoded(event))
        assert self.provider().event_type(request) == event_type
        assert not list(self.provider().parse(request))

    def test_what_is_not_in_the_vendors_form_is_malformed(self) -> None:
        request = self.signed(b"{}")
        for body in self.malformed:
            with pytest.raises(MalformedRequest):
                list(self.provider().parse(replace(request, body=body)))

    @given(noise=st.dictionaries(st.text(max_size=8), JSON, max_size=3), data=st.data())
    @hypothesis_settings(
        max_examples=150,
        deadline=None,
        suppress_health_check=[HealthCheck.differing_executors],
    )
    def test_whatever_is_in_a_genuine_webhook_is_read_or_malformed(
        self,
        noise: dict[str, Any],
        data: st.DataObject,
    ) -> None:
        event = dict(self.known_event)
        for name in data.draw(st.sets(st.sampled_from(sorted(event)))):
            event[name] = data.draw(JSON)
        request = self.signed(self.encoded({**event, **noise}))
        with suppress(MalformedRequest):
            list(self.provider().parse(request))

    def test_a_sample_is_genuine_and_about_nothing_of_ours(self) -> None:
        provider = self.provider()
        event, event_type = self.sampled
        request = provider.sample(event)
        assert provider.verify(request)
        assert provider.event_type(request) == event_type
        assert not list(provider.parse(request))

    def test_a_sample_of_an_unknown_event_is_refused_with_those_it_knows(self) -> None:
        with pytest.raises(LookupError, match=self.sampled[0]):
            self.provider().sample("nothing")
