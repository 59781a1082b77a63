"""The live stream over real WebSockets, from a real server process."""

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import requests
import websockets
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from communications.live import event_stream
from communications.live.hub import QUEUE_LIMIT
from communications.models import Event, Message
from tests import factories
from tests.communications.edges.listening import (
    Ear,
    Frame,
    happen,
    listening,
    session_headers,
    token_headers,
    uncommitted,
)
from tests.communications.edges.servers import Live, live

needs_postgresql = pytest.mark.skipif(
    not os.environ["DATABASE_URL"].startswith("postgres"),
    reason="SQLite has one writer at a time, so ids are committed in their order",
)


@pytest.fixture
def fresh_server(process_env: dict[str, str]) -> Iterator[Live]:
    """Nobody has listened to this one yet."""
    with live(process_env) as running:
        yield running


@pytest.fixture
def user(transactional_db: None) -> User:  # noqa: ARG001
    return factories.member()


@pytest.fixture
def message(user: User) -> Message:
    return factories.message(user.membership.organization)


def ids(frames: list[Frame]) -> list[int]:
    return [frame["id"] for frame in frames if frame["type"] == "status"]


def hear(ear: Ear, wanted: list[int], seconds: float = 30.0) -> list[int]:
    """The ids of all frames until each of the wanted ones was heard."""
    missing, found = set(wanted), []
    deadline = time.monotonic() + seconds
    while missing:
        frame = ear.next(max(0.001, deadline - time.monotonic()))
        found.append(frame["id"])
        missing.discard(frame["id"])
    return found


# --- frames and replay --------------------------------------------------------------------------


def test_a_page_is_told_where_the_stream_stands_and_then_what_happens(
    server: Live,
    user: User,
    message: Message,
) -> None:
    last = event_stream.last_event_id()
    with listening(server, user) as ear:
        assert ear.next() == {"type": "ready", "last_id": last}
        (new,) = happen(message, detail="It is on its way.")
        frame = ear.until(lambda frame: frame["id"] == new)[-1]
    assert frame["type"] == "status"
    assert (frame["id"], frame["message"]) == (new, str(message.pk))
    assert (frame["status"], frame["channel"]) == ("sent", "email")
    assert {"provider", "error", "at"} <= set(frame)
    assert datetime.fromisoformat(frame["at"]).tzinfo is not None


def test_a_page_that_comes_back_gets_what_it_missed_and_then_ready(
    server: Live,
    user: User,
    message: Message,
) -> None:
    seen = event_stream.last_event_id()
    missed = happen(message, 5)
    with listening(server, user, since=seen) as ear:
        frames = ear.until_ready()
        assert set(missed) <= set(ids(frames))
        assert ids(frames) == sorted(ids(frames))
        assert frames[-1]["last_id"] == missed[-1]
        assert hear(ear, happen(message))
    with listening(server, user, since=0) as ear:
        assert set(missed) <= set(ids(ear.until_ready()))


@pytest.mark.parametrize("since", ["", "-1", "1.5", "abc", "9" * 40, "%00", "%D9%A1", "1&since=x"])
def test_a_since_that_makes_no_sense_is_none(
    server: Live,
    user: User,
    message: Message,
    since: str,
) -> None:
    assert message.pk
    with listening(server, user, since=since) as ear:
        frames = ear.until_ready()
    assert {frame["type"] for frame in frames} <= {"status", "resync", "ready"}


def test_what_is_no_longer_kept_or_too_much_means_to_load_the_list_again(
    server: Live,
    user: User,
    message: Message,
) -> None:
    first = Event.objects.earliest("id").pk
    many = happen(message, event_stream.REPLAY_LIMIT + 1)
    for since, resyncs in (
        (first, True),
        (many[1], False),
        (many[-1] + 1, True),
    ):
        with listening(server, user, since=since) as ear:
            frames = ear.until_ready()
        assert ({"type": "resync"} in frames) is resyncs, since
    Event.objects.filter(pk__lt=many[1000]).delete()
    for since, resyncs in ((many[998], True), (many[999], False)):
        with listening(server, user, since=since) as ear:
            frames = ear.until_ready()
        assert ({"type": "resync"} in frames) is resyncs, since


def test_an_empty_history_is_kept_whole(server: Live, user: User) -> None:
    with listening(server, user, since=0) as ear:
        assert ear.until_ready() == [{"type": "ready", "last_id": 0}]


# --- who may listen -----------------------------------------------------------------------------


def refused(server: Live, headers: dict[str, str]) -> int:
    try:
        with connect(server.ws, additional_headers=headers, proxy=None):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


def test_members_listen_with_their_session_or_their_token(server: Live, user: User) -> None:
    assert refused(server, session_headers(user)) == 101
    assert refused(server, token_headers(user)) == 101
    both = {**session_headers(user), "Authorization": "Token wrong"}
    assert refused(server, both) == 403
    for key in ("", "wrong", "x" * 5000):
        assert refused(server, {"Authorization": f"Token {key}"}) == 403
    assert refused(server, {}) == 403
    assert refused(server, {"Cookie": "sessionid=made-up"}) == 403
    stranger = User.objects.create_user("stranger")
    assert refused(server, token_headers(stranger)) == 403
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert refused(server, token_headers(user)) == 403


def test_only_pages_of_ours_may_listen(server: Live, user: User) -> None:
    session = session_headers(user)
    for origin, status in (
        (server.http, 101),
        ("http://testserver", 101),  # PUBLIC_URL
        ("https://elsewhere.example", 403),
        (f"https://127.0.0.1:{server.port + 1}", 403),
        (f"http://127.0.0.1:{server.port}.elsewhere.example", 403),
        ("http://testserver.elsewhere.example", 403),
        ("null", 403),
        ("nonsense", 403),
    ):
        assert refused(server, {**session, "Origin": origin}) == status, origin
    forged = {"Origin": "http://elsewhere.example", "Host": "elsewhere.example"}
    assert refused(server, {**token_headers(user), "Origin": "http://elsewhere.example"}) == 403
    assert refused(server, {**session, **forged}) in {400, 403}


def test_another_organizations_events_never_appear(
    server: Live,
    user: User,
    message: Message,
) -> None:
    others = factories.message(subject="Not yours")
    with listening(server, user, since=0) as ear:
        replayed = ear.until_ready()
        happen(others, 3)
        heard = hear(ear, happen(message))
        assert ear.hears_nothing(0.5)
    organization = user.membership.organization
    yours = set(Event.objects.filter(organization=organization).values_list("pk", flat=True))
    assert {*ids(replayed), *heard} <= yours
    assert "Not yours" not in json.dumps(replayed)


def test_what_a_client_says_is_heard_by_nobody(server: Live, user: User, message: Message) -> None:
    with listening(server, user) as ear:
        ear.until_ready()
        ear.socket.send('{"type": "status"}')
        ear.socket.send(b"\x00\xff")
        assert hear(ear, happen(message))


# --- nothing is lost ----------------------------------------------------------------------------


def test_what_other_processes_do_arrives_soon(server: Live, user: User, message: Message) -> None:
    delays = []
    with listening(server, user) as ear:
        ear.until_ready()
        for _ in range(10):
            began = time.monotonic()
            hear(ear, happen(message))
            delays.append(time.monotonic() - began)
            time.sleep(0.05)
    delays.sort()
    print(f"seen after {delays[5] * 1000:.0f} ms (median), {delays[-1] * 1000:.0f} ms (worst)")  # noqa: T201
    assert delays[5] < 1.0


@needs_postgresql
def test_events_that_commit_out_of_order_all_arrive(
    server: Live,
    user: User,
    message: Message,
) -> None:
    with listening(server, user) as ear:
        ear.until_ready()
        with uncommitted(message) as early:
            late = happen(message)
            assert early < late[0]
            assert hear(ear, late)
        assert hear(ear, [early])


@needs_postgresql
def test_an_event_that_commits_after_its_successor_was_seen_is_replayed(
    server: Live,
    user: User,
    message: Message,
) -> None:
    with uncommitted(message) as early, listening(server, user) as ear:
        ear.until_ready()
        late = happen(message)
        assert hear(ear, late)
    with listening(server, user, since=late[0]) as ear:
        frames = ear.until_ready()
    assert early in ids(frames)
    assert ids(frames) == sorted(ids(frames))


@needs_postgresql
def test_an_event_that_was_open_when_the_first_page_came_arrives(
    fresh_server: Live,
    user: User,
    message: Message,
) -> None:
    with uncommitted(message) as early:
        late = happen(message)
        ears = contextlib.ExitStack()
        ear = ears.enter_context(listening(fresh_server, user, since=late[0]))
        ear.until_ready()
    with ears:
        assert early in hear(ear, [early])


def test_a_reader_that_is_too_slow_is_let_go_and_loses_nothing(
    server: Live,
    user: User,
    message: Message,
) -> None:
    """Its own buffers are small, and it does not read at all for a while."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    narrow.connect(("127.0.0.1", server.port))
    seen = [event_stream.last_event_id()]
    wanted = set()
    with listening(server, user, sock=narrow, max_queue=1, compression=None) as slow:
        slow.until_ready()
        with listening(server, user) as quick:
            quick.until_ready()
            for _ in range(9):
                new = happen(message, 200, detail="x" * 16_000)
                wanted |= set(new)
                # Whoever reads is not held up by the one who does not.
                assert hear(quick, new, 20)
        rest, code = slow.until_closed()
        seen += ids(rest)
    assert code == 1013
    assert 1 < len(seen) < len(wanted)
    # No gap before the end: the last id it saw says all.
    assert wanted & set(range(seen[1], seen[-1] + 1)) == wanted & set(seen)
    with listening(server, user, since=seen[-1], max_size=None) as again:
        resumed = again.until(lambda frame: frame["type"] == "ready", 30)
    assert wanted <= set(seen) | set(ids(resumed))


def test_a_burst_larger_than_a_queue_lets_nobody_go(
    server: Live,
    user: User,
    message: Message,
) -> None:
    with listening(server, user) as first, listening(server, user) as second:
        for ear in (first, second):
            ear.until_ready()
        new = happen(message, 2 * QUEUE_LIMIT)
        for ear in (first, second):
            assert [number for number in hear(ear, new, 30) if number in new] == new


async def page(
    server: Live,
    headers: dict[str, str],
    opened: list[int],
    wanted: tuple[int, int],
) -> list[int]:
    """The first so many ids above a given one."""
    before, count = wanted
    async with websockets.connect(
        server.ws,
        additional_headers=headers,
        proxy=None,
        open_timeout=30,
    ) as socket:
        while json.loads(await socket.recv())["type"] != "ready":
            pass
        opened.append(1)
        found: list[int] = []
        while len(found) < count:
            number = json.loads(await socket.recv()).get("id", 0)
            found += [number] * (number > before)
        return found


def test_two_hundred_pages_get_a_burst_completely(
    server: Live,
    user: User,
    message: Message,
) -> None:
    headers = token_headers(user)
    before, count = event_stream.last_event_id(), 100
    opened: list[int] = []

    async def scene() -> tuple[list[list[int]], list[int], float]:
        wanted = (before, count)
        pages = [asyncio.create_task(page(server, headers, opened, wanted)) for _ in range(200)]
        while len(opened) < 200:
            await asyncio.sleep(0.02)
            assert not any(task.done() for task in pages)
        began = time.monotonic()
        new = await asyncio.to_thread(in_thread)
        found = await asyncio.wait_for(asyncio.gather(*pages), 90)
        return found, new, time.monotonic() - began

    def in_thread() -> list[int]:
        try:
            return happen(message, count)
        finally:
            connection.close()

    found, new, seconds = asyncio.run(scene())
    print(f"200 pages had {count} events each after {seconds:.1f} s")  # noqa: T201
    assert all(heard == new for heard in found)


def test_the_stream_goes_on_after_the_database_was_away(
    server: Live,
    user: User,
    message: Message,
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs a database server")
    with listening(server, user) as ear:
        ear.until_ready()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
        new = happen(message)
        assert hear(ear, new)
    with listening(server, user, since=new[0] - 1) as ear:
        assert new[0] in ids(ear.until_ready())


def test_http_is_served_beside_the_stream(server: Live, user: User, message: Message) -> None:
    answer = requests.get(
        f"{server.http}/api/messages/{message.pk}/",
        headers=token_headers(user),
        timeout=10,
    )
    assert answer.json()["id"] == str(message.pk)
    long_ago = timezone.now() - timedelta(days=1)
    assert datetime.fromisoformat(answer.json()["created_at"]) > long_ago
