"""What staff sees of calendars: nobody else's, and roles are what they say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import Model
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from calendars.admin import contact_panel
from calendars.appointments import booking
from calendars.appointments.booking import BookingRequest
from calendars.appointments.participants import Invitee
from calendars.linking import default_texts
from calendars.models import (
    Account,
    Appointment,
    AppointmentChange,
    BusyBlock,
    Calendar,
    ContactBook,
    Notice,
    Participant,
    Rule,
    Subscription,
)
from calendars.models.accounts import AccountStatus
from communications.models import Organization, Role, Template
from tests import factories
from tests.calendars import rows
from tests.calendars.fake_vendor import FakeVendor
from tests.communications.admin_pages import (
    listed,
    logged_in,
    page_messages,
    pages_of,
    plain_static,
    registered,
    url,
)

__all__ = ["plain_static"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "fake_vendor")]

SECRET = "Zanzibar"
SOON = (timezone.now() + timedelta(days=3)).replace(hour=10, minute=0, second=0, microsecond=0)


@pytest.fixture
def staff(organization: Organization) -> Client:
    return logged_in(factories.member(organization, Role.STAFF))


@pytest.fixture
def owner(organization: Organization) -> Client:
    return logged_in(factories.member(organization, Role.OWNER))


@pytest.fixture
def viewer(organization: Organization) -> Client:
    return logged_in(factories.member(organization, Role.VIEWER))


def furnished() -> dict[type[Model], Model]:
    """One row of everything, all of another organization and all with the word in it."""
    organization = factories.organization(name=SECRET)
    account = rows.account(organization, vendor="fake", email=f"{SECRET}@example.com")
    calendar = rows.calendar(account, name=SECRET)
    contact = factories.contact(organization, name=SECRET)
    appointment = rows.appointment(calendar, SOON, title=SECRET)
    participant = Participant.objects.create(
        appointment=appointment,
        contact=contact,
        email=f"{SECRET}@example.com",
        name=SECRET,
    )
    BusyBlock.objects.create(
        calendar=calendar,
        remote_id="b",
        title=SECRET,
        starts_at=SOON + timedelta(hours=3),
        ends_at=SOON + timedelta(hours=4),
    )
    default_texts.seed_default_texts(organization)
    rule = Rule.objects.filter(organization=organization)[0]
    Rule.objects.filter(pk=rule.pk).update(name=SECRET)
    rule.name = SECRET
    found: list[Model] = [
        account,
        appointment,
        rule,
        AppointmentChange.objects.create(
            appointment=appointment,
            version=1,
            what="booked",
            source="here",
            by=SECRET,
        ),
        Notice.objects.create(
            appointment=appointment,
            rule=rule,
            participant=participant,
            occasion_key="1",
            error=SECRET,
        ),
        Subscription.objects.create(account=account, calendar=calendar, remote_id=SECRET),
        ContactBook.objects.create(account=account, error=SECRET),
    ]
    return {type(row): row for row in found}


def span(start: datetime = SOON, days: int = 7) -> dict[str, str]:
    begins = start - timedelta(days=2)
    return {"start": begins.isoformat(), "end": (begins + timedelta(days=days)).isoformat()}


# --- whose ---


def test_every_model_of_calendars_in_the_admin_has_a_foreign_row_here() -> None:
    ours = {model for model, _ in registered() if model._meta.app_label == "calendars"}

    assert ours == set(furnished())


@pytest.mark.parametrize("role", [Role.OWNER, Role.VIEWER])
def test_a_stranger_gets_no_page_that_names_a_foreign_row(role: Role) -> None:
    foreign = furnished()
    before = {
        model: model._default_manager.filter(pk=row.pk).values()[0]
        for model, row in foreign.items()
    }
    client = logged_in(factories.member(role=role))

    for row in foreign.values():
        for page in pages_of(row):
            for response in (client.get(page), client.post(page, {"post": "yes", "name": "x"})):
                assert response.status_code in {302, 403, 404, 405}, page
                assert SECRET not in response.content.decode(), page

    after = {
        model: model._default_manager.filter(pk=row.pk).values()[0]
        for model, row in foreign.items()
    }
    assert after == before


def test_lists_the_week_and_the_forms_show_nothing_foreign() -> None:
    foreign = furnished()
    client = logged_in(factories.member(role=Role.OWNER))
    feed = reverse("admin:calendars_appointment_feed")
    pages = [
        reverse("admin:calendars_appointment_week"),
        reverse("admin:calendars_appointment_add"),
        reverse("admin:calendars_account_list"),
        reverse("admin:calendars_rule_add"),
        *(listed(model) for model in foreign),
        *(f"{listed(model)}?q={SECRET.lower()}" for model in foreign),
    ]
    for page in pages:
        response = client.get(page, follow=True)
        assert response.status_code == 200
        assert SECRET not in response.content.decode(), page
    assert client.get(feed, span()).json() == []
    calendar = Calendar.objects.get(name=SECRET)
    offers = {"day": f"{SOON:%F}", "duration": "60", "calendar": str(calendar.pk)}
    assert client.get(reverse("admin:calendars_appointment_offers"), offers).status_code == 400


def test_the_week_shows_appointments_and_the_time_that_others_take(
    viewer: Client,
    calendar: Calendar,
) -> None:
    made = rows.appointment(calendar, SOON, title="Tasting", zone="UTC")
    rows.appointment(calendar, SOON + timedelta(hours=1), title="Held", zone="UTC", status="held")
    BusyBlock.objects.create(
        calendar=calendar,
        remote_id="b",
        starts_at=SOON + timedelta(hours=3),
        ends_at=SOON + timedelta(hours=4),
    )
    Organization.objects.update(time_zone="America/New_York")
    tasting, busy = viewer.get(reverse("admin:calendars_appointment_feed"), span()).json()
    assert tasting["title"] == "Tasting"
    assert tasting["url"] == url(made)
    # As a clock in New York shows it, without an offset.
    here = SOON - timedelta(hours=5)
    assert tasting["start"] in {f"{here:%FT%T}", f"{here + timedelta(hours=1):%FT%T}"}
    assert (busy["title"], busy["classNames"]) == ("Busy", ["ws-busy"])


@pytest.mark.parametrize("query", [{}, {"start": "x", "end": "y"}, span(days=400), span(days=-1)])
def test_the_week_asks_for_a_sensible_span(viewer: Client, query: dict[str, str]) -> None:
    response = viewer.get(reverse("admin:calendars_appointment_feed"), query)

    assert response.status_code == 400


def test_whole_days_are_the_same_days_everywhere(viewer: Client, calendar: Calendar) -> None:
    midnight = datetime(2027, 6, 5, tzinfo=UTC).replace(tzinfo=None)
    rows.appointment(
        calendar,
        wall=midnight,
        zone="Pacific/Auckland",
        minutes=24 * 60,
        is_all_day=True,
    )
    query = span(datetime(2027, 6, 5, tzinfo=UTC))
    (found,) = viewer.get(reverse("admin:calendars_appointment_feed"), query).json()
    assert (found["start"], found["end"], found["allDay"]) == ("2027-06-05", "2027-06-06", True)


def test_a_contacts_appointments(calendar: Calendar, organization: Organization) -> None:
    contact = factories.contact(organization)
    for start in (SOON, SOON - timedelta(days=30)):
        made = rows.appointment(calendar, start)
        Participant.objects.create(appointment=made, contact=contact, email="")
    rows.appointment(calendar, SOON + timedelta(days=1))
    found = contact_panel.appointments_of_contact(contact)
    assert [len(found["coming"]), len(found["past"])] == [1, 1]
    drawn = render_to_string(
        "admin/calendars/contact_panel.html",
        found | {"may_act": True},
    )
    assert f"?couple={contact.pk}" in drawn
    assert drawn.count("Consultation") == 2


# --- what a role may do ---


def test_a_viewer_looks_and_does_not_act(
    viewer: Client,
    account: Account,
    calendar: Calendar,
) -> None:
    made = rows.appointment(calendar, SOON)
    for page in (url(account), url(made), listed(Account), listed(Appointment)):
        response = viewer.get(page)
        assert response.status_code == 200
        assert '<form method="post" action="/admin/calendars' not in response.content.decode()
    acts = [
        url(account, "disconnect"),
        url(account, "read"),
        url(account, "choose"),
        url(account, "decide"),
        url(made, "cancel"),
        url(made, "accept"),
        url(made, "edit"),
        listed(Appointment, "add"),
        reverse("calendar-connect", args=["fake"]),
    ]
    for act in acts:
        assert viewer.post(act, {"title": "x"}).status_code == 403, act
    account.refresh_from_db()
    made.refresh_from_db()
    assert (account.status, made.status) == (AccountStatus.LINKED, "booked")


def test_only_owners_change_the_rules(
    staff: Client, owner: Client, organization: Organization
) -> None:
    default_texts.seed_default_texts(organization)
    rule = Rule.objects.get(organization=organization, occasion="due")
    page = owner.get(url(rule))
    data = {**page.context["adminform"].form.initial, "roles": ["couple"], "hours_before": 48}
    data["fallback"] = []
    data["quiet_from"], data["quiet_until"] = "21:00", "08:00"
    assert staff.post(url(rule), data).status_code == 403
    assert owner.post(url(rule), data).status_code == 302
    rule.refresh_from_db()
    assert (rule.roles, rule.hours_before, rule.fallback) == (["couple"], 48, [])
    assert rule.organization == organization


def test_a_rule_keeps_its_other_texts_and_its_name_is_its_own(
    owner: Client,
    organization: Organization,
) -> None:
    default_texts.seed_default_texts(organization)
    rule = Rule.objects.get(organization=organization, occasion="due")
    other = Rule.objects.get(organization=organization, occasion="booked")
    form = owner.get(url(rule)).context["adminform"].form
    data = {**form.initial, "quiet_from": "21:00", "quiet_until": "08:00"}
    assert owner.post(url(rule), data).status_code == 302
    rule.refresh_from_db()
    assert rule.fallback == [{"channel": "sms", "template": "appointment-due"}]
    taken = owner.post(url(rule), data | {"name": other.name})
    assert "There is a rule with this name already." in taken.content.decode()

    Template.objects.filter(pk=rule.template_id).update(body="Dear {{ couple }}, on {{ date }}.")
    unknown = owner.post(url(rule), data)
    [why] = unknown.context["adminform"].form.errors["template"]
    assert "{{ couple }}, which no appointment fills in" in why
    assert "{{ name }}, {{ title }}, {{ date }}" in why


# --- accounts ---


def test_an_account_is_chosen_for_read_and_let_go(
    staff: Client,
    account: Account,
    calendar: Calendar,
    fake_vendor: FakeVendor,
) -> None:
    other = rows.calendar(account, name="Viewings", is_followed=False)
    BusyBlock.objects.create(
        calendar=calendar,
        remote_id="b",
        title="Dentist",
        starts_at=SOON,
        ends_at=SOON,
    )
    data = {
        "conflicts": "ours",
        "default": str(other.pk),
        f"followed-{calendar.pk}": "on",
        f"followed-{other.pk}": "on",
        f"room-{calendar.pk}": "30",
        f"room-{other.pk}": "0",
        f"titles-{other.pk}": "on",
    }
    assert "Saved" in page_messages(staff.post(url(account, "choose"), data, follow=True))
    account.refresh_from_db()
    calendar.refresh_from_db()
    other.refresh_from_db()
    assert account.conflicts == "ours"
    assert (other.is_followed, other.is_default, calendar.is_default) == (True, True, False)
    assert (calendar.buffer_minutes, calendar.shows_titles) == (30, False)
    assert calendar.blocks.get().title == ""
    assert "2 calendars are being read" in page_messages(
        staff.post(url(account, "read"), follow=True)
    )
    assert "is disconnected" in page_messages(staff.post(url(account, "disconnect"), follow=True))
    account.refresh_from_db()
    assert account.status == AccountStatus.DISCONNECTED
    assert fake_vendor.revoked


def test_bookings_go_only_to_what_is_followed(
    staff: Client,
    account: Account,
    calendar: Calendar,
) -> None:
    data = {"conflicts": "theirs", "default": str(calendar.pk), f"room-{calendar.pk}": "0"}
    response = staff.post(url(account, "choose"), data, follow=True)
    assert "that is followed" in page_messages(response)
    calendar.refresh_from_db()
    assert calendar.is_followed


def test_how_an_account_stands_is_said_in_words(staff: Client, account: Account) -> None:
    rows.calendar(account, name="Read", last_pulled_at=timezone.now())
    rows.calendar(account, name="Held", held_at=timezone.now(), held_reason="5 of 6 are gone.")
    Account.objects.update(status=AccountStatus.RECONNECT, why="The permission was taken back.")
    text = staff.get(listed(Account)).content.decode()
    for word in ("reconnect needed", "The permission was taken back.", "asked regularly", "5 of 6"):
        assert word in text, word
    assert "Connect again" in staff.get(url(account)).content.decode()
    part = staff.get(url(account, "part")).content.decode()
    assert "your decision" in part


def test_what_could_not_be_taken_over_is_shown_with_its_reason(
    staff: Client, account: Account, calendar: Calendar
) -> None:
    entries = {
        "a": {"title": "<b>Dentist</b>", "reason": "It has no start."},
        "b": {"title": "", "reason": "It ends before it starts."},
    }
    Calendar.objects.filter(pk=calendar.pk).update(unapplied=entries)
    text = staff.get(url(account)).content.decode()
    for word in (
        "2 entries could not be taken over",
        "&lt;b&gt;Dentist&lt;/b&gt;: It has no start.",
        "without a title: It ends before it starts.",
    ):
        assert word in text, word


def test_what_is_held_back_is_decided_once(
    staff: Client,
    account: Account,
    calendar: Calendar,
) -> None:
    Calendar.objects.update(held_at=timezone.now(), held_reason="5 of 6 are gone.")
    data = {"calendar": str(calendar.pk), "decision": "restore"}
    assert "is it really gone?" in staff.get(url(account)).content.decode()
    staff.post(url(account, "decide"), data)
    calendar.refresh_from_db()
    assert calendar.held_decision == "restore"
    Calendar.objects.update(held_at=None, held_decision="")
    assert "Nothing is held back" in page_messages(
        staff.post(url(account, "decide"), data, follow=True)
    )
    foreign = rows.calendar()
    for wrong in ({"decision": "perhaps"}, {"calendar": "x"}, {"calendar": str(foreign.pk)}):
        assert staff.post(url(account, "decide"), data | wrong).status_code == 404


def test_acting_is_posting(staff: Client, account: Account, calendar: Calendar) -> None:
    made = rows.appointment(calendar, SOON)
    for page in (url(account, "disconnect"), url(made, "cancel")):
        assert staff.get(page).status_code == 405
    assert staff.get(reverse("calendar-connect", args=["fake"])).status_code == 405


def test_without_a_vendor_it_says_what_to_configure(staff: Client, settings: Settings) -> None:
    settings.CALENDARS = {}
    text = staff.get(listed(Account)).content.decode()
    assert "GOOGLE_CLIENT_ID" in text
    assert "No calendar is connected yet." in text
    assert staff.post(reverse("calendar-connect", args=["fake"])).status_code == 404


def test_the_platforms_administrator_sees_all_and_connects_none(admin_client: Client) -> None:
    furnished()
    assert SECRET in admin_client.get(listed(Account)).content.decode()
    assert SECRET in admin_client.get(listed(Appointment)).content.decode()
    assert admin_client.post(reverse("calendar-connect", args=["fake"])).status_code == 403


def booking_request(**fields: Any) -> BookingRequest:
    start = SOON.replace(tzinfo=None)
    times = {"start": start, "end": start + timedelta(hours=1)}
    return BookingRequest(**{"title": "Tasting", **times, **fields})


def test_an_appointments_page_tells_its_story(
    staff: Client,
    organization: Organization,
    calendar: Calendar,
) -> None:
    contact = factories.contact(organization)
    made = booking.book_appointment(
        organization, booking_request(participants=[Invitee(contact=contact.pk)])
    )
    AppointmentChange.objects.create(
        appointment=made,
        version=2,
        what="moved",
        source="fake",
        before={"start": "2027-06-05T10:00:00"},
        after={"start": "2027-06-05T11:00:00", "with a@example.com": "declined"},
    )
    rows.appointment(calendar, SOON, title="Fitting", zone="UTC", overlaps=True)
    Appointment.objects.filter(pk=made.pk).update(
        overlaps=True, problem="At the same time as “Fitting”."
    )
    made.links.update(error="503", tries=3)
    for page in (url(made), url(made, "part")):
        text = staff.get(page).content.decode()
        for word in ("Tasting", "Amelia Hart", "no answer yet", "Sat 5 Jun, 10:00", "Fake", "503"):
            assert word in text, word
        assert "Look at “Fitting”" in text


def test_a_problem_is_looked_at_and_may_stay(staff: Client, calendar: Calendar) -> None:
    made = rows.appointment(calendar, SOON, problem="Changed here and in the calendar: title.")
    assert "it may stay as it is" in staff.get(url(made)).content.decode()
    assert staff.get(url(made, "accept")).status_code == 405
    assert "It stays as it is." in page_messages(staff.post(url(made, "accept"), follow=True))
    made.refresh_from_db()
    assert made.problem == ""
    assert "any more" in page_messages(staff.post(url(made, "accept"), follow=True))


def test_those_that_would_be_cancelled_are_listed(
    staff: Client,
    account: Account,
    calendar: Calendar,
) -> None:
    links = []
    for number in range(23):
        start = SOON + timedelta(hours=number)
        made = rows.appointment(calendar, start, zone="UTC", title=f"Tasting {number:02}")
        links.append(made.links.create(calendar=calendar, remote_id=str(number)).pk)
    Calendar.objects.update(
        held_at=timezone.now(), held_reason="23 of 25 are gone.", held_links=links
    )
    text = staff.get(url(account)).content.decode()
    for word in ("These would be cancelled", "Tasting 00", "Tasting 19", "And 3 more."):
        assert word in text, word
    assert "Tasting 20" not in text
