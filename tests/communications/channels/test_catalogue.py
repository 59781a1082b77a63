"""Meta's approved texts, as our templates."""

import pytest

from communications import tasks
from communications.errors import Refused
from communications.models import Message, Organization, Template
from communications.receiving import template_catalogue
from communications.vocabulary.template_approval import approval_in_list
from tests import factories
from tests.communications.channels.phones import (
    VALUES,
    Phones,
    explanations,
    guest,
    template,
    write,
)


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
