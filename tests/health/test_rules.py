"""What counts as an incident, and what does not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from health.collecting.observation import (
    Observation,
    OpenIncident,
)
from health.rules import evaluation
from health.vocabulary.readings import QueueReading
from tests.health.observations import (
    HELD,
    REFUSED,
    WRONG,
    at,
    closed_sender,
    failing,
    healthy_observation,
    probed,
    provider,
    unheard,
)


def kinds(observation: Observation) -> set[str]:
    return {match.rule.kind for match in evaluation.evaluate_rules(observation).values()}


def test_a_healthy_moment_is_no_incident() -> None:
    assert kinds(healthy_observation(provider(accepted=50, p50_ms=80.0))) == set()


@pytest.mark.parametrize("kind", WRONG)
def test_each_rule_applies_to_its_case_and_to_no_other(kind: str) -> None:
    assert kinds(WRONG[kind]) == {kind}


def test_every_rule_but_those_of_the_machine_is_tried() -> None:
    of_the_machine = {"redis", "database", "disk", "disk full"}
    assert set(evaluation.BY_KIND) == {*WRONG, "unproven", "unheard", *of_the_machine}


def test_one_cause_has_one_finding_the_worst() -> None:
    everything = failing(breaker=REFUSED, p50_ms=9_000.0, throttled=9)
    found = evaluation.evaluate_rules(healthy_observation(everything))
    assert [(cause, match.rule.kind) for cause, match in found.items()] == [
        ("sending:resend", "credentials"),
    ]


def test_two_providers_are_two_causes() -> None:
    found = evaluation.evaluate_rules(
        healthy_observation(failing(), failing(slug="twilio", webhook="twilio"))
    )
    assert set(found) == {"sending:resend", "sending:twilio"}


def test_a_refused_sender_is_its_organizations_incident() -> None:
    closed = (
        closed_sender(organization=7),
        closed_sender(organization=8, provider="twilio", channel="sms"),
    )
    found = evaluation.evaluate_rules(healthy_observation(provider(), closed_senders=closed))
    assert set(found) == {"sender:resend:7", "sender:twilio:8"}
    match = found["sender:resend:7"]
    assert match.title == "“hello@barn.example” is refused as a sender"
    assert match.finding.organization == 7
    assert "Verify the domain" in match.finding.advice
    assert "SMS from" in found["sender:twilio:8"].finding.advice


def test_a_refused_sender_of_the_installation_is_one_incident_of_the_platform() -> None:
    closed = tuple(closed_sender(is_own=False, organization=number) for number in (7, 8))
    found = evaluation.evaluate_rules(healthy_observation(provider(), closed_senders=closed))
    assert [(cause, match.finding.organization) for cause, match in found.items()] == [
        ("sender:resend", None)
    ]
    assert "restart" in found["sender:resend"].finding.advice


def test_where_one_is_refused_the_installations_sender_it_is_that_ones_incident() -> None:
    closed = (closed_sender(is_own=False, organization=7),)
    found = evaluation.evaluate_rules(healthy_observation(provider(), closed_senders=closed))
    assert [(cause, match.finding.organization) for cause, match in found.items()] == [
        ("sender:resend:7", 7)
    ]


def test_addresses_that_are_wrong_are_nobodys_fault() -> None:
    assert (
        kinds(healthy_observation(provider(accepted=1, reasons={"InvalidRecipient 422": 40})))
        == set()
    )


def test_a_failure_of_a_while_ago_says_nothing_about_now() -> None:
    assert kinds(healthy_observation(failing(-21))) == set()


def test_a_failed_probe_is_no_outage_while_messages_go_out() -> None:
    away = probed(ok=False, streak=9, error_class="TransientError")
    assert kinds(healthy_observation(provider(probe=away, accepted=3))) == set()
    refused = probed(ok=False, seconds=-10, error_class="CredentialsRejected")
    assert kinds(healthy_observation(provider(probe=refused, last_accepted_at=at(-1)))) == set()
    assert kinds(healthy_observation(provider(probe=refused))) == {"credentials"}


def test_one_failed_probe_is_an_accident() -> None:
    once = probed(ok=False, streak=1, error_class="TransientError")
    assert kinds(healthy_observation(provider(probe=once))) == set()


def test_what_is_usual_for_a_provider_is_not_slow() -> None:
    assert (
        kinds(healthy_observation(provider(p50_ms=2_100.0, usual_ms=1_900.0, accepted=9))) == set()
    )


def test_a_pause_by_hand_is_no_refusal() -> None:
    assert kinds(healthy_observation(provider(breaker=HELD))) == {"paused"}
    assert evaluation.BY_KIND["paused"].open_after == timedelta(hours=1)


@pytest.mark.parametrize(("count", "age", "expected"), [(3, 14, 0), (3, 15, 1), (1, 15, 0)])
def test_silence_is_noticed_within_twice_the_usual_delay(
    count: int,
    age: float,
    expected: int,
) -> None:
    observed = healthy_observation(provider(awaited=unheard(count, -age, usual=10)))
    assert len(evaluation.evaluate_rules(observed)) == expected


def test_a_single_missing_receipt_is_waited_for_longer() -> None:
    assert kinds(healthy_observation(provider(awaited=unheard(1, -119)))) == set()
    assert kinds(healthy_observation(provider(awaited=unheard(1, -121)))) == {"silence"}


def test_a_dead_dispatcher_explains_an_old_queue() -> None:
    late = QueueReading(due=9, oldest_age={"urgent": 99.0, "normal": 999.0})
    assert kinds(healthy_observation(beats={"dispatcher": at(-60)}, queue=late)) == {"dispatcher"}


def test_a_dead_worker_explains_late_schedules() -> None:
    assert kinds(healthy_observation(beats={"worker": at(-60)}, overdue="poll receipts")) == {
        "worker"
    }


def test_nothing_tried_is_no_recovery() -> None:
    known = {"sending:resend": OpenIncident(kind="failing", last_seen_at=at(-60))}
    quiet = healthy_observation(provider(last_failed_at=at(-60)), open=known)
    assert kinds(quiet) == {"unproven"}
    worked = replace(quiet, providers=(provider(last_accepted_at=at(-3)),))
    assert kinds(worked) == set()
    answered = replace(quiet, providers=(provider(probe=probed(ok=True, seconds=-3)),))
    assert kinds(answered) == set()


def test_nothing_sent_is_no_end_of_a_silence() -> None:
    known = {"webhooks:resend": OpenIncident(kind="silence", last_seen_at=at(-60))}
    quiet = healthy_observation(provider(last_receipt_at=at(-300)), open=known)
    assert kinds(quiet) == {"unheard"}
    assert kinds(replace(quiet, providers=(provider(last_receipt_at=at(-2)),))) == set()


def test_what_one_account_hears_ends_the_silence_of_the_address() -> None:
    known = {"webhooks:twilio": OpenIncident(kind="silence", last_seen_at=at(-60))}
    sms = provider(slug="twilio", webhook="twilio", last_receipt_at=at(-2))
    whatsapp = provider(slug="twilio_whatsapp", webhook="twilio")
    assert kinds(healthy_observation(sms, whatsapp, open=known)) == set()
