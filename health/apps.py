from django.apps import AppConfig


class HealthConfig(AppConfig):
    name = "health"

    def ready(self) -> None:
        # Models can be imported only now.
        from communications.live import staff_feed  # noqa: PLC0415
        from health import checks  # noqa: F401, PLC0415
        from health.incidents import evaluator  # noqa: PLC0415
        from health.reporting import staff_frame  # noqa: PLC0415
        from wedsync_comms.lib import background_loops  # noqa: PLC0415

        staff_feed.register_source(staff_frame.health_frame)
        background_loops.register("evaluator", evaluator.Evaluator)
        background_loops.register("messenger", evaluator.AlertSender)
