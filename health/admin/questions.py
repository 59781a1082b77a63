"""What a person can do about it, each with the question that is asked before it is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.http import Http404

from health.admin import records, rights
from health.incidents import actions
from health.models import Incident
from wedsync_comms.lib.admin_kit.scope import Scope

TEXT = 1_000
LINES = forms.Textarea({"rows": 3})


class Nothing(forms.Form):
    """Only asks."""


class Reason(forms.Form):
    text = forms.CharField(label="Why", max_length=TEXT, widget=LINES, required=False)


class Comment(forms.Form):
    text = forms.CharField(label="Comment", max_length=TEXT, widget=LINES)


def providers() -> list[tuple[str, str]]:
    return [(slug, slug) for slug in settings.PROVIDERS]


class Choice(forms.Form):
    provider = forms.ChoiceField(label="Provider", choices=providers)


class ChoiceOfAll(forms.Form):
    provider = forms.ChoiceField(
        label="Which failed at",
        required=False,
        choices=lambda: [("", "any provider"), *providers()],
    )


@dataclass(frozen=True)
class Deed:
    """Who does what to which, with what was filled in."""

    scope: Scope
    user: Any
    subject: str
    given: Mapping[str, Any]

    @property
    def by(self) -> actions.Actor:
        return actions.Actor(self.user, self.scope.organization)


@dataclass(frozen=True, kw_only=True)
class Question:
    # {0} is the subject's name.
    title: str
    explains: str
    button: str
    icon: str
    is_allowed: Callable[[Scope], bool]
    # Does it and returns the sentence that reports it. Raises NotPossible.
    act: Callable[[Deed], str]
    name: Callable[[Deed], str] = lambda _deed: ""
    form: type[forms.Form] = Nothing


def slug(deed: Deed) -> str:
    if deed.subject not in settings.PROVIDERS:
        raise Http404
    return deed.subject


def asked(deed: Deed) -> str:
    """Calendar vendors are asked as well; nothing of theirs is paused."""
    return deed.subject if deed.subject in settings.CALENDARS else slug(deed)


def vendor(deed: Deed) -> str:
    if deed.subject not in settings.CALENDARS:
        raise Http404
    return deed.subject


def incident(deed: Deed) -> Incident:
    rows = records.answerable(deed.scope)
    found = rows.filter(pk=deed.subject).first() if deed.subject.isdecimal() else None
    if found is None:
        raise Http404
    return found


def title(deed: Deed) -> str:
    return incident(deed).title


QUESTIONS = {
    "pause": Question(
        title="Pause {0}?",
        explains="Nothing is sent through it until somebody resumes it. Messages go through the "
        "next provider of their route; where there is none, they wait and nothing is lost.",
        button="Pause",
        icon="pause",
        form=Reason,
        name=slug,
        is_allowed=rights.may_steer,
        act=lambda deed: actions.pause(deed.by, slug(deed), deed.given["text"]),
    ),
    "resume": Question(
        title="Resume {0}?",
        explains="Messages go through it again at once. If it still fails, it is closed off again "
        "by itself.",
        button="Resume",
        icon="play_arrow",
        name=slug,
        is_allowed=rights.may_steer,
        act=lambda deed: actions.resume(deed.by, slug(deed)),
    ),
    "probe": Question(
        title="Ask {0} now?",
        explains="One cheap question to the provider and one to our own webhook address. No "
        "message is sent.",
        button="Probe now",
        icon="network_check",
        name=asked,
        is_allowed=rights.may_steer,
        act=lambda deed: actions.probe(deed.by, asked(deed)),
    ),
    "resubscribe": Question(
        title="Subscribe anew at {0}?",
        explains="Every linked account asks the vendor once more to announce what changes, as it "
        "does by itself at half of a subscription’s life. Nothing is missed meanwhile.",
        button="Subscribe anew",
        icon="notifications_active",
        name=vendor,
        is_allowed=rights.may_act,
        act=lambda deed: actions.resubscribe(deed.by, vendor(deed)),
    ),
    "retry": Question(
        title="Try failed messages again?",
        explains="Those that failed in the last 24 hours by a provider’s fault are put into the "
        "outbox again, at most 500 at a time. Wrong addresses and refused texts are left alone.",
        button="Try again",
        icon="refresh",
        form=ChoiceOfAll,
        is_allowed=rights.may_act,
        act=lambda deed: actions.retry(deed.by, deed.given["provider"]),
    ),
    "failover": Question(
        title="Move waiting messages on?",
        explains="Messages that wait for this provider go to the next one of their route, at most "
        "500 at a time. Nothing is sent twice: only what surely was not taken is moved.",
        button="Move on",
        icon="alt_route",
        form=Choice,
        is_allowed=rights.may_act,
        act=lambda deed: actions.fail_over(deed.by, deed.given["provider"]),
    ),
    "replay": Question(
        title="Replay webhooks?",
        explains="Stored webhooks that could not be applied are applied once more, at most 500 at "
        "a time. What was applied before is not applied twice.",
        button="Replay",
        icon="replay",
        is_allowed=rights.may_act,
        act=lambda deed: actions.replay(deed.by),
    ),
    "acknowledge": Question(
        title="You have seen “{0}”?",
        explains="Nobody is reminded of it any more. It stays open until it is over.",
        button="I have seen it",
        icon="visibility",
        name=title,
        is_allowed=rights.may_act,
        act=lambda deed: actions.acknowledge(deed.by, incident(deed)),
    ),
    "comment": Question(
        title="Comment on “{0}”",
        explains="Colleagues see it in the incident’s history.",
        button="Comment",
        icon="comment",
        form=Comment,
        name=title,
        is_allowed=rights.may_act,
        act=lambda deed: actions.comment(deed.by, incident(deed), deed.given["text"]),
    ),
}
