"""The rows behind `shared_state` (on installations without Redis), `heartbeats` and `turns`."""

from django.db import models


class SharedState(models.Model):
    """One value that every process may change; only `shared_state` touches it."""

    key = models.CharField(max_length=200, primary_key=True)
    value = models.JSONField(default=dict)
    # For `shared_state.forget_stale`, which looks through a handful of rows: no index.
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "shared state"

    def __str__(self) -> str:
        return self.key


class Heartbeat(models.Model):
    """When one running process last said that it is alive."""

    process = models.CharField(max_length=50)
    instance = models.CharField(max_length=200)
    beat_at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    class Meta:
        constraints = [
            # A beat is an upsert on it; its index also answers "is any of these alive".
            models.UniqueConstraint(
                fields=["process", "instance"],
                name="heartbeat_process_instance",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.process} {self.instance}"


class WaitingTask(models.Model):
    """Slow work that waits for the turn of its party; only `turns.tasks` touches it."""

    # The path of a function, and what it is called with.
    func = models.CharField(max_length=200)
    key = models.BigIntegerField()
    # Who takes turns with it: an organization.
    party = models.CharField(max_length=50)
    # Of one party, what has the lower number comes first.
    urgency = models.PositiveSmallIntegerField(default=0, db_default=0)
    asked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["func", "key"], name="task_waits_once"),
        ]
        indexes = [
            # Finds whose tasks wait, and which of theirs is next.
            models.Index(fields=["party", "urgency", "id"], name="task_turns"),
        ]

    def __str__(self) -> str:
        return f"{self.func} {self.key}"
