"""Health over the WebSocket: to staff and platform administrators, and the same to all of them."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User

from health.reporting import staff_frame
from tests import factories
from tests.communications.edges.listening import Ear, Frame, listening
from tests.communications.edges.servers import Live, live
from tests.health.test_page import incident


@pytest.fixture
def server(process_env: dict[str, str]) -> Iterator[Live]:
    with live(process_env) as running:
        yield running


def health(ear: Ear, *, incidents: int) -> Frame:
    """The next notice with so many open incidents."""
    while (frame := ear.any(15)).get("incidents") != incidents:
        pass
    return frame


@pytest.mark.django_db
def test_a_frame_says_how_the_providers_are_and_nothing_about_an_organization() -> None:
    before = staff_frame.health_frame()
    assert staff_frame.health_frame() == before
    assert '"status": "operational"' in before
    factories.message()
    incident(provider="", cause="queue", organization=factories.organization(), title="Zanzibar")
    assert staff_frame.health_frame() == before
    incident()
    after = staff_frame.health_frame()
    assert '"resend": "down"' in after
    assert "Zanzibar" not in after


def test_staff_and_platform_administrators_hear_of_an_incident_without_asking(
    server: Live,
) -> None:
    staff = factories.member()
    root = User.objects.create_superuser("root", password="secret")
    with (
        listening(server, staff, open_timeout=30) as staff_stream,
        listening(server, root) as root_stream,
    ):
        for stream in (staff_stream, root_stream):
            assert stream.any()["type"] == "ready"
            first = health(stream, incidents=0)
            assert (first["type"], first["status"]) == ("health", "operational")
        incident()
        for stream in (staff_stream, root_stream):
            assert health(stream, incidents=1)["providers"]["resend"] == "down"


def test_programs_of_people_who_are_no_staff_hear_of_messages_only(server: Live) -> None:
    program = factories.member()
    User.objects.filter(pk=program.pk).update(is_staff=False)
    with listening(server, program, open_timeout=30) as ear:
        assert ear.any()["type"] == "ready"
        incident()
        with pytest.raises(TimeoutError):
            ear.any(4)
