"""The review queue: two contacts side by side, and one key for what they are."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.contrib.filters.admin import RadioFilter

from communications.admin.contacts.contact_page import readable_value
from communications.admin.row_actions import (
    RowAction,
    RowActionsAdmin,
)
from communications.book import (
    duplicates,
    field_merge,
    history,
)
from communications.models import Contact, Message, Pair, Verdict
from wedsync_comms.lib.admin_kit import badges
from wedsync_comms.lib.admin_kit.badges import column
from wedsync_comms.lib.admin_kit.paging import CappedAdmin

# Both contacts' addresses are kept.
ASKED_AS = {field_merge.ADDRESSES: "addresses: both stay, used first"}
KEYS = {"merge": "m", "apart": "k", "later": "l"}
VARIANTS = {
    Verdict.OPEN: "warning",
    Verdict.LATER: "info",
    Verdict.APART: "default",
    Verdict.MERGED: "success",
}


class VerdictFilter(RadioFilter):
    """What is to be decided, unless one asks for what was."""

    title = "verdict"
    parameter_name = "verdict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(value, str(label).capitalize()) for value, label in Verdict.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() in Verdict.values:
            return queryset.filter(verdict=self.value())
        return queryset.filter(verdict=Verdict.OPEN)


def decide_verdict(verdict: Verdict, pair: Pair, user: Any) -> None:
    duplicates.decide_pair(pair, verdict, by=user.get_username())


def merge_as_chosen(posted: Mapping[str, str], pair: Pair, user: Any) -> None:
    """As was chosen on the page: by contact, since which of them is kept may have changed."""
    known = {str(contact.pk): contact.pk for contact in (pair.one, pair.other)}
    asked = (*field_merge.CHOOSABLE, field_merge.ADDRESSES)
    chosen = {field: known[posted[field]] for field in asked if posted.get(field) in known}
    duplicates.decide_pair(pair, Verdict.MERGED, by=user.get_username(), chosen=chosen)


def is_undecided(pair: Pair) -> bool:
    return pair.verdict in {Verdict.OPEN, Verdict.LATER}


@admin.register(Pair)
class PairAdmin(CappedAdmin, RowActionsAdmin):
    is_addable = is_changeable = is_deletable = False
    list_display = ["who", "likely", "why", "found"]
    list_display_links = ["who"]
    list_filter = [VerdictFilter]
    list_filter_submit = True
    ordering = ["-score", "pk"]
    sortable_by: list[str] = []
    fields = ["verdict"]
    change_form_template = "admin/communications/pair/change_form.html"
    row_actions = (
        RowAction(
            name="merge",
            label="One person: merge",
            icon="merge",
            past="Merged",
            act=partial(decide_verdict, Verdict.MERGED),
            is_possible=is_undecided,
        ),
        RowAction(
            name="apart",
            label="Two people: keep apart",
            icon="call_split",
            past="Kept apart",
            act=partial(decide_verdict, Verdict.APART),
            is_possible=is_undecided,
        ),
        RowAction(
            name="later",
            label="Later",
            icon="schedule",
            past="Put off",
            act=partial(decide_verdict, Verdict.LATER),
            is_possible=is_undecided,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pair]:
        rows = super().get_queryset(request).select_related("one", "other")
        # Somebody who was merged elsewhere meanwhile is nobody to decide about.
        return rows.filter(
            ~Q(verdict__in=[Verdict.OPEN, Verdict.LATER])
            | Q(one__merged_at=None, other__merged_at=None),
        )

    def run_on_one(self, action: RowAction, request: HttpRequest, object_id: str) -> HttpResponse:
        """Decided, and on to the next."""
        if action.name == "merge":
            action = replace(action, act=partial(merge_as_chosen, request.POST))
        response = super().run_on_one(action, request, object_id)
        if not isinstance(response, HttpResponseRedirect):
            return response
        following = self.get_queryset(request).filter(verdict=Verdict.OPEN)
        waiting = following.exclude(pk=unquote(object_id)).order_by("-score", "pk").first()
        if waiting is None:
            messages.info(request, "That was the last one: nothing is left to decide.")
            return HttpResponseRedirect(reverse("admin:communications_pair_changelist"))
        return HttpResponseRedirect(reverse("admin:communications_pair_change", args=[waiting.pk]))

    def page_context(self, request: HttpRequest, row: Pair) -> dict[str, Any]:
        return {
            **super().page_context(request, row),
            **side_by_side(row),
            "left": self.get_queryset(request).filter(verdict=Verdict.OPEN).count(),
        }

    def buttons(self, request: HttpRequest, row: Any) -> list[dict[str, str]]:
        found = super().buttons(request, row)
        for button in found:
            button["key"] = KEYS[button["url"].rstrip("/").rpartition("/")[2]]
        return found

    @column("Who")
    def who(self, pair: Pair) -> str:
        return f"{pair.one} · {pair.other}"

    @column("Likely")
    def likely(self, pair: Pair) -> str:
        return f"{pair.score} %"

    @column("Why")
    def why(self, pair: Pair) -> str:
        return badges.clamped_text(" ".join(pair.reasons))

    @column("Found")
    def found(self, pair: Pair) -> str:
        return badges.time_tag(pair.found_at)


def side_by_side(pair: Pair) -> dict[str, Any]:
    kept, gone = duplicates.older_first(pair.one, pair.other)
    sides = [contact_side(kept), contact_side(gone)]
    asked = asked_fields(kept, gone) if is_undecided(pair) else {}
    return {
        "pair": pair,
        "kept": kept,
        "gone": gone,
        "verdict": badges.coloured_label(
            pair.get_verdict_display(), VARIANTS[Verdict(pair.verdict)]
        ),
        "rows": [
            field_row(
                field, [(kept.pk, sides[0][field]), (gone.pk, sides[1][field])], asked.get(field)
            )
            for field in sides[0]
            if sides[0][field] or sides[1][field]
        ],
    }


def asked_fields(kept: Contact, gone: Contact) -> dict[str, field_merge.FieldQuestion]:
    questions = [
        *field_merge.field_questions(kept, gone),
        field_merge.primary_question(kept, gone),
    ]
    return {question.field: question for question in questions if question}


def field_row(
    field: str,
    values: list[tuple[int, str]],
    question: field_merge.FieldQuestion | None,
) -> dict[str, Any]:
    return {
        "field": field,
        "name": (question and ASKED_AS.get(field)) or field.replace("_", " "),
        "sides": values,
        "is_same": values[0][1] == values[1][1],
        "question": question,
    }


def contact_side(contact: Contact) -> dict[str, str]:
    shown = history.snapshot_contact(contact)
    # The parts of a name go with it.
    for name in ("to_review", "given_name", "family_name"):
        del shown[name]
    messages_ = Message.objects.filter(contact=contact)
    return {
        **{name: readable_value(value) for name, value in shown.items()},
        "messages": str(messages_[:1_000].count() or ""),
        "since": badges.time_tag(contact.created_at),
    }
