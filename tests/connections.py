"""Work in threads, and so with connections of their own."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection


class Closing(ThreadPoolExecutor):
    """Leaves no connection behind, which in a process of its own would end with it."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        def closing() -> Any:
            try:
                return fn(*args, **kwargs)
            finally:
                connection.close()

        return super().submit(closing)
