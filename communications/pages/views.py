"""The pages of staff outside the admin."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from communications.live import event_stream
from communications.models import Channel, Contact, Membership
from communications.providers import registry
from communications.vocabulary.statuses import Status

NOBODY = UUID(int=0)


@login_required
def overview_page(request: HttpRequest) -> HttpResponse:
    """Shows the outbox of the user's organization; answers 403 to a user who has none."""
    membership = Membership.objects.of(request.user)
    if membership is None:
        return no_membership(request)
    context = sandbox_link() | {"membership": membership, "page": script_data(membership)}
    return render(request, "communications/overview.html", context)


@login_required
def conversation_page(request: HttpRequest, contact: int) -> HttpResponse:
    """Shows the thread with one contact; answers 404 for another organization's."""
    membership = Membership.objects.of(request.user)
    if membership is None:
        return no_membership(request)
    mine = Contact.objects.filter(organization=membership.organization)
    found = get_object_or_404(mine, pk=contact)
    start = script_data(membership) | {"contact": {"id": found.pk, "name": found.name}}
    context = sandbox_link() | {"membership": membership, "contact": found, "page": start}
    return render(request, "communications/conversation.html", context)


def no_membership(request: HttpRequest) -> HttpResponse:
    template = "communications/no_membership.html"
    return render(request, template, sandbox_link(), status=HTTPStatus.FORBIDDEN)


def script_data(membership: Membership) -> dict[str, Any]:
    """Returns what the page's scripts start with."""
    return {
        # From before the list is loaded: what happens in between is replayed, never missed.
        "last_id": event_stream.last_event_id(),
        "may_write": membership.may_write,
        "channels": labelled_choices(Channel),
        "routed": registry.routed_channels(),
        "statuses": labelled_choices(Status),
        "conversations": reverse("conversation", args=[0]).removesuffix("0/"),
        # With an id that is nobody's, for the scripts to put another in its place.
        "nobody": str(NOBODY),
        "admin_message": reverse("admin:communications_message_change", args=[NOBODY])
        if membership.user.is_staff
        else "",
    }


def labelled_choices(words: type[Channel | Status]) -> list[dict[str, str]]:
    return [{"value": value, "label": str(label)} for value, label in words.choices]


def sandbox_link() -> dict[str, str]:
    """Returns where the sandbox is: a developer's, and nowhere to be seen in production."""
    return {"sandbox_url": getattr(settings, "SANDBOX_URL", "") if settings.DEBUG else ""}
