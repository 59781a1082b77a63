"""Approved texts with more than a text: what is asked for, and what Meta gets."""

from collections.abc import Callable
from typing import Any

import pytest

from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.composing.template_values import template_variables
from communications.conversations import thread
from communications.errors import Refused
from communications.models import Contact, Message, Organization, Template
from communications.receiving import template_catalogue
from tests.communications.channels.phones import Json, Phones, attempts, guest, statuses

BODY = {"type": "BODY", "text": "Hello {{1}}, see you on {{2}}."}
NAMED = {"type": "BODY", "text": "Hello {{couple}}, see you on {{day}}."}
TEXTS = {"1": "Amelia", "2": "3 May"}


def heading(shape: str, **more: Any) -> Json:
    return {"type": "HEADER", "format": shape, **more}


def buttons(*listed: Json) -> Json:
    return {"type": "BUTTONS", "buttons": list(listed)}


URL_BUTTON = {"type": "URL", "text": "Your page", "url": "https://ours.example/w/{{1}}"}
PICTURE = "https://cdn.example/invitation.jpg"
QUICK = {"type": "QUICK_REPLY", "text": "Yes"}


@pytest.fixture
def amelia(venue: Organization) -> Contact:
    return guest(venue, window=False)


@pytest.fixture
def approve(phones: Phones, venue: Organization) -> Callable[..., Template]:
    """Has Meta approve a template, and us hear of it."""

    def approved(*components: Json, name: str = "invitation") -> Template:
        body = {"name": name, "components": list(components), "language": "en"}
        phones.sandbox.control("POST", "/whatsapp/templates", body)
        template_catalogue.expire_catalogue("whatsapp")
        template_catalogue.sync_catalogues()
        return Template.objects.get(organization=venue, name=name)

    return approved


def compose(contact: Contact, variables: dict[str, str], name: str = "invitation") -> Message:
    draft = Draft(channel="whatsapp", contact=contact.pk, template=name, variables=variables)
    return compose_message(contact.organization, draft).message


def text(value: str, **more: str) -> Json:
    return {"type": "text", "text": value, **more}


BODY_SENT = {"type": "body", "parameters": [text("Amelia"), text("3 May")]}
PLACE = {
    "header_latitude": "51.5014",
    "header_longitude": "-0.1419",
    "header_name": "The Palace",
    "header_address": "London SW1A 1AA",
}


@pytest.mark.parametrize(
    ("components", "variables", "sent"),
    [
        ([BODY], TEXTS, [BODY_SENT]),
        (
            [NAMED],
            {"day": "3 May", "couple": "Ann & Theo"},
            [
                {
                    "type": "body",
                    "parameters": [
                        text("Ann & Theo", parameter_name="couple"),
                        text("3 May", parameter_name="day"),
                    ],
                }
            ],
        ),
        (
            [heading("TEXT", text="For {{1}}"), BODY],
            {**TEXTS, "header": "you"},
            [{"type": "header", "parameters": [text("you")]}, BODY_SENT],
        ),
        (
            [heading("TEXT", text="For {{who}}"), {"type": "BODY", "text": "Soon."}],
            {"who": "you"},
            [{"type": "header", "parameters": [text("you", parameter_name="who")]}],
        ),
        (
            [heading("IMAGE"), BODY, {"type": "FOOTER", "text": "Ever After"}],
            {**TEXTS, "header": PICTURE},
            [
                {"type": "header", "parameters": [{"type": "image", "image": {"link": PICTURE}}]},
                BODY_SENT,
            ],
        ),
        (
            [heading("VIDEO"), {"type": "BODY", "text": "Look."}],
            {"header": "https://cdn.example/v.mp4"},
            [
                {
                    "type": "header",
                    "parameters": [
                        {"type": "video", "video": {"link": "https://cdn.example/v.mp4"}}
                    ],
                }
            ],
        ),
        (
            [heading("DOCUMENT"), {"type": "BODY", "text": "The plan."}],
            {"header": "https://cdn.example/the%20plan.pdf"},
            [
                {
                    "type": "header",
                    "parameters": [
                        {
                            "type": "document",
                            "document": {
                                "link": "https://cdn.example/the%20plan.pdf",
                                "filename": "the plan.pdf",
                            },
                        }
                    ],
                }
            ],
        ),
        (
            [heading("LOCATION"), {"type": "BODY", "text": "Here."}],
            PLACE,
            [
                {
                    "type": "header",
                    "parameters": [
                        {
                            "type": "location",
                            "location": {
                                "latitude": "51.5014",
                                "longitude": "-0.1419",
                                "name": "The Palace",
                                "address": "London SW1A 1AA",
                            },
                        }
                    ],
                }
            ],
        ),
        (
            [BODY, buttons(QUICK, URL_BUTTON)],
            {**TEXTS, "button_2": "hart-2027"},
            [
                BODY_SENT,
                {
                    "type": "button",
                    "sub_type": "url",
                    "index": "1",
                    "parameters": [text("hart-2027")],
                },
            ],
        ),
        (
            [{"type": "BODY", "text": "Save."}, buttons({"type": "COPY_CODE"})],
            {"button_1": "SPRING27"},
            [
                {
                    "type": "button",
                    "sub_type": "copy_code",
                    "index": "0",
                    "parameters": [{"type": "coupon_code", "coupon_code": "SPRING27"}],
                }
            ],
        ),
        (
            [
                {"type": "BODY", "text": "Call us."},
                buttons(
                    {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+447700900900"},
                    {"type": "URL", "text": "Us", "url": "https://ours.example"},
                ),
            ],
            {},
            [],
        ),
        (
            [{"type": "BODY", "text": "{{2}} before {{1}}."}],
            {"1": "one", "2": "two"},
            [{"type": "body", "parameters": [text("one"), text("two")]}],
        ),
    ],
)
def test_it_is_sent_as_meta_documents_it_and_asks_for_nothing_else(
    phones: Phones,
    approve: Callable[..., Template],
    amelia: Contact,
    components: list[Json],
    variables: dict[str, str],
    sent: list[Json],
) -> None:
    template = approve(*components)
    assert {variable.name for variable in template_variables(template)} == set(variables)
    for missing in variables:
        rest = {name: value for name, value in variables.items() if name != missing}
        with pytest.raises(Refused, match=f"needs a value for: {missing}") as refused:
            compose(amelia, rest)
        assert refused.value.field == "variables"
    message = phones.send(compose(amelia, variables))
    assert statuses(message) == ["queued"] or message.status == "sent", attempts(message)[0].error
    [copy] = phones.copies(message)
    assert copy["request"]["template"]["components"] == sent


def test_a_form_is_opened_by_a_button_that_nobody_is_asked_about(
    phones: Phones, approve: Callable[..., Template], amelia: Contact
) -> None:
    flow = {"type": "FLOW", "text": "Answer", "flow_id": "1", "flow_action": "navigate"}
    approve({"type": "BODY", "text": "Will you come?"}, buttons(flow))
    message = phones.send(compose(amelia, {}))
    [copy] = phones.copies(message)
    [component] = copy["request"]["template"]["components"]
    assert (component["sub_type"], component["index"]) == ("flow", "0")
    assert component["parameters"] == [
        {"type": "action", "action": {"flow_token": str(message.pk)}}
    ]


@pytest.mark.parametrize(
    ("components", "why"),
    [
        ([BODY, {"type": "CAROUSEL", "cards": [{"components": []}]}], "carousel"),
        ([BODY, {"type": "LIMITED_TIME_OFFER"}], "limited time offer"),
        ([heading("PRODUCT"), BODY], "product"),
        ([heading("GIF"), BODY], "gif"),
        ([BODY, buttons({"type": "CATALOG", "text": "Look"})], "catalog button"),
        ([BODY, buttons({"type": "MPM", "text": "Look"})], "mpm button"),
        ([BODY, buttons({"type": "OTP", "otp_type": "COPY_CODE"})], "otp button"),
        (
            [
                BODY,
                buttons(
                    {"type": "URL", "text": "Copy", "url": "https://www.whatsapp.com/otp/{{1}}"}
                ),
            ],
            "one-time passwords",
        ),
        ([BODY, {"type": "SOMETHING_NEW"}], "something new"),
    ],
)
def test_what_we_cannot_send_is_not_offered_and_says_why(
    approve: Callable[..., Template], amelia: Contact, components: list[Json], why: str
) -> None:
    template = approve(*components)
    assert why in template.unsendable
    [whatsapp] = [way for way in thread.channel_options(amelia) if way.channel == "whatsapp"]
    assert "invitation" not in {offered.name for offered in whatsapp.templates}
    with pytest.raises(
        Refused, match=f"is not offered.*{why}.*cannot be sent from here"
    ) as refused:
        compose(amelia, TEXTS)
    assert refused.value.field == "template"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "is blank"),
        (" \u00a0 ", "is blank"),
        ("Amelia\nHart", "line break"),
        ("Amelia\r\nHart", "line break"),
        ("Amelia\tHart", "tab"),
        ("Amelia     Hart", "four spaces"),
        ("Amelia\u2028Hart", "line break"),
        ("x" * 1_025, "too long"),
    ],
)
def test_a_value_that_meta_refuses_is_refused_with_its_name(
    approve: Callable[..., Template], amelia: Contact, value: str, why: str
) -> None:
    approve(BODY)
    with pytest.raises(Refused, match=f"“2” .*{why}") as refused:
        compose(amelia, {**TEXTS, "2": value})
    assert refused.value.field == "variables"


def test_values_that_are_too_long_together_are_refused(
    approve: Callable[..., Template], amelia: Contact
) -> None:
    approve(BODY)
    with pytest.raises(Refused, match="WhatsApp takes 1,024"):
        compose(amelia, {"1": "x" * 600, "2": "y" * 600})
    compose(amelia, {"1": "x" * 500, "2": "y" * 500})


@pytest.mark.parametrize(
    ("components", "name", "value", "why"),
    [
        ([heading("IMAGE")], "header", "http://cdn.example/a.jpg", "https"),
        ([heading("IMAGE")], "header", "a picture", "has a space"),
        ([heading("IMAGE")], "header", "https://cdn.example/a.pdf", "application/pdf"),
        ([heading("VIDEO")], "header", "https://cdn.example/a.jpg", "image/jpeg"),
        ([heading("DOCUMENT")], "header", "plan.pdf", "https"),
        ([heading("TEXT", text="For {{1}}")], "header", "x" * 60, "at most 56"),
        ([heading("LOCATION")], "header_latitude", "91", "between -90 and 90"),
        ([heading("LOCATION")], "header_longitude", "west", "between -180 and 180"),
        ([heading("LOCATION")], "header_latitude", "nan", "between"),
        ([buttons(URL_BUTTON)], "button_1", "two words", "has a space"),
        ([buttons(URL_BUTTON)], "button_1", "https://x.example/tok", "whole address"),
        ([buttons({"type": "COPY_CODE"})], "button_1", "SIXTEENLETTERS27", "at most 15"),
    ],
)
def test_a_value_of_another_kind_is_refused_too(
    approve: Callable[..., Template],
    amelia: Contact,
    components: list[Json],
    name: str,
    value: str,
    why: str,
) -> None:
    approve(*components, {"type": "BODY", "text": "Soon."})
    place = PLACE if name.startswith("header_") else {}
    with pytest.raises(Refused, match=f"“{name}” .*{why}"):
        compose(amelia, {**place, name: value})


def test_a_value_that_has_no_place_is_refused(
    approve: Callable[..., Template], amelia: Contact
) -> None:
    approve(BODY)
    with pytest.raises(Refused, match=r"no place for: 3\. It takes: 1, 2\.$") as refused:
        compose(amelia, {**TEXTS, "3": "More"})
    assert refused.value.field == "variables"


def test_variables_of_one_name_in_several_places_stay_apart(
    phones: Phones, approve: Callable[..., Template], amelia: Contact
) -> None:
    body = {"type": "BODY", "text": "{{header}} and {{button_1}}."}
    approve(heading("IMAGE"), body, buttons(URL_BUTTON))
    values = {"header": "A", "button_1": "B", "header_": PICTURE, "button_1_": "c"}
    message = phones.send(compose(amelia, values))
    assert message.body == "A and B."
    assert len(phones.copies(message)) == 1


@pytest.mark.usefixtures("phones")
def test_a_caption_is_shorter_than_a_text_and_a_picture_travels_alone(
    venue: Organization, amelia: Contact
) -> None:
    amelia.addresses.filter(channel="whatsapp").update(window_opened_at="2999-01-01T00:00Z")

    def write(**more: Any) -> Message:
        draft = Draft(channel="whatsapp", contact=amelia.pk, **more)
        return compose_message(venue, draft).message

    with pytest.raises(Refused, match="1,024") as refused:
        write(body="x" * 1_025, media=[PICTURE])
    assert refused.value.field == "body"
    assert write(body="x" * 1_024, media=[PICTURE]).media
    assert write(body="x" * 1_025).body
    with pytest.raises(Refused, match="one picture") as refused:
        write(body="Look", media=[PICTURE, PICTURE])
    assert refused.value.field == "media"


def test_what_an_older_release_composed_is_sent_all_the_same(
    phones: Phones, approve: Callable[..., Template], amelia: Contact
) -> None:
    approve(BODY)
    message = compose(amelia, TEXTS)
    ref = {name: value for name, value in message.template_ref.items() if name != "values"}
    Message.objects.filter(pk=message.pk).update(template_ref=ref)
    [copy] = phones.copies(phones.send(message))
    assert copy["request"]["template"]["components"] == [BODY_SENT]
