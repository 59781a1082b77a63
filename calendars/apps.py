from django.apps import AppConfig


class CalendarsConfig(AppConfig):
    name = "calendars"

    def ready(self) -> None:
        # Models can be imported only now.
        from calendars.notifications.send import APPOINTMENT_VARIABLES  # noqa: PLC0415
        from communications.composing.placeholders import register_filled_in  # noqa: PLC0415

        register_filled_in(APPOINTMENT_VARIABLES)
