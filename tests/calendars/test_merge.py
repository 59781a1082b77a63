"""What holds for every merge, and the cases one can name."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calendars.content.conversion import (
    content_fingerprint,
    content_of_remote,
    dump_content,
    event_text,
    load_content,
)
from calendars.content.three_way_merge import (
    Content,
    ContentPerson,
    When,
    advance_content_base,
    content_differences,
    merge_contents,
)
from calendars.models import EventLink
from calendars.sync.apply_event import merge_base
from calendars.vocabulary.events import RemoteEvent, ResponseStatus

words = st.sampled_from(["", "a", "b", "c"])
whens = st.builds(
    When,
    start=st.sampled_from(["2027-06-05T10:00:00", "2027-06-05T11:00:00"]),
    end=st.sampled_from(["2027-06-05T12:00:00", "2027-06-05T13:00:00"]),
    zone=st.sampled_from(["Europe/London", "Europe/Berlin"]),
)
persons = st.builds(
    ContentPerson, name=words, is_optional=st.booleans(), answer=st.sampled_from(ResponseStatus)
)
contents = st.builds(
    Content,
    title=words,
    when=whens,
    description=words,
    place=words,
    people=st.dictionaries(st.sampled_from(["x@e.com", "y@e.com", "z@e.com"]), persons),
)
BASE = Content(
    title="Tasting",
    when=When(start="2027-06-05T10:00:00", end="2027-06-05T11:00:00", zone="Europe/London"),
    people={"amelia@e.com": ContentPerson(name="Amelia")},
)


@given(contents, contents)
def test_who_changes_alone_is_right(base: Content, changed: Content) -> None:
    assert merge_contents(base, changed, base).content == changed
    assert merge_contents(base, base, changed).content == changed
    assert merge_contents(base, changed, changed).content == changed
    assert merge_contents(base, changed, base).conflicts == ()


@given(contents, contents)
def test_what_was_sent_counts_where_it_arrived_and_only_there(base: Content, sent: Content) -> None:
    assert advance_content_base(base, sent, theirs=sent) == sent
    assert advance_content_base(base, sent, theirs=base) == base


@given(contents, contents, contents)
def test_what_was_sent_and_is_ours_no_more_is_no_change_of_theirs(
    base: Content,
    sent: Content,
    ours: Content,
) -> None:
    assert merge_contents(advance_content_base(base, sent, sent), ours, sent).content == ours


@given(contents, contents, contents)
def test_it_does_not_matter_who_is_called_ours(base: Content, item: Content, two: Content) -> None:
    assert (
        merge_contents(base, item, two, ours_wins=True).content
        == merge_contents(base, two, item, ours_wins=False).content
    )


@given(contents, contents, contents, st.booleans())
def test_merging_again_changes_nothing(
    base: Content,
    ours: Content,
    theirs: Content,
    wins: bool,  # noqa: FBT001
) -> None:
    """After it is written there, both sides agree: no ping-pong."""
    content = merge_contents(base, ours, theirs, ours_wins=wins).content
    assert merge_contents(theirs, content, content).content == content
    assert merge_contents(theirs, content, theirs).content == content


@given(contents, contents, contents, st.booleans())
def test_every_value_comes_from_one_side_and_what_lost_is_named(
    base: Content,
    ours: Content,
    theirs: Content,
    wins: bool,  # noqa: FBT001
) -> None:
    merged = merge_contents(base, ours, theirs, ours_wins=wins)
    lost = {conflict.field for conflict in merged.conflicts}
    for name in ("title", "when", "description", "place"):
        value = getattr(merged.content, name)
        assert value in (getattr(ours, name), getattr(theirs, name))
        if getattr(ours, name) not in (value, getattr(base, name)):
            assert name in lost


@pytest.mark.parametrize("written_hash", ["", "ours"])
def test_a_title_that_was_cut_there_is_no_change_of_theirs_whether_the_write_was_answered_or_not(
    written_hash: str,
) -> None:
    before, sent = (dump_content(replace(BASE, title=title)) for title in ("Cake", "Cake tasting"))
    content = load_content(sent)
    event = RemoteEvent(
        id="e",
        etag="2",
        text=event_text(replace(content, title="Cake t"), wants_conference=False),
        title_width=6,
        written_hash=content_fingerprint(content) if written_hash else "",
    )
    base = merge_base(EventLink(base=before, sent=[sent]), event, content)
    assert (base.title, content_of_remote(event, base)) == ("Cake tasting", content)


def test_both_may_change_different_things() -> None:
    moved = When(start="2027-06-05T12:00:00", end="2027-06-05T13:00:00", zone="Europe/London")
    ours = replace(BASE, place="The Barn", people={**BASE.people, "noah@e.com": ContentPerson()})
    answered = {"amelia@e.com": ContentPerson(name="Amelia", answer=ResponseStatus.ACCEPTED)}
    merged = merge_contents(BASE, ours, replace(BASE, when=moved, people=answered))
    assert merged.conflicts == ()
    assert merged.content.place == "The Barn"
    assert merged.content.when == moved
    assert merged.content.people == {**answered, "noah@e.com": ContentPerson()}


def test_somebody_whom_one_side_removed_is_removed() -> None:
    assert merge_contents(BASE, replace(BASE, people={}), BASE).content.people == {}


def test_a_removed_person_who_answered_meanwhile_is_a_conflict() -> None:
    answered = {"amelia@e.com": ContentPerson(name="Amelia", answer=ResponseStatus.DECLINED)}
    merged = merge_contents(BASE, replace(BASE, people={}), replace(BASE, people=answered))
    assert [conflict.field for conflict in merged.conflicts] == ["amelia@e.com"]


def test_the_history_shows_only_what_is_different() -> None:
    before, after = content_differences(BASE, replace(BASE, place="The Barn", people={}))
    assert before == {"place": "", "with amelia@e.com": "needed"}
    assert after == {"place": "The Barn", "with amelia@e.com": None}
