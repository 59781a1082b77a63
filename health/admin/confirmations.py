"""What a person can do about it, each with the question that is asked before it is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.http import Http404

from health.admin import (
    model_admins,
    permissions,
)
from health.incidents import actions
from health.models import Incident
from wedsync_comms.lib.admin_kit.scope import Scope

TEXT = 1_000
LINES = forms.Textarea({"rows": 3})


class ConfirmForm(forms.Form):
    """Only asks."""


class ReasonForm(forms.Form):
    text = forms.CharField(label="Why", max_length=TEXT, widget=LINES, required=False)


class CommentForm(forms.Form):
    text = forms.CharField(label="Comment", max_length=TEXT, widget=LINES)


def provider_choices() -> list[tuple[str, str]]:
    return [(slug, slug) for slug in settings.PROVIDERS]


class ProviderForm(forms.Form):
    provider = forms.ChoiceField(label="Provider", choices=provider_choices)


class AnyProviderForm(forms.Form):
    provider = forms.ChoiceField(
        label="Which failed at",
        required=False,
        choices=lambda: [("", "any provider"), *provider_choices()],
    )


@dataclass(frozen=True)
class ActionRequest:
    """Who does what to which, with what was filled in."""

    scope: Scope
    user: Any
    subject: str
    given: Mapping[str, Any]

    @property
    def by(self) -> actions.StaffActor:
        return actions.StaffActor(self.user, self.scope.organization)


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    # {0} is the subject's name.
    title: str
    explains: str
    button: str
    icon: str
    is_allowed: Callable[[Scope], bool]
    # Does it and returns the sentence that reports it. Raises NotPossible.
    act: Callable[[ActionRequest], str]
    name: Callable[[ActionRequest], str] = lambda _asked: ""
    form: type[forms.Form] = ConfirmForm


def provider_slug(asked: ActionRequest) -> str:
    if asked.subject not in settings.PROVIDERS:
        raise Http404
    return asked.subject


def probed_slug(asked: ActionRequest) -> str:
    """Calendar vendors are asked as well; nothing of theirs is paused."""
    return asked.subject if asked.subject in settings.CALENDARS else provider_slug(asked)


def calendar_vendor(asked: ActionRequest) -> str:
    if asked.subject not in settings.CALENDARS:
        raise Http404
    return asked.subject


def answerable_incident(asked: ActionRequest) -> Incident:
    rows = model_admins.answerable_incidents(asked.scope)
    found = rows.filter(pk=asked.subject).first() if asked.subject.isdecimal() else None
    if found is None:
        raise Http404
    return found


def incident_title(asked: ActionRequest) -> str:
    return answerable_incident(asked).title


CONFIRMATIONS = {
    "pause": Confirmation(
        title="Pause {0}?",
        explains="Nothing is sent through it until somebody resumes it. Messages go through the "
        "next provider of their route; where there is none, they wait and nothing is lost.",
        button="Pause",
        icon="pause",
        form=ReasonForm,
        name=provider_slug,
        is_allowed=permissions.may_steer_providers,
        act=lambda asked: actions.pause_provider(
            asked.by, provider_slug(asked), asked.given["text"]
        ),
    ),
    "resume": Confirmation(
        title="Resume {0}?",
        explains="Messages go through it again at once. If it still fails, it is closed off again "
        "by itself.",
        button="Resume",
        icon="play_arrow",
        name=provider_slug,
        is_allowed=permissions.may_steer_providers,
        act=lambda asked: actions.resume_provider(asked.by, provider_slug(asked)),
    ),
    "probe": Confirmation(
        title="Ask {0} now?",
        explains="One cheap question to the provider and one to our own webhook address. No "
        "message is sent.",
        button="Probe now",
        icon="network_check",
        name=probed_slug,
        is_allowed=permissions.may_steer_providers,
        act=lambda asked: actions.probe_now(asked.by, probed_slug(asked)),
    ),
    "resubscribe": Confirmation(
        title="Subscribe anew at {0}?",
        explains="Every linked account asks the vendor once more to announce what changes, as it "
        "does by itself at half of a subscription’s life. Nothing is missed meanwhile.",
        button="Subscribe anew",
        icon="notifications_active",
        name=calendar_vendor,
        is_allowed=permissions.may_act,
        act=lambda asked: actions.resubscribe_calendars(asked.by, calendar_vendor(asked)),
    ),
    "retry": Confirmation(
        title="Try failed messages again?",
        explains="Those that failed in the last 24 hours by a provider’s fault are put into the "
        "outbox again, at most 500 at a time. Wrong addresses and refused texts are left alone.",
        button="Try again",
        icon="refresh",
        form=AnyProviderForm,
        is_allowed=permissions.may_act,
        act=lambda asked: actions.retry_failed(asked.by, asked.given["provider"]),
    ),
    "failover": Confirmation(
        title="Move waiting messages on?",
        explains="Messages that wait for this provider go to the next one of their route, at most "
        "500 at a time. Nothing is sent twice: only what surely was not taken is moved.",
        button="Move on",
        icon="alt_route",
        form=ProviderForm,
        is_allowed=permissions.may_act,
        act=lambda asked: actions.fail_over_waiting(asked.by, asked.given["provider"]),
    ),
    "replay": Confirmation(
        title="Replay webhooks?",
        explains="Stored webhooks that could not be applied are applied once more, at most 500 at "
        "a time. What was applied before is not applied twice.",
        button="Replay",
        icon="replay",
        is_allowed=permissions.may_act,
        act=lambda asked: actions.replay_webhooks(asked.by),
    ),
    "acknowledge": Confirmation(
        title="You have seen “{0}”?",
        explains="Nobody is reminded of it any more. It stays open until it is over.",
        button="I have seen it",
        icon="visibility",
        name=incident_title,
        is_allowed=permissions.may_act,
        act=lambda asked: actions.acknowledge_incident(asked.by, answerable_incident(asked)),
    ),
    "comment": Confirmation(
        title="Comment on “{0}”",
        explains="Colleagues see it in the incident’s history.",
        button="Comment",
        icon="comment",
        form=CommentForm,
        name=incident_title,
        is_allowed=permissions.may_act,
        act=lambda asked: actions.comment_incident(
            asked.by, answerable_incident(asked), asked.given["text"]
        ),
    ),
}
