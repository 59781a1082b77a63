"""Files of messages: one copy of each content, in the storage, written first and removed last."""

import base64
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from communications.book import erasure
from communications.composing import compose
from communications.errors import FileGone, StorageAway
from communications.files import contents, moving, removal
from communications.files.reading import FileReader
from communications.models import Attachment, FileState, Message, Organization, StoredFile
from tests import factories
from tests.communications.engine.test_compose import attachment
from tests.communications.files.conftest import Outage, files_in
from tests.connections import Closing
from wedsync_comms.lib import tally

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("folder")]

PDF = b"%PDF the menu"


def menu(content: bytes = PDF, **fields: str) -> Mapping[str, str]:
    return attachment(
        content=base64.b64encode(content).decode(), content_type="application/pdf", **fields
    )


def past_due() -> None:
    StoredFile.objects.update(check_after=timezone.now() - timedelta(seconds=1))


def test_many_messages_share_one_copy_of_a_content(folder: Path) -> None:
    first = factories.message(attachments=[menu()])
    second = factories.message(attachments=[menu(filename="Menü für Amelia.pdf"), menu(b"Other")])

    shared, other = StoredFile.objects.order_by("size").reverse()
    assert (shared.size, other.size) == (len(PDF), len(b"Other"))
    assert [path.read_bytes() for path in files_in(folder)] in (
        [PDF, b"Other"],
        [b"Other", PDF],
    )
    assert Attachment.objects.filter(content__isnull=False).count() == 0
    assert {row.message_id for row in shared.attachments.all()} == {first.pk, second.pk}


def test_nothing_of_a_files_name_is_in_the_storage(folder: Path) -> None:
    factories.message(attachments=[menu(filename="Amelia’s salary.pdf")])
    [path] = files_in(folder)
    assert path.relative_to(folder).as_posix() == StoredFile.objects.get().name
    assert "salary" not in str(path)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_draft_that_cannot_be_stored_leaves_nothing_but_a_sentence(
    away: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever was counted a moment ago.
    monkeypatch.setattr(tally, "_quiet_until", defaultdict(float))
    monkeypatch.setattr(tally, "_pending", Counter())
    user = factories.member()
    client = APIClient(headers={"Authorization": f"Token {factories.token(user)}"})
    draft = {"channel": "email", "to": "amelia@example.com", "subject": "Menu", "body": "Here"}
    away.begins()

    refused = client.post("/api/messages/", {**draft, "attachments": [menu()]}, format="json")
    assert refused.status_code == 503
    assert refused.json()["detail"].startswith("The storage of files does not answer, so nothing")
    assert refused.headers["Retry-After"] == "60"
    assert not Message.objects.exists()
    assert tally.count_since(contents.FAILURES) == 1
    # Whoever sends no file does not notice.
    assert client.post("/api/messages/", draft, format="json").status_code == 201

    away.ends()
    assert removal.sweep_files() == 1
    assert not StoredFile.objects.exists()


def test_a_file_that_is_written_and_never_used_is_swept(folder: Path) -> None:
    contents.store_contents([PDF])
    assert removal.sweep_files() == 0
    past_due()
    assert removal.sweep_files() == 1
    assert files_in(folder) == []
    assert not StoredFile.objects.exists()


def test_a_file_in_use_is_asked_about_again_in_a_month() -> None:
    factories.message(attachments=[menu()])
    past_due()
    assert removal.sweep_files() == 0
    assert StoredFile.objects.get().check_after > timezone.now() + timedelta(days=29)
    assert removal.sweep_files() == 0


def test_rows_that_went_by_another_way_leave_no_file_for_ever(folder: Path) -> None:
    message = factories.message(attachments=[menu()])
    message.organization.delete()
    past_due()
    assert removal.sweep_files() == 1
    assert files_in(folder) == []


@pytest.fixture
def two_messages(venue: Organization) -> list[Message]:
    people = [factories.contact(venue) for _ in range(2)]
    return [
        factories.message(venue, contact=person.pk, to="", attachments=[menu()])
        for person in people
    ]


@pytest.fixture
def venue() -> Organization:
    return factories.organization()


def forget(message: Message, captured: Any) -> None:
    with captured(execute=True):
        assert message.contact
        erasure.erase_contact(message.contact, by="owner")


def test_a_forgotten_persons_file_goes_with_its_last_user(
    two_messages: list[Message], folder: Path, django_capture_on_commit_callbacks: Any
) -> None:
    first, second = two_messages
    forget(first, django_capture_on_commit_callbacks)
    assert [path.read_bytes() for path in files_in(folder)] == [PDF]
    forget(second, django_capture_on_commit_callbacks)
    assert files_in(folder) == []
    assert not StoredFile.objects.exists()


def test_a_storage_that_is_away_is_told_to_forget_later(
    two_messages: list[Message],
    folder: Path,
    away: Outage,
    django_capture_on_commit_callbacks: Any,
) -> None:
    forget(two_messages[0], django_capture_on_commit_callbacks)
    away.begins()
    forget(two_messages[1], django_capture_on_commit_callbacks)
    assert StoredFile.objects.get().state == FileState.REMOVING
    # Nobody finds what is being removed: it is written anew.
    away.ends()
    factories.message(attachments=[menu()])
    assert len(files_in(folder)) == 2
    StoredFile.objects.filter(state=FileState.REMOVING).update(check_after=timezone.now())
    assert removal.sweep_files() == 1
    assert [path.read_bytes() for path in files_in(folder)] == [PDF]


def test_one_file_that_is_not_removed_keeps_the_storage_from_being_asked_on_and_on(
    away: Outage,
) -> None:
    contents.store_contents([PDF, b"Other"])
    past_due()
    away.begins()
    assert removal.sweep_files() == 0
    assert StoredFile.objects.filter(state=FileState.READY).count() == 1


def test_bytes_that_are_not_the_ones_that_were_stored_are_none(folder: Path) -> None:
    factories.message(attachments=[menu()])
    [path] = files_in(folder)
    path.write_bytes(b"")
    with pytest.raises(FileGone, match="is damaged in the storage"):
        contents.attachment_content(Attachment.objects.get())


@pytest.mark.parametrize("damaged", [True, False])
def test_a_lost_file_is_written_anew_by_the_next_message(folder: Path, *, damaged: bool) -> None:
    factories.message(attachments=[menu()])
    [path] = files_in(folder)
    if damaged:
        path.write_bytes(b"%PDF")
    else:
        path.unlink()
    lost = StoredFile.objects.get()
    with pytest.raises(FileGone):
        FileReader().read(list(Attachment.objects.select_related("stored")), 5)

    later = factories.message(attachments=[menu()])

    assert contents.attachment_content(later.attachments.get()) == PDF
    # The first one still knows which file was its own.
    assert Attachment.objects.filter(stored=lost).count() == 1


def test_a_storage_that_is_away_has_lost_nothing(away: Outage) -> None:
    factories.message(attachments=[menu()])
    away.begins()
    with pytest.raises(StorageAway):
        FileReader().read(list(Attachment.objects.select_related("stored")), 5)
    assert StoredFile.objects.get().state == FileState.READY


def test_two_who_write_the_same_content_at_once_end_with_one(folder: Path) -> None:
    digest = contents.content_hash(PDF)
    assert contents.write_content(digest, PDF) == contents.write_content(digest, PDF)
    assert removal.sweep_files() == 1
    assert [path.read_bytes() for path in files_in(folder)] == [PDF]


def test_what_was_written_too_slowly_is_not_taken_for_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = contents.make_ready

    def slow(file: StoredFile, name: str) -> int:
        StoredFile.objects.update(state=FileState.REMOVING)
        return written(file, name)

    monkeypatch.setattr(contents, "make_ready", slow)
    with pytest.raises(StorageAway):
        contents.store_contents([PDF])


# --- what a release before wrote ----------------------------------------------------------------


def unmoved(content: bytes, message: Message | None = None) -> Attachment:
    message = message or factories.message()
    Message.objects.filter(pk=message.pk).update(has_attachments=True)
    return Attachment.objects.create(
        message=message, filename="menu.pdf", content_type="application/pdf", content=content
    )


def test_bytes_in_the_database_are_read_there_until_they_are_moved(folder: Path) -> None:
    rows = [unmoved(PDF), unmoved(PDF), unmoved(b"")]
    assert [contents.attachment_content(row) for row in rows] == [PDF, PDF, b""]

    call_command("move_attachments")

    assert [contents.attachment_content(row) for row in Attachment.objects.all()] == [PDF, PDF, b""]
    assert not moving.unmoved().exists()
    assert not Attachment.objects.filter(stored=None).exists()
    assert len(files_in(folder)) == 2


def test_moving_may_be_interrupted_and_goes_on(
    away: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "MOVE_BATCH", 2)
    for number in range(5):
        unmoved(f"{number}".encode())
    batches = moving.move_contents()
    assert next(batches) == 2
    away.begins()
    with pytest.raises(CommandError, match="0 were moved, then: The storage"):
        call_command("move_attachments")
    assert moving.unmoved().count() == 3
    away.ends()
    assert list(moving.move_contents()) == [2, 3]


def test_moving_touches_nothing_that_somebody_else_moved_or_removed() -> None:
    row = unmoved(PDF)
    assert moving.move_content(row.pk)
    assert not moving.move_content(row.pk)
    row.delete()
    assert not moving.move_content(row.pk)


# --- at the same time ---------------------------------------------------------------------------

ROUNDS = 25


@pytest.mark.django_db(transaction=True)
def test_a_message_with_the_file_of_one_who_is_forgotten_in_this_moment_keeps_it(
    folder: Path,
) -> None:
    """Either the composer holds the file, or finds it gone and writes it anew."""
    venue, other = factories.organization(), factories.organization()
    for _ in range(ROUNDS):
        person = factories.contact(venue)
        factories.message(venue, contact=person.pk, to="", attachments=[menu()])
        with Closing(3) as threads:
            erased = threads.submit(erasure.erase_contact, person, by="owner")
            swept = threads.submit(removal.sweep_files)
            composed = threads.submit(factories.message, other, attachments=[menu()])
            erased.result(), swept.result()
            message = composed.result()
        for row in Attachment.objects.filter(message=message).select_related("stored"):
            assert contents.attachment_content(row) == PDF
        [row] = message.attachments.all()
        row.delete()
    past_due()
    removal.sweep_files()
    assert files_in(folder) == []


@pytest.fixture
def removed_in_between(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The file goes each time right after a composer has found it."""
    times: list[int] = []
    found = contents.store_contents

    def store(given: Any) -> dict[str, int]:
        ids = found(given)
        times.append(len(ids))
        removal.remove_unused(ids.values())
        return ids

    monkeypatch.setattr(contents, "store_contents", store)
    return times


def test_a_composer_gives_up_with_a_sentence_where_the_file_goes_each_time(
    removed_in_between: list[int],
) -> None:
    with pytest.raises(StorageAway, match="nothing was stored"):
        factories.message(attachments=[menu()])
    assert removed_in_between == [1] * compose.STORE_TRIES
    assert not Message.objects.exists()


def test_an_attachment_whose_file_goes_while_it_is_moved_waits_for_the_next_run(
    removed_in_between: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "store_contents", contents.store_contents)
    row = unmoved(PDF)
    with pytest.raises(CommandError, match="1 are left"):
        call_command("move_attachments")
    assert removed_in_between
    assert contents.attachment_content(Attachment.objects.get(pk=row.pk)) == PDF
