"""Names of zones, and times that do not exist or exist twice."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from calendars.vocabulary.events import Moment
from calendars.vocabulary.zones import (
    COMPARED_FROM,
    COMPARED_STEP,
    COMPARED_UNTIL,
    WINDOWS,
    SkippedTime,
    UnknownZone,
    at_instant,
    at_wall,
    iana_zone,
    iana_zones,
    is_repeated,
    offset_at,
    offset_changes,
    windows_zone,
    windows_zone_at,
)

HOUR = timedelta(hours=1)


def hours_that_matter(zone: str) -> list[datetime]:
    """Every hour of the steps in which the clocks of the zone change, and one of all the others."""
    found, at = [], COMPARED_FROM
    while at < COMPARED_UNTIL:
        changes = offset_at(at, zone) != offset_at(at + COMPARED_STEP, zone)
        found += [at + HOUR * n for n in range(7 * 24)] if changes else [at]
        at += COMPARED_STEP
    return found


@pytest.mark.parametrize("name", sorted(WINDOWS))
def test_every_windows_name_keeps_the_time_of_what_it_stands_for(name: str) -> None:
    zone = WINDOWS_TO_OLSON.get(name, "America/Edmonton")
    there, ours = ZoneInfo(zone), ZoneInfo(iana_zone(name))

    for at in hours_that_matter(zone):
        assert at.astimezone(there).utcoffset() == at.astimezone(ours).utcoffset()


def test_every_iana_zone_has_a_windows_name_that_keeps_its_time() -> None:
    """But for a few, whose clocks did what nobody else's did; they go by their own name."""
    nameless = {zone for zone in iana_zones() if not windows_zone(zone)}

    for zone in iana_zones() - nameless:
        assert offset_changes(WINDOWS[windows_zone(zone)]) == offset_changes(zone), zone
    assert len(nameless) < 10
    assert "Antarctica/Troll" in nameless


@pytest.mark.parametrize("zone", ["Europe/Vienna", "Africa/Casablanca", "Australia/Lord_Howe"])
def test_the_clock_is_right_at_every_hour(zone: str) -> None:
    changes, at = list(offset_changes(zone)), COMPARED_FROM
    info, current = ZoneInfo(zone), offset_changes(zone)[0][1]

    while at < COMPARED_UNTIL:
        while changes and changes[0][0] <= at:
            current = changes.pop(0)[1]
        assert at.astimezone(info).utcoffset() == current
        at += HOUR


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("w. europe standard time", "Europe/Berlin"),
        (" Europe/Vienna ", "Europe/Vienna"),
        ("Asia/Calcutta", "Asia/Calcutta"),
        ("UTC", "UTC"),
        ("tzone://Microsoft/Utc", "UTC"),
        ("Alberta Standard Time", "America/Edmonton"),
    ],
)
def test_a_name_of_either_world_is_known(name: str, zone: str) -> None:
    assert iana_zone(name) == zone


@pytest.mark.parametrize(
    "name",
    [
        "",
        "tzone://Microsoft/Custom",
        "Customized Time Zone",
        "(UTC+01:00) Amsterdam, Berlin",
        "Mitteleuropäische Zeit",
        "Factory",
        "localtime",
        "../../etc/passwd",
    ],
)
def test_an_unknown_name_is_an_error_that_names_it(name: str) -> None:
    with pytest.raises(UnknownZone, match="no time zone") as caught:
        iana_zone(name)

    assert caught.value.name == name


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        ("UTC", "UTC"),
        ("Europe/Berlin", "W. Europe Standard Time"),
        ("Asia/Kathmandu", "Nepal Standard Time"),
        ("America/Nuuk", "Greenland Standard Time"),
    ],
)
def test_a_zone_has_microsofts_name(zone: str, name: str) -> None:
    assert windows_zone(zone) == name


@pytest.mark.parametrize(
    ("wall", "zone"),
    [
        ("2026-03-29T02:00", "Europe/Vienna"),
        ("2026-03-29T02:59:59", "Europe/Vienna"),
        ("2027-03-14T02:30", "America/New_York"),
        # Half an hour is skipped there.
        ("2026-10-04T02:15", "Australia/Lord_Howe"),
        # A whole day was.
        ("2011-12-30T12:00", "Pacific/Apia"),
    ],
)
def test_a_skipped_time_is_refused_with_the_reason(wall: str, zone: str) -> None:
    with pytest.raises(SkippedTime, match="put forward") as caught:
        at_wall(datetime.fromisoformat(wall), zone)

    assert zone in str(caught.value)
    assert wall[11:16] in str(caught.value)


@pytest.mark.parametrize("wall", ["2026-03-29T01:59:59", "2026-03-29T03:00", "2026-06-01T12:00"])
def test_a_time_around_the_gap_is_what_it_says(wall: str) -> None:
    moment = at_wall(datetime.fromisoformat(wall), "Europe/Vienna")

    assert moment.wall == datetime.fromisoformat(wall)
    assert not is_repeated(moment)


def test_a_repeated_hour_is_two_instants_an_hour_apart() -> None:
    wall = datetime.fromisoformat("2026-10-25T02:30")

    first, second = (at_wall(wall.replace(fold=fold), "Europe/Vienna") for fold in (0, 1))

    assert is_repeated(first)
    assert is_repeated(second)
    assert second.instant - first.instant == HOUR
    assert at_instant(second.instant, "Europe/Vienna").wall.fold == 1
    assert at_instant(first.instant, "Europe/Vienna").wall.fold == 0


def test_an_hour_that_comes_once_has_no_fold() -> None:
    wall = datetime.fromisoformat("2026-06-01T12:00").replace(fold=1)

    assert at_wall(wall, "Europe/Vienna").wall.fold == 0


def test_the_wall_of_a_windows_name_gets_an_iana_zone() -> None:
    wall = datetime.fromisoformat("2026-06-01T12:00")

    assert at_wall(wall, "W. Europe Standard Time") == Moment(wall=wall, zone="Europe/Berlin")
    with pytest.raises(UnknownZone):
        at_wall(wall, "Nowhere")


@pytest.mark.parametrize("zone", ["Europe/Vienna", "America/St_Johns", "Pacific/Chatham"])
def test_from_an_instant_to_the_wall_and_back(zone: str) -> None:
    for at in hours_that_matter(zone):
        moment = at_instant(at, zone)

        assert moment.instant == at.astimezone(UTC)
        assert at_wall(moment.wall, zone).instant == moment.instant


@pytest.mark.parametrize(
    "zone",
    [
        "Asia/Almaty",
        "Asia/Qostanay",
        "America/Scoresbysund",
        "America/Coyhaique",
        "Antarctica/Troll",
    ],
)
@pytest.mark.parametrize("month", [1, 4, 7, 10])
def test_a_zone_that_windows_does_not_know_has_a_name_for_that_day(zone: str, month: int) -> None:
    day = datetime(2027, month, 15, 10, tzinfo=UTC).replace(tzinfo=None)
    moment = at_wall(day, zone)
    name = windows_zone(zone) or windows_zone_at(moment)
    assert name in WINDOWS
    assert at_wall(day, name).instant == moment.instant
