from django.apps import AppConfig


class HealthConfig(AppConfig):
    name = "health"

    def ready(self) -> None:
        # Models can be imported only now.
        from communications import notices  # noqa: PLC0415
        from health import stream  # noqa: PLC0415

        notices.register(stream.frame)
