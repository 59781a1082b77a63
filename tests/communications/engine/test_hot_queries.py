"""What `docs/scaling.md` says of tables and queries is what they are."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.test import Client

from communications.conversations import thread
from communications.live import event_stream
from communications.live.event_stream import StreamCursor
from communications.models import Organization
from communications.receiving import receipts
from communications.sending import claims, provider_call
from communications.vocabulary.events import Kind, Source, StatusChanged
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.engine import rows
from tests.communications.engine.hot_paths import HOT, Paths
from tests.communications.engine.mailing import Mailing

DOCUMENT = Path(settings.BASE_DIR, "docs", "scaling.md")
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \|", re.MULTILINE)


def listed(heading: str) -> dict[str, str]:
    """Returns the rows of the table under a heading: what, and why."""
    section = DOCUMENT.read_text().split(f"\n### {heading}\n")[1].split("\n#")[0]
    return dict(ROW.findall(section))


def test_each_hot_table_has_its_organization_or_its_reason() -> None:
    models = {label: apps.get_model(label) for label in HOT.values()}
    without = {
        model.__name__
        for model in models.values()
        if not any(column.name == "organization" for column in model._meta.get_fields())
    }
    nullable = {
        model.__name__
        for model in models.values()
        if model.__name__ not in without and model._meta.get_field("organization").null
    }
    assert set(listed("Tables without their organization")) == without | nullable


@pytest.mark.django_db
def test_each_hot_query_names_its_organization_or_has_its_reason(
    venue: Organization,
    mailing: Mailing,  # noqa: ARG001 (a provider that takes mails)
) -> None:
    paths = Paths()
    run_hot_paths(paths, venue)

    assert set(paths.asked) >= {"compose", "claim", "outcome", "receipt", "list", "stream"}
    found = {f"{path}: {query}" for path, queries in paths.across.items() for query in queries}
    assert found == set(listed("Queries that name no organization"))


def run_hot_paths(paths: Paths, venue: Organization) -> None:
    contact = factories.contact(venue)
    client = Client()
    client.force_login(factories.member(venue))
    with paths.path("compose"):
        message = factories.message(venue, to="", contact=contact.pk)
    with paths.path("claim"):
        (claim,) = claims.claim_due("email", "first", usable=["first"], limit=100)
    called = provider_call.call_provider(claim)
    with paths.path("outcome"):
        provider_call.conclude_calls([called])
    message.refresh_from_db()
    assert message.status == Status.SENT
    delivered = StatusChanged(
        kind=Kind.DELIVERED,
        status=Status.DELIVERED,
        provider_id=message.provider_id,
        occurred_at=rows.NOW,
    )
    with paths.path("receipt"):
        receipts.apply_status("first", delivered, "event-1", Source.WEBHOOK)
    with paths.path("list"):
        assert client.get("/api/messages/").status_code == 200
    with paths.path("conversation"):
        assert thread.newest_messages(contact, 20)
    with paths.path("stream"):
        assert list(StreamCursor(0).read())
    with paths.path("replay"):
        assert event_stream.replay_frames(venue.pk, 0)
