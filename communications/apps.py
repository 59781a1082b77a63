from django.apps import AppConfig


class CommunicationsConfig(AppConfig):
    name = "communications"

    def ready(self) -> None:
        # Importing is what registers them with Django.
        from communications import checks  # noqa: F401, PLC0415
        from communications.sending import reconciler  # noqa: PLC0415

        reconciler.register_loops()
