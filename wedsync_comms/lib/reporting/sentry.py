"""Errors told to Sentry, where SENTRY_DSN says so: an extra, because few installations need it."""

from importlib import import_module

from django.core.exceptions import ImproperlyConfigured


def start_sentry(dsn: str) -> None:
    """Reports unhandled errors and error lines of the log from now on.

    What people wrote stays here: no bodies, no cookies, no addresses, no values of variables
    (https://docs.sentry.io/platforms/python/data-management/data-collected/). Raises
    `ImproperlyConfigured` if the extra is not installed or the address is none.
    """
    try:
        sentry_sdk = import_module("sentry_sdk")
        django = import_module("sentry_sdk.integrations.django")
    except ImportError:
        raise ImproperlyConfigured(
            "SENTRY_DSN is set, and sentry-sdk is not installed: install requirements-sentry.lock "
            "(for the image: docker build --build-arg LOCK=requirements-sentry.lock), or take "
            "SENTRY_DSN away.",
        ) from None
    try:
        sentry_sdk.init(
            dsn=dsn,
            integrations=[django.DjangoIntegration()],
            auto_enabling_integrations=False,
            max_request_body_size="never",
            include_local_variables=False,
        )
    except sentry_sdk.utils.BadDsn as error:
        raise ImproperlyConfigured(
            f"SENTRY_DSN is no address of a project at Sentry: {error}",
        ) from None
