"""What a provider's folder offers to the sandbox: an account of one vendor."""

from collections.abc import Sequence
from typing import ClassVar, Protocol

from starlette.routing import BaseRoute

from .gate import Answers
from .lib.faults import Json
from .webhooks.delivery import Deliveries


class Provider(Answers, Protocol):
    """``/<address>`` is the vendor's API, ``/control/<slug>`` ours."""

    # The parts that make up its world, and the dataclasses they hold.
    KEPT: ClassVar[tuple[str, ...]]
    KINDS: ClassVar[tuple[type, ...]]
    address: str
    deliveries: Deliveries

    def control_routes(self) -> Sequence[BaseRoute]:
        """Returns the routes beside faults, requests and webhooks, which every provider has."""

    def public_routes(self) -> Sequence[BaseRoute]:
        """Returns routes below ``/<address>`` outside of the API, such as links to files."""

    def settings(self) -> Json: ...

    def change(self, wanted: Json) -> None:
        """Changes settings; a ValueError says which one cannot be changed so."""

    def clear(self) -> None:
        """Forgets everything but its settings."""
