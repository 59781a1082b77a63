"""What a wedding business tells about its appointments, unless it says otherwise."""

from django.db import transaction

from calendars.models import Occasion, Rule
from communications.models import Organization, Template

EMAIL_TEXTS = {
    Occasion.BOOKED: (
        "{{ title }} on {{ date }}",
        (
            "Dear {{ name }},\n\nyour appointment “{{ title }}” is on {{ date }} at {{ time }} "
            "({{ zone }}).\nPlace: {{ place }}\n{{ link }}\n\nThe attached file adds it to your "
            "calendar. We look forward to it.\n\n{{ organization }}"
        ),
    ),
    Occasion.MOVED: (
        "New time: {{ title }} on {{ date }}",
        (
            "Dear {{ name }},\n\n“{{ title }}” has moved from {{ before }} to {{ date }} "
            "at {{ time }} ({{ zone }}).\nPlace: {{ place }}\n{{ link }}\n\nIf that does not suit "
            "you, just reply to this message.\n\n{{ organization }}"
        ),
    ),
    Occasion.CANCELLED: (
        "Cancelled: {{ title }} on {{ date }}",
        (
            "Dear {{ name }},\n\n“{{ title }}” on {{ date }} at {{ time }} does not take place. We "
            "will be in touch about another date.\n\n{{ organization }}"
        ),
    ),
    Occasion.DECLINED: (
        "Declined: {{ title }} on {{ date }}",
        "{{ declined }} declined “{{ title }}” on {{ date }} at {{ time }}.",
    ),
    Occasion.DUE: (
        "A reminder: {{ title }} on {{ date }}",
        (
            "Dear {{ name }},\n\nwe see each other on {{ date }} at {{ time }} ({{ zone }}) for "
            "“{{ title }}”.\nPlace: {{ place }}\n{{ link }}\n\n{{ organization }}"
        ),
    ),
}
SMS_TEXTS = {
    Occasion.BOOKED: "{{ organization }}: {{ title }} is on {{ date }} at {{ time }}.",
    Occasion.MOVED: "{{ organization }}: {{ title }} is now on {{ date }} at {{ time }}.",
    Occasion.CANCELLED: "{{ organization }}: {{ title }} on {{ date }} does not take place.",
    Occasion.DECLINED: "{{ declined }} declined {{ title }} on {{ date }}.",
    Occasion.DUE: "{{ organization }}: see you on {{ date }} at {{ time }} for {{ title }}.",
}
# Only those whom it helps; everybody else has the appointment itself.
DEFAULT_ROLES = {Occasion.DECLINED: ["colleague"], Occasion.DUE: ["couple", "supplier", "venue"]}
REMINDER_HOURS = {Occasion.DUE: 24}


@transaction.atomic
def seed_default_texts(organization: Organization) -> int:
    """Rules and texts for an organization that has none. How many rules were made."""
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if Rule.objects.filter(organization=organization).exists():
        return 0
    for occasion in Occasion:
        Rule.objects.create(
            organization=organization,
            name=f"Appointment {occasion.label.lower()}",
            occasion=occasion,
            roles=DEFAULT_ROLES.get(occasion, []),
            hours_before=REMINDER_HOURS.get(occasion, 24),
            template=default_template(organization, occasion),
            fallback=[{"channel": "sms", "template": template_name(occasion)}],
        )
    return len(Occasion)


def default_template(organization: Organization, occasion: Occasion) -> Template:
    subject, body = EMAIL_TEXTS[occasion]
    Template.objects.get_or_create(
        organization=organization,
        channel="sms",
        name=template_name(occasion),
        language="",
        defaults={"body": SMS_TEXTS[occasion]},
    )
    return Template.objects.get_or_create(
        organization=organization,
        channel="email",
        name=template_name(occasion),
        language="",
        defaults={"subject": subject, "body": body},
    )[0]


def template_name(occasion: Occasion) -> str:
    return f"appointment-{occasion.value}"
