"""State that all processes share, and that no app of its own owns."""

from django.apps import AppConfig


class LibConfig(AppConfig):
    name = "wedsync_comms.lib"
    label = "lib"
    verbose_name = "Shared state"
