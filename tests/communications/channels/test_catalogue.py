"""Meta's approved texts, as our templates."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from communications import tasks
from communications.errors import Refused
from communications.models import Message, Organization, Template
from communications.receiving import template_catalogue
from communications.receiving.template_catalogue import Catalogue, fits
from communications.vocabulary.events import TemplateChanged, TemplateText, TemplateVariable
from communications.vocabulary.template_approval import approval_in_list
from tests import factories
from tests.communications.channels.phones import (
    VALUES,
    Phones,
    explanations,
    guest,
    template,
    whatsapp_account,
    write,
)

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
VARIABLE = TemplateVariable(name="1", part="body", kind="text", limit=1024)


def approvals(of: Organization) -> dict[str, str]:
    return dict(Template.objects.filter(organization=of).values_list("name", "approval"))


@pytest.mark.usefixtures("phones")
def test_the_whole_catalogue_is_fetched_for_everybody(venue: Organization) -> None:
    other = factories.organization()
    assert template_catalogue.sync_catalogues() == 5
    expected = {
        "wedding_update": "APPROVED",
        "rsvp_reminder": "APPROVED",
        "spring_offer": "APPROVED",
        "free_cake": "REJECTED",
        "survey": "PAUSED",
    }
    assert approvals(venue) == approvals(other) == expected
    update = Template.objects.get(organization=venue, name="wedding_update")
    assert (update.channel, update.language, update.category) == ("whatsapp", "en_US", "UTILITY")
    assert (update.quality, update.body) == ("GREEN", "Hello {{1}}, there is news about {{2}}.")
    template_catalogue.expire_catalogue("whatsapp")
    assert template_catalogue.sync_catalogues() == 5
    assert Template.objects.count() == 10


@pytest.mark.usefixtures("phones")
def test_who_has_a_number_of_their_own_has_a_catalogue_of_their_own() -> None:
    own = factories.organization(whatsapp_from="999")
    template_catalogue.sync_catalogues()
    assert not approvals(own)


@pytest.mark.usefixtures("phones")
def test_what_is_not_listed_any_more_is_gone_and_what_is_ours_stays(venue: Organization) -> None:
    template(venue, "older")
    template(venue, "reminder", channel="sms", approval="", body="Soon")
    template_catalogue.sync_catalogues()
    assert approvals(venue)["older"] == "DELETED"
    assert approvals(venue)["reminder"] == ""
    with pytest.raises(Refused, match="deleted"):
        write(guest(venue), "whatsapp", body="", template="older", variables={"1": "", "2": ""})


def test_a_catalogue_that_cannot_be_had_changes_nothing(
    venue: Organization,
    phones: Phones,
) -> None:
    template(venue, "older")
    fault = {"status": {"status": 500, "only": ["GET /v23.0"]}}
    phones.sandbox.control("PUT", "/whatsapp/faults", fault)
    assert template_catalogue.sync_catalogues() == 0
    assert approvals(venue) == {"older": "APPROVED"}


def test_one_that_could_not_be_had_is_fetched_a_minute_later_and_a_fresh_one_is_left_alone(
    venue: Organization,
    phones: Phones,
) -> None:
    refused = {"status": {"status": 401, "only": ["GET /v23.0"]}}
    phones.sandbox.control("PUT", "/whatsapp/faults", refused)
    assert tasks.sync_templates() == 0
    phones.sandbox.control("PUT", "/whatsapp/faults", {})
    assert tasks.sync_templates() == 5
    Template.objects.filter(organization=venue).delete()
    assert tasks.sync_templates() == 0
    assert not approvals(venue)


def test_one_that_is_new_is_fetched_a_minute_after_it_is_announced(
    venue: Organization,
    phones: Phones,
) -> None:
    template_catalogue.sync_catalogues()
    Template.objects.filter(name="wedding_update").delete()
    about = {"message_template_name": "wedding_update", "message_template_language": "en_US"}
    phones.meta_posts("message_template_status_update", event="APPROVED", **about)
    assert template_catalogue.sync_catalogues() == 5
    assert approvals(venue)["wedding_update"] == "APPROVED"


@pytest.mark.parametrize(
    ("field", "news"),
    [
        ("message_template_components_update", {"message_template_element": "Hello {{1}}"}),
        ("message_template_status_update", {"event": "APPROVED"}),
    ],
)
@pytest.mark.usefixtures("venue")
def test_one_that_was_edited_is_read_again(
    phones: Phones, field: str, news: dict[str, str]
) -> None:
    template_catalogue.sync_catalogues()
    assert template_catalogue.sync_catalogues() == 0
    about = {"message_template_name": "wedding_update", "message_template_language": "en_US"}
    phones.meta_posts(field, **about, **news)
    assert template_catalogue.sync_catalogues() == 5
    assert Template.objects.get(name="wedding_update").approval == "APPROVED"


def test_news_about_a_template_is_heeded_at_once(venue: Organization, phones: Phones) -> None:
    found = template(venue)
    other = template(venue, language="de")
    about = {
        "message_template_name": "wedding_update",
        "message_template_language": "en_US",
        "message_template_id": 1,
    }
    phones.meta_posts("message_template_status_update", event="PAUSED", **about)
    phones.meta_posts("message_template_quality_update", new_quality_score="RED", **about)
    phones.meta_posts("template_category_update", new_category="MARKETING", **about)
    found.refresh_from_db()
    other.refresh_from_db()
    assert (found.approval, found.quality, found.category) == ("PAUSED", "RED", "MARKETING")
    assert (other.approval, other.category) == ("APPROVED", "UTILITY")


# --- what it costs, and what goes wrong -----------------------------------------------------------


def text(name: str, **fields: Any) -> TemplateText:
    usual = {"language": "en", "category": "UTILITY", "approval": "APPROVED", "quality": "GREEN"}
    return TemplateText(**{"name": name, "body": "Soon.", **usual, **fields})


def store(*texts: TemplateText, is_whole: bool = True) -> None:
    template_catalogue.store_catalogue(Catalogue("whatsapp", texts, is_whole))


def queries_of(action: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries:
        action()
    return len(queries)


def rows() -> set[tuple[str, str, str]]:
    return set(Template.objects.values_list("organization__slug", "name", "approval"))


@pytest.mark.usefixtures("venue")
def test_what_has_not_changed_costs_the_same_few_queries_for_however_many_organizations() -> None:
    catalogue = [text(f"news-{number}") for number in range(20)]
    store(*catalogue)
    alone = queries_of(lambda: store(*catalogue))
    for _ in range(5):
        factories.organization()
    store(*catalogue)
    assert Template.objects.count() == 6 * 20
    assert queries_of(lambda: store(*reversed(catalogue))) == alone == 3


@pytest.mark.usefixtures("venue")
def test_what_has_changed_is_written_by_statement_and_not_by_row() -> None:
    store(text("news"), text("offer"), text("old"))
    changed = text("news", approval="PAUSED", variables=(VARIABLE,)), text("offer"), text("new")
    alone = queries_of(lambda: store(*changed))
    for _ in range(5):
        factories.organization()
    store(text("news"), text("offer"), text("old"))
    assert queries_of(lambda: store(*changed)) == alone
    slugs = Organization.objects.values_list("slug", flat=True)
    assert len(slugs) == 6
    approvals = {"news": "PAUSED", "offer": "APPROVED", "old": "DELETED", "new": "APPROVED"}
    assert rows() == {(slug, *found) for slug in slugs for found in approvals.items()}


def test_only_what_has_changed_is_touched(venue: Organization) -> None:
    store(text("news", variables=(VARIABLE,)), text("offer"))
    Template.objects.update(updated_at=LONG_AGO)
    store(text("news", variables=(VARIABLE,)), text("offer", quality="RED"))
    touched = Template.objects.exclude(updated_at=LONG_AGO)
    assert touched.get() == Template.objects.get(organization=venue, name="offer")


def test_who_comes_later_and_what_was_removed_or_judged_here_is_seen_although_the_list_is_the_same(
    venue: Organization,
) -> None:
    store(text("news"))
    late = factories.organization()
    store(text("news"))
    assert rows() == {(venue.slug, "news", "APPROVED"), (late.slug, "news", "APPROVED")}
    Template.objects.filter(organization=late).delete()
    store(text("news"))
    assert len(rows()) == 2
    judged = TemplateChanged(name="news", language="en", approval="PAUSED", category="M" * 50)
    template_catalogue.apply_template_change("whatsapp", judged)
    assert set(Template.objects.values_list("approval", "category")) == {("PAUSED", "M" * 20)}
    store(text("news"))
    assert set(Template.objects.values_list("approval", "category")) == {("APPROVED", "UTILITY")}


@pytest.mark.parametrize("first", [True, False])
def test_what_happens_while_a_list_is_stored_is_seen_the_next_time(
    venue: Organization, monkeypatch: pytest.MonkeyPatch, *, first: bool
) -> None:
    if not first:
        store(text("news"), text("older"))
    mark_deleted = template_catalogue.mark_deleted

    def meanwhile(catalogue: Catalogue) -> None:
        mark_deleted(catalogue)
        factories.organization()
        template_catalogue.apply_template_change("whatsapp", judged)

    judged = TemplateChanged(name="news", language="en", approval="PAUSED", category="MARKETING")
    monkeypatch.setattr(template_catalogue, "mark_deleted", meanwhile)
    store(text("news"))
    assert approvals(venue)["news"] == "PAUSED"
    monkeypatch.undo()
    store(text("news"))
    news = Template.objects.filter(name="news").values_list("approval", flat=True)
    assert list(news) == ["APPROVED", "APPROVED"]


def test_who_is_founded_while_a_list_is_stored_has_it_the_next_time(
    venue: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_deleted, late = template_catalogue.mark_deleted, list[Organization]()

    def meanwhile(catalogue: Catalogue) -> None:
        mark_deleted(catalogue)
        late.append(factories.organization())

    monkeypatch.setattr(template_catalogue, "mark_deleted", meanwhile)
    store(text("news"))
    monkeypatch.undo()
    store(text("news"))
    assert approvals(venue) == approvals(late[0]) == {"news": "APPROVED"}


def test_an_account_that_does_not_answer_loses_none_of_its_texts(venue: Organization) -> None:
    store(text("news"), text("theirs"))
    store(text("news", approval="PAUSED"), is_whole=False)
    assert approvals(venue) == {"news": "PAUSED", "theirs": "APPROVED"}
    store(text("news", approval="PAUSED"))
    assert approvals(venue) == {"news": "PAUSED", "theirs": "DELETED"}


def test_two_accounts_of_a_channel_list_beside_each_other(
    venue: Organization, phones: Phones
) -> None:
    other = whatsapp_account(phones.sandbox.url, access_token="nobody's")
    same = whatsapp_account(phones.sandbox.url)
    phones.settings.PROVIDERS = {**phones.settings.PROVIDERS, "other": other, "same": same}
    phones.settings.ROUTES = {"whatsapp": ["other", "whatsapp", "same"]}
    template(venue, "older")
    # One is refused: what the others list is stored, nothing counts as gone, and it is asked again.
    assert template_catalogue.sync_catalogues() == 5
    assert approvals(venue)["older"] == "APPROVED"
    phones.settings.ROUTES = {"whatsapp": ["whatsapp", "same"]}
    assert template_catalogue.sync_catalogues() == 5
    assert approvals(venue)["older"] == "DELETED"
    assert approvals(venue)["wedding_update"] == "APPROVED"


def test_a_text_that_cannot_be_stored_keeps_none_of_the_others_out(venue: Organization) -> None:
    long = text("news", category="C" * 50, quality="Q" * 50, approval="A" * 50, body="a\0b")
    assert not any(map(fits, [text("n" * 513), text("news", language="l" * 17), text("a\0")]))
    assert fits(long)
    store(long)
    stored = Template.objects.get(organization=venue)
    assert (stored.category, stored.quality, stored.body) == ("C" * 20, "Q" * 20, "ab")
    assert queries_of(lambda: store(long)) == 3


# --- at the moment of sending -------------------------------------------------------------------


@pytest.mark.parametrize("word", ["PAUSED", "DISABLED", "REJECTED", "DELETED", "PENDING"])
def test_a_template_that_was_closed_since_is_not_sent_and_says_why(
    venue: Organization, phones: Phones, word: str
) -> None:
    chosen = template(venue)
    message = write(guest(venue), "whatsapp", body="", template=chosen.name, variables=VALUES)
    Template.objects.update(approval=word)
    assert phones.send(message).status == "suppressed"
    assert not phones.copies(message)
    assert message.error == (
        f"WhatsApp does not take the template “wedding_update” now, it is {word.lower()}."
    )


def test_a_message_whose_template_was_closed_goes_the_next_way(
    venue: Organization, phones: Phones
) -> None:
    chosen = template(venue)
    message = write(
        guest(venue),
        "whatsapp",
        body="",
        template=chosen.name,
        variables=VALUES,
        fallback=[{"channel": "sms"}],
    )
    Template.objects.update(approval="PAUSED")
    assert phones.send(message).provider == "twilio"
    assert "it is paused. Next by SMS" in explanations(message)


def test_a_plan_goes_round_a_template_that_was_closed(venue: Organization, phones: Phones) -> None:
    chosen = template(venue)
    plan = [{"channel": "email"}]
    message = write(
        guest(venue),
        "whatsapp",
        body="",
        subject="News",
        template=chosen.name,
        variables=VALUES,
        fallback=[{"channel": "whatsapp"}, *plan],
    )
    Template.objects.update(approval="DISABLED")
    assert phones.send(message).provider == "mail"
    assert not phones.copies(message)


@pytest.mark.parametrize("word", ["FLAGGED", "A_WORD_OF_NEXT_YEAR", ""])
def test_what_is_not_said_to_be_closed_is_sent(
    venue: Organization, phones: Phones, word: str
) -> None:
    chosen = template(venue)
    message = write(guest(venue), "whatsapp", body="", template=chosen.name, variables=VALUES)
    Template.objects.update(approval=word)
    assert phones.send(message).status == "sent"


def test_the_same_template_in_another_language_is_another(
    venue: Organization, phones: Phones
) -> None:
    chosen = template(venue)
    message = write(guest(venue), "whatsapp", body="", template=chosen.name, variables=VALUES)
    template(venue, language="de", approval="PAUSED")
    template(factories.organization(), approval="PAUSED")
    assert phones.send(message).status == "sent"


# --- what Meta says of a template -----------------------------------------------------------------


def update_for(venue: Organization) -> Message:
    fields = {"body": "", "template": "wedding_update", "variables": VALUES}
    return write(guest(venue), "whatsapp", **fields)


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        *(("APPROVED", event, "APPROVED") for event in ("FLAGGED", "LOCKED", "UNLOCKED")),
        *(("PAUSED", event, "PAUSED") for event in ("FLAGGED", "LOCKED", "UNLOCKED")),
        *(("PAUSED", event, "APPROVED") for event in ("APPROVED", "REINSTATED", "UNARCHIVED")),
        *(
            ("APPROVED", event, event)
            for event in ("PENDING", "REJECTED", "PAUSED", "DISABLED", "IN_APPEAL", "ARCHIVED")
        ),
        *(
            ("APPROVED", event, event)
            for event in ("PENDING_DELETION", "DELETED", "LIMIT_EXCEEDED")
        ),
        # Of tomorrow: the list tells.
        ("APPROVED", "SANDWICHED", "APPROVED"),
        ("PAUSED", "", "PAUSED"),
    ],
)
def test_only_what_meta_calls_unusable_is_unusable(
    venue: Organization, phones: Phones, before: str, event: str, after: str
) -> None:
    found = template(venue, approval=before)
    phones.meta_posts(
        "message_template_status_update",
        event=event,
        message_template_name="wedding_update",
        message_template_language="en_US",
    )
    found.refresh_from_db()
    assert found.approval == after
    if after == "APPROVED":
        message = write(
            guest(venue), "whatsapp", body="", template="wedding_update", variables=VALUES
        )
        assert phones.send(message).status == "sent"


@pytest.mark.parametrize("status", ["FLAGGED", "LOCKED", "UNLOCKED", "REINSTATED"])
def test_a_listed_template_that_may_be_sent_is_usable(status: str) -> None:
    assert approval_in_list(status) == "APPROVED"
    assert approval_in_list("SANDWICHED") == "SANDWICHED"


@pytest.mark.parametrize("code", [132015, 132016])
def test_a_template_that_is_refused_when_it_is_sent_stops_nothing_but_itself(
    venue: Organization, phones: Phones, code: int
) -> None:
    refused, other = template(venue), template(factories.organization())
    phones.breaks("whatsapp", "status", status=400, name=str(code), count=1)
    message = update_for(venue)
    assert phones.send(message).status == "failed"
    refused.refresh_from_db()
    other.refresh_from_db()
    assert (refused.approval, other.approval) == ("PAUSED", "APPROVED")
    # The list is asked at once, and knows better.
    template_catalogue.sync_catalogues()
    refused.refresh_from_db()
    assert refused.approval == "APPROVED"


def test_free_text_that_is_refused_so_pauses_no_template(
    venue: Organization, phones: Phones
) -> None:
    phones.breaks("whatsapp", "status", status=400, name="132015", count=1)
    assert phones.send(write(guest(venue), "whatsapp")).status == "failed"


def test_a_receipt_may_say_that_a_template_is_paused(venue: Organization, phones: Phones) -> None:
    found = template(venue)
    message = update_for(venue)
    phones.send(message)
    phones.meta_says(message.attempts.get(), "failed", 132015)
    found.refresh_from_db()
    assert found.approval == "PAUSED"
