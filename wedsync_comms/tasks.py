"""The task that shows that tasks are executed."""


def beat() -> None:
    """Does nothing: that it starts is what counts, and `cluster.TaskHeartbeats` wrote it down."""
