from django.apps import AppConfig


class CommunicationsConfig(AppConfig):
    name = "communications"

    def ready(self) -> None:
        # Importing is what registers them with Django.
        from communications import checks  # noqa: F401, PLC0415
