"""What the admin's tests share: somebody logged in, and every page there is."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as project
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"
WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"


@pytest.fixture
def plain_static(settings: Settings) -> None:
    """Pages name their files without a build of them; logins cost nothing."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        **copy.deepcopy(project.STORAGES),
        "staticfiles": {"BACKEND": PLAIN},
    }
    settings.MIDDLEWARE = [
        middleware for middleware in project.MIDDLEWARE if middleware != WHITENOISE
    ]


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def url(row: Model, page: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=[row.pk])


def listed(model: type[Model], page: str = "changelist") -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}")


def registered() -> list[tuple[type[Model], Any]]:
    return [(model, admin.site.get_model_admin(model)) for model in admin.site._registry]


def pages_of(row: Model) -> Iterator[str]:
    """Every address of the admin that names this row."""
    model_admin = admin.site.get_model_admin(type(row))
    for pattern in model_admin.urls:
        names = pattern.pattern.converters
        if "object_id" in names and pattern.name:
            yield reverse(f"admin:{pattern.name}", args=[row.pk])


def page_messages(response: Any) -> str:
    """The messages shown on the page one ends up on."""
    return " ".join(str(message) for message in response.context["messages"])
