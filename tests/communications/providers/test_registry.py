"""Slug -> provider, from the settings."""

import pytest
from django.test import override_settings
from pytest_django import Settings

from communications import checks
from communications.providers import registry
from communications.providers.resend import Resend

RESEND = {
    "BACKEND": "communications.providers.resend.Resend",
    "OPTIONS": {
        "api_key": "re_1",
        "sender": "a@example.com",
        "webhook_secrets": ["whsec_dGVzdA=="],
    },
}


def problem_ids() -> list[str | None]:
    return [provider.id for provider in checks.check_providers() + checks.check_routes()]


def test_two_accounts_at_one_vendor_are_two_providers(settings: Settings) -> None:
    other = {**RESEND, "OPTIONS": {**RESEND["OPTIONS"], "api_key": "re_2"}}  # type: ignore[dict-item]
    settings.PROVIDERS = {"resend": RESEND, "resend_two": other}
    first, second = registry.provider_for("resend"), registry.provider_for("resend_two")
    assert isinstance(first, Resend)
    assert isinstance(second, Resend)
    assert (first.account[1], second.account[1]) == ("re_1", "re_2")
    assert registry.provider_for("resend") is first
    assert registry.bucket_for("resend_two")
    assert registry.breaker_for("resend_two")


def test_changed_settings_make_new_providers(settings: Settings) -> None:
    before = registry.provider_for("resend")
    settings.PROVIDERS = {"resend": RESEND}
    assert registry.provider_for("resend") is not before


def test_a_slug_that_is_not_configured_raises() -> None:
    with pytest.raises(KeyError):
        registry.provider_for("acme")


def test_a_channel_without_a_route_has_no_providers(settings: Settings) -> None:
    settings.ROUTES = {"email": ["resend"], "sms": []}
    assert registry.route_slugs("email") == ["resend"]
    assert registry.route_slugs("whatsapp") == []
    assert registry.routed_channels() == ["email"]


def test_a_good_configuration_has_no_problems(settings: Settings) -> None:
    settings.PROVIDERS = {"resend": RESEND}
    assert problem_ids() == []


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({**RESEND, "BACKEND": "communications.providers.acme.Acme"}, "communications.E001"),
        ({**RESEND, "BACKEND": "communications.vocabulary.events.File"}, "communications.E001"),
        ({**RESEND, "BACKEND": "builtins.dict"}, "communications.E001"),
        ({**RESEND, "OPTIONS": {}}, "communications.E001"),
        ({"OPTIONS": {}}, "communications.E001"),
        ({"BACKEND": RESEND["BACKEND"]}, "communications.E001"),
        (
            {
                **RESEND,
                "OPTIONS": {"api_key": "k", "sender": "a@b.example", "webhook_secrets": [""]},
            },
            "communications.E001",
        ),
        (
            {
                **RESEND,
                "OPTIONS": {"api_key": "k", "sender": "a@b.example", "webhook_secrets": ["?"]},
            },
            "communications.E001",
        ),
        (
            {**RESEND, "OPTIONS": {"api_key": "k", "sender": "", "webhook_secrets": ["dGVzdA=="]}},
            "communications.E002",
        ),
        ({**RESEND, "OPTIONS": {"api_key": "k", "sender": "a@b.example"}}, "communications.W001"),
    ],
)
def test_a_bad_entry_is_said_before_anything_is_sent(
    settings: Settings,
    entry: dict[str, object],
    problem: str,
) -> None:
    settings.PROVIDERS = {"resend": entry}
    assert problem_ids() == [problem]
    assert all(provider.hint for provider in checks.check_providers())


def test_a_route_to_nowhere_is_said(settings: Settings) -> None:
    settings.ROUTES = {"email": ["resend", "acme"]}
    assert "communications.E003" in problem_ids()


def test_nothing_configured_is_no_problem() -> None:
    with override_settings(PROVIDERS={}, ROUTES={}):
        assert problem_ids() == []
