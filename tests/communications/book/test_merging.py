"""Two contacts become one and two again, and nothing is lost on the way."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from communications.book import (
    contacts,
    duplicates,
    field_merge,
    merging,
    search,
    unmerge,
)
from communications.composing.compose import compose_message
from communications.composing.drafts import Draft
from communications.errors import NotPossible
from communications.models import (
    Contact,
    ContactChange,
    Merge,
    Message,
    Organization,
    Pair,
    Verdict,
)
from communications.policy import suppressions
from communications.vocabulary import personal_names
from communications.vocabulary.events import Reason
from communications.vocabulary.statuses import Status
from tests import factories
from tests.communications.book.meanwhile import opened_all_the_time

pytestmark = pytest.mark.django_db


@pytest.fixture
def venue() -> Organization:
    return factories.organization()


def person(venue: Organization, name: str, *addresses: tuple[str, str], **facts: Any) -> Contact:
    return contacts.create_contact(venue, name=name, addresses=addresses, **facts)


def values(contact: Contact) -> Sequence[str]:
    return list(contact.addresses.order_by("value").values_list("value", flat=True))


def two(venue: Organization) -> tuple[Contact, Contact]:
    kept = person(
        venue, "Liz Hart", ("email", "liz@hart.example"), roles=["couple"], notes="Vegan."
    )
    gone = person(
        venue,
        "Elizabeth Hart",
        ("email", "e.hart@work.example"),
        ("sms", "+447700900101"),
        roles=["guest"],
        weddings=["Hart 2027"],
        notes="Calls in the evening.",
        custom={"table": "7"},
    )
    return kept, gone


def test_the_kept_one_has_everything(venue: Organization) -> None:
    kept, gone = two(venue)

    merging.merge_contacts(kept, gone, by="olga")

    kept.refresh_from_db()
    assert values(kept) == ["+447700900101", "e.hart@work.example", "liz@hart.example"]
    assert (kept.roles, kept.weddings) == (["couple", "guest"], ["Hart 2027"])
    assert kept.notes == "Vegan.\n\nCalls in the evening."
    assert kept.custom == {"table": "7"}
    assert list(Contact.objects.all()) == [kept]
    assert list(search.search_contacts(Contact.objects.all(), "900101")) == [kept]
    primary = kept.addresses.filter(channel="email", is_primary=True)
    assert [row.value for row in primary] == ["liz@hart.example"]


def test_messages_follow_and_come_back(venue: Organization) -> None:
    kept, gone = two(venue)
    theirs = factories.message(venue, contact=gone.pk, to="")
    merge = merging.merge_contacts(kept, gone, by="olga")
    assert Message.objects.get(pk=theirs.pk).contact == kept
    later = factories.message(venue, contact=kept.pk, to="")

    unmerge.undo_merge(merge, by="olga")

    assert Message.objects.get(pk=theirs.pk).contact == gone
    assert Message.objects.get(pk=later.pk).contact == kept


def test_a_merge_is_undone_completely(venue: Organization) -> None:
    kept, gone = two(venue)
    before: list[Any] = list(Contact.objects.values().order_by("pk"))
    addresses = {contact.pk: values(contact) for contact in (kept, gone)}

    unmerge.undo_merge(merging.merge_contacts(kept, gone, by="olga"), by="olga")

    after: list[Any] = list(Contact.objects.values().order_by("pk"))
    for old, new in zip(before, after, strict=True):
        changed = {name for name in old if old[name] != new[name]}
        assert changed <= {"updated_at"}
    assert {contact.pk: values(contact) for contact in (kept, gone)} == addresses
    assert gone.addresses.filter(is_primary=True).count() == 2


# --- field by field ---


def apart(venue: Organization) -> tuple[Contact, Contact]:
    """They agree about their language, and about nothing else."""
    kept = person(
        venue,
        "Anna Webber",
        ("email", "anna@one.example"),
        company="Webber Ltd",
        language="de",
        roles=["guest"],
        weddings=["Hart 2027"],
        notes="Vegan.",
        custom={"table": "7", "room": "2"},
    )
    gone = person(
        venue,
        "",
        ("email", "anna@two.example"),
        given_name="Anna Maria",
        family_name="Weber",
        company="Weber & Sons",
        language="de",
        time_zone="Europe/Berlin",
        roles=["supplier"],
        weddings=["Okafor 2028"],
        notes="Calls in the evening.",
        custom={"table": "9"},
    )
    return kept, gone


FIELDS = ("name", "given_name", "family_name", "company", "roles", "weddings", "notes", "custom")


def said(contact: Contact) -> dict[str, Any]:
    contact.refresh_from_db()
    return {name: getattr(contact, name) for name in FIELDS}


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(choice=st.dictionaries(st.sampled_from(field_merge.CHOOSABLE), st.booleans()))
def test_whatever_is_chosen_counts_and_is_undone_completely(
    db: None,  # noqa: ARG001
    choice: dict[str, bool],
) -> None:
    venue = factories.organization()
    kept, gone = apart(venue)
    before = [said(kept), said(gone)]
    untold = field_merge.merged_facts(kept, gone)
    chosen = {field: gone.pk if is_other else kept.pk for field, is_other in choice.items()}

    merge = merging.merge_contacts(kept, gone, by="olga", chosen=chosen)

    after = said(kept)
    for field in FIELDS:
        asked = "name" if field in personal_names.PARTS else field
        right = before[choice[asked]][field] if asked in choice else untold[field]
        assert after[field] == right
    unmerge.undo_merge(merge, by="olga")
    assert [said(kept), said(gone)] == before
    assert kept.time_zone == ""


@pytest.mark.parametrize("first", ["kept", "gone"])
def test_whose_address_is_used_first_is_chosen_and_undone(venue: Organization, first: str) -> None:
    def primary(contact: Contact) -> dict[str, str]:
        rows = contact.addresses.filter(is_primary=True)
        return dict(rows.values_list("channel", "value"))

    kept = contacts.create_contact(
        venue,
        name="Liz Hart",
        addresses=[("email", "liz@hart.example"), ("sms", "+447700900101")],
    )
    gone = contacts.create_contact(
        venue, name="Liz Hart", addresses=[("email", "eh@hart.example")], roles=["guest"]
    )
    before = [primary(kept), primary(gone)]
    question = field_merge.primary_question(kept, gone)
    assert question == field_merge.FieldQuestion("addresses", kept.pk)

    chosen = {"addresses": gone.pk} if first == "gone" else {}
    merge = merging.merge_contacts(kept, gone, by="olga", chosen=chosen)

    email = "eh@hart.example" if first == "gone" else "liz@hart.example"
    assert primary(kept) == {"email": email, "sms": "+447700900101"}
    assert kept.addresses.count() == 3
    unmerge.undo_merge(merge, by="olga")
    assert [primary(kept), primary(gone)] == before


def test_only_what_they_disagree_about_is_asked(venue: Organization) -> None:
    kept, gone = apart(venue)

    found = {
        question.field: question.default for question in field_merge.field_questions(kept, gone)
    }

    assert found == {
        "name": kept.pk,
        "company": kept.pk,
        "roles": None,
        "weddings": None,
        "notes": None,
        "custom": None,
    }


def test_the_fuller_name_is_proposed(venue: Organization) -> None:
    kept = person(venue, "Anna", ("sms", "+447700900101"))
    gone = person(venue, "Anna Weber", ("whatsapp", "+447700900101"))

    (question,) = field_merge.field_questions(kept, gone)

    assert question.default == gone.pk


def test_what_was_changed_since_stays_after_the_undo(venue: Organization) -> None:
    kept, gone = two(venue)
    merge = merging.merge_contacts(kept, gone, by="olga")
    contacts.change_contact(Contact.objects.get(pk=kept.pk), notes="Vegetarian after all.")

    unmerge.undo_merge(merge, by="olga")

    kept.refresh_from_db()
    assert (kept.notes, kept.roles) == ("Vegetarian after all.", ["couple"])


def test_what_was_taken_apart_is_not_merged_again(venue: Organization) -> None:
    kept = person(venue, "Liz Hart", ("sms", "+447700900101"))
    gone = person(venue, "Elizabeth Hart", ("whatsapp", "+447700900101"))
    assert duplicates.compare_pending(venue).merged == 1

    unmerge.undo_merge(Merge.objects.get(), by="olga")
    duplicates.compare_pending(venue)

    assert set(Contact.objects.all()) == {kept, gone}
    assert Pair.objects.get().verdict == Verdict.APART


def test_deleting_the_kept_one_does_not_delete_the_other(venue: Organization) -> None:
    kept, gone = two(venue)
    merge = merging.merge_contacts(kept, gone, by="olga")

    Contact.objects.get(pk=kept.pk).delete()
    assert list(Contact.objects.all()) == []
    unmerge.undo_merge(Merge.objects.get(pk=merge.pk), by="olga")

    back = Contact.objects.get()
    assert back == gone
    assert values(back) == ["+447700900101", "e.hart@work.example"]


def test_a_merge_is_undone_once_and_in_order(venue: Organization) -> None:
    kept, gone = two(venue)
    third = person(venue, "E. Hart", ("email", "eh@example.com"))
    first = merging.merge_contacts(kept, gone, by="olga")
    second = merging.merge_contacts(third, kept, by="olga")

    with pytest.raises(NotPossible, match="undo that first"):
        unmerge.undo_merge(first, by="olga")
    unmerge.undo_merge(second, by="olga")
    unmerge.undo_merge(first, by="olga")
    with pytest.raises(NotPossible, match="undone before"):
        unmerge.undo_merge(first, by="olga")

    assert set(Contact.objects.all()) == {kept, gone, third}


def test_a_merged_contact_cannot_be_merged_again(venue: Organization) -> None:
    kept, gone = two(venue)
    merging.merge_contacts(kept, gone, by="olga")

    with pytest.raises(NotPossible):
        merging.merge_contacts(kept, gone, by="olga")
    with pytest.raises(NotPossible):
        merging.merge_contacts(kept, kept, by="olga")


def test_nobody_is_merged_across_organizations(venue: Organization) -> None:
    kept, _ = two(venue)
    stranger = person(factories.organization(), "Liz Hart")

    with pytest.raises(NotPossible):
        merging.merge_contacts(kept, stranger, by="olga")


@pytest.mark.parametrize("is_undone", [False, True])
def test_an_opt_out_survives_merge_and_undo(venue: Organization, is_undone: bool) -> None:  # noqa: FBT001
    kept, gone = two(venue)
    suppressions.suppress_address(
        venue, channel="email", value="e.hart@work.example", reason=Reason.OPT_OUT
    )
    merge = merging.merge_contacts(kept, gone, by="olga")
    if is_undone:
        unmerge.undo_merge(merge, by="olga")

    draft = Draft(channel="email", to="e.hart@work.example", subject="Hi", body="Hello")
    assert compose_message(venue, draft).message.status == Status.SUPPRESSED


def test_both_histories_tell_of_it(venue: Organization) -> None:
    kept, gone = two(venue)
    merging.merge_contacts(kept, gone, by="olga")

    changes = ContactChange.objects.filter(contact=kept, source="merge")
    assert {row.field for row in changes} >= {"addresses", "notes", "roles"}
    assert {row.by for row in changes} == {"olga"}
    change = ContactChange.objects.get(contact=gone.pk, source="merge")
    assert (change.field, change.after) == ("merged_into", "Liz Hart")


# --- what is merged by itself, and what a person decides ---


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Liz Hart", "Elizabeth Hart"),
        ("Hart, Elizabeth", "elizabeth hart"),
        ("Anna", "Anna Weber"),
        ("José García", "Jose Garcia"),
        ("Dr. Anna Weber", "Anna Weber"),
        ("+447700900101", "Anna Weber"),
    ],
)
def test_the_same_number_and_no_other_name_is_one_person(
    venue: Organization,
    first: str,
    second: str,
) -> None:
    person(venue, first, ("sms", "+447700900101"))
    person(venue, second, ("whatsapp", "+447700900101"))

    assert duplicates.compare_pending(venue).merged == 1
    assert Merge.objects.get().is_automatic


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Anna Weber", "Bernd Weber"),
        ("Anna Weber", "Hanna Weber"),
        ("Weber", "Anna Weber"),
        ("Amelia & Theo Hart", "Amelia Hart"),
        ("Anna Webber", "Anna Weber"),
        ("Fleur & Stem", "Anna Weber"),
    ],
)
def test_the_same_number_and_another_name_is_for_a_person_to_decide(
    venue: Organization,
    first: str,
    second: str,
) -> None:
    person(venue, first, ("sms", "+447700900101"))
    person(venue, second, ("whatsapp", "+447700900101"))

    outcome = duplicates.compare_pending(venue)

    assert (outcome.merged, outcome.queued) == (0, 1)
    assert "+447700900101" in Pair.objects.get().reasons[0]


def test_dots_at_gmail_are_a_hint_and_no_proof(venue: Organization) -> None:
    person(venue, "Anna Weber", ("email", "anna.weber@gmail.com"))
    person(venue, "Anna Weber", ("email", "annaweber+wedding@googlemail.com"))

    outcome = duplicates.compare_pending(venue)

    assert (outcome.merged, outcome.queued) == (0, 1)


def test_people_of_one_name_with_addresses_of_their_own_are_let_alone(venue: Organization) -> None:
    person(venue, "Anna Weber", ("email", "anna@one.example"))
    person(venue, "Anna Weber", ("email", "anna@two.example"))

    outcome = duplicates.compare_pending(venue)

    assert (outcome.merged, outcome.queued) == (0, 0)


def test_one_name_in_one_wedding_is_asked_about(venue: Organization) -> None:
    person(venue, "Anna Schmidt", ("email", "anna@one.example"), weddings=["Hart 2027"])
    person(venue, "Anna Schmitt", ("email", "anna@two.example"), weddings=["hart 2027"])

    assert duplicates.compare_pending(venue).queued == 1


def test_a_person_decides(venue: Organization) -> None:
    kept = person(venue, "Anna Webber", ("sms", "+447700900101"), ("email", "a@example.com"))
    gone = person(venue, "Anna Weber", ("whatsapp", "+447700900101"))
    duplicates.compare_pending(venue)
    pair = Pair.objects.get()

    duplicates.decide_pair(pair, Verdict.LATER, by="olga")
    assert Pair.objects.get().verdict == Verdict.LATER
    duplicates.decide_pair(pair, Verdict.MERGED, by="olga")

    assert Pair.objects.get().verdict == Verdict.MERGED
    assert list(Contact.objects.all()) == [kept]
    assert Contact.everyone.get(pk=gone.pk).merged_into == kept


def test_who_was_not_the_one_is_not_the_other(venue: Organization) -> None:
    anna = person(venue, "Anna Weber", ("sms", "+447700900101"))
    bernd = person(venue, "Bernd Weber", ("whatsapp", "+447700900101"))
    duplicates.compare_pending(venue)
    duplicates.decide_pair(Pair.objects.get(), Verdict.APART, by="olga")
    twin = person(venue, "Anna Weber", ("email", "anna@example.com"))

    merging.merge_contacts(twin, anna, by="olga")
    outcome = duplicates.compare_pending(venue)

    assert outcome.queued == 0
    assert Pair.objects.get(one=bernd, other=twin).verdict == Verdict.APART


@pytest.mark.usefixtures("concurrent_writers")
def test_a_merge_and_what_happens_to_the_messages_never_wait_for_each_other_in_a_circle(
    venue: Organization,
) -> None:
    kept, gone = two(venue)
    messages = [factories.message(venue, contact=gone.pk, to="") for _ in range(60)]
    with opened_all_the_time(messages):
        for _ in range(10):
            unmerge.undo_merge(merging.merge_contacts(kept, gone, by="olga"), by="olga")
