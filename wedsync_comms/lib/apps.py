"""State that all processes share, and that no app of its own owns."""

from django.apps import AppConfig


class LibConfig(AppConfig):
    name = "wedsync_comms.lib"
    label = "lib"
    verbose_name = "Shared state"

    def ready(self) -> None:
        # Importing is what registers them with Django.
        from wedsync_comms.lib.checks import database_checks, environment_checks  # noqa: F401, PLC0415
