"""The main calls as the client makes them that openapi-python-client generates from the schema.

    python python_client.py ADDRESS TOKEN VIEWERS_TOKEN RECIPIENT

`wedsync_client`, the generated package, is in the folder it is run in.
"""

import sys
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

sys.path.insert(0, str(Path.cwd()))

from wedsync_client import AuthenticatedClient, models
from wedsync_client.api.appointments import (
    appointments_cancel_create,
    appointments_changes_list,
    appointments_create,
)
from wedsync_client.api.availability import availability_list
from wedsync_client.api.calendar_accounts import calendar_accounts_list
from wedsync_client.api.contacts import (
    contacts_create,
    contacts_destroy,
    contacts_history_list,
    contacts_partial_update,
    contacts_retrieve,
)
from wedsync_client.api.health import health_retrieve
from wedsync_client.api.messages import (
    messages_cancel_create,
    messages_create,
    messages_events_list,
    messages_list,
    messages_retrieve,
)
from wedsync_client.api.suppressions import (
    suppressions_create,
    suppressions_destroy,
    suppressions_list,
)
from wedsync_client.api.templates import templates_create, templates_destroy
from wedsync_client.types import UNSET, Unset

address, token, viewer, to = sys.argv[1:]
EMAIL = models.ChannelEnum.EMAIL


def connect(key: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=address, token=key, prefix="Token")


api = connect(token)


def delivered(pk: UUID) -> models.Message:
    for _ in range(100):
        message = messages_retrieve.sync(pk, client=api)
        assert isinstance(message, models.Message)
        if message.status == models.StatusEnum.DELIVERED:
            return message
        time.sleep(0.2)
    raise AssertionError("The message was not delivered.")


def call_messages() -> Any:
    body = models.ComposeRequest(channel=EMAIL, to=to, subject="Your day", body="Soon.")
    sent = messages_create.sync(client=api, body=body, idempotency_key=f"py-{to}")
    again = messages_create.sync(client=api, body=body, idempotency_key=f"py-{to}")
    assert isinstance(sent, models.Message)
    assert isinstance(again, models.Message)
    assert sent.id == again.id
    body.subject = "Another"
    other = messages_create.sync_detailed(client=api, body=body, idempotency_key=f"py-{to}")
    assert other.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert isinstance(other.parsed, models.Problem)

    message = delivered(sent.id)
    assert message.attempts[0].provider == "resend"
    assert message.consent == models.BlankEnum.BLANK
    events = messages_events_list.sync(sent.id, client=api)
    assert isinstance(events, list)
    composed = next(event for event in events if event.kind == models.KindEnum.COMPOSED)
    assert composed.attempt is None
    assert models.StatusEnum.DELIVERED in {event.status for event in events}
    late = messages_cancel_create.sync_detailed(sent.id, client=api)
    assert late.status_code == HTTPStatus.CONFLICT
    assert isinstance(late.parsed, models.Problem)
    assert late.parsed.detail
    return sent.id


def call_pages(pk: object) -> None:
    messages_create.sync(
        client=api, body=models.ComposeRequest(channel=EMAIL, to=to, subject="2", body="Two.")
    )
    seen: list[object] = []
    cursor: str | Unset | None = UNSET
    while cursor is not None:
        page = messages_list.sync(client=api, page_size=1, cursor=cursor)
        assert isinstance(page, models.PaginatedMessageList)
        seen += [message.id for message in page.results]
        query = parse_qs(urlsplit(page.next_ or "").query)
        cursor = query.get("cursor", [None])[0]
    assert len(set(seen)) == len(seen)
    assert pk in seen


def call_contacts() -> None:
    mail = models.AddressRequest(channel=EMAIL, value=f"contact-{to}")
    made = contacts_create.sync(
        client=api, body=models.ContactRequest(name="Pia", addresses=[mail])
    )
    assert isinstance(made, models.Contact)
    changed = contacts_partial_update.sync(
        made.id, client=api, body=models.PatchedContactRequest(name="Pia May")
    )
    assert isinstance(changed, models.Contact)
    assert (changed.name, changed.addresses[0].value) == ("Pia May", f"contact-{to}")
    assert changed.preferred_channel == models.BlankEnum.BLANK
    assert contacts_history_list.sync(made.id, client=api)
    gone = contacts_destroy.sync_detailed(made.id, client=api)
    assert gone.status_code == HTTPStatus.NO_CONTENT
    missing = contacts_retrieve.sync(made.id, client=api)
    assert isinstance(missing, models.Problem)


def call_templates() -> None:
    body = models.TemplateRequest(name=f"py-{to}", channel=EMAIL, body="Dear {{ name }}")
    made = templates_create.sync(client=api, body=body)
    assert isinstance(made, models.Template)
    assert made.variables[0].name == "name"
    twin = templates_create.sync(client=api, body=body)
    assert isinstance(twin, models.Invalid)
    assert isinstance(twin["name"], list)
    templates_destroy.sync_detailed(made.id, client=api)


def call_suppressions() -> None:
    body = models.SuppressionRequest(channel=EMAIL, value=f"stop-{to}")
    made = suppressions_create.sync(client=api, body=body)
    assert isinstance(made, models.Suppression)
    listed = suppressions_list.sync(client=api, value=body.value)
    assert isinstance(listed, models.PaginatedSuppressionList)
    assert [row.id for row in listed.results] == [made.id]
    suppressions_destroy.sync_detailed(made.id, client=api)


def call_appointments() -> None:
    day = "2031-06-06"
    body = models.BookRequest(
        title=f"Tasting {to}", start=f"{day}T10:00:00", end=f"{day}T11:00:00", zone="Europe/London"
    )
    made = appointments_create.sync(client=api, body=body)
    assert isinstance(made, models.Appointment), made
    assert made.start == body.start
    taken = appointments_create.sync_detailed(client=api, body=body)
    assert taken.status_code == HTTPStatus.CONFLICT
    stale = appointments_cancel_create.sync_detailed(made.id, client=api, if_match='"999"')
    assert stale.status_code == HTTPStatus.PRECONDITION_FAILED
    assert appointments_changes_list.sync(made.id, client=api)
    offer = availability_list.sync(
        client=api, from_=f"{day}T08:00:00Z", to=f"{day}T18:00:00Z", duration=60
    )
    assert isinstance(offer, models.Availability)
    assert offer.slots
    assert not offer.unknown
    gone = appointments_cancel_create.sync(made.id, client=api)
    assert isinstance(gone, models.Appointment)
    assert gone.status == models.AppointmentStatusEnum.CANCELLED
    assert isinstance(calendar_accounts_list.sync(client=api), models.PaginatedAccountList)


def call_as_strangers() -> None:
    nobody = messages_list.sync_detailed(client=connect("0000"))
    assert nobody.status_code == HTTPStatus.UNAUTHORIZED
    assert isinstance(nobody.parsed, models.Problem)
    body = models.ComposeRequest(channel=EMAIL, to=to, body="No.")
    looking = messages_create.sync_detailed(client=connect(viewer), body=body)
    assert looking.status_code == HTTPStatus.FORBIDDEN
    body.to = "nobody"
    wrong = messages_create.sync(client=api, body=body)
    assert isinstance(wrong, models.Invalid)
    assert "to" in wrong.additional_keys


def call_health() -> None:
    seen = health_retrieve.sync(client=api)
    assert isinstance(seen, models.Health)
    resend = next(provider for provider in seen.providers if provider.provider == "resend")
    assert resend.breaker
    assert resend.breaker.state == "closed"
    assert seen.workers


call_pages(call_messages())
call_contacts()
call_templates()
call_suppressions()
call_appointments()
call_as_strangers()
call_health()
sys.stdout.write("All calls answered as promised.\n")
