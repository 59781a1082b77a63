"""What a person's mailbox is opened with, and what is done where the vendor does not take it."""

from collections.abc import Callable, Mapping
from typing import Any

from calendars.providers.responses import vendor_request
from wedsync_comms.lib.http import Client, Response

# Another access token, of the same person. Raises GrantGone where there is none.
Renew = Callable[[], str]
UNAUTHORIZED = 401


class AccessToken:
    def __init__(self, value: str, renew: Renew | None = None) -> None:
        self.value = value
        self.renew = renew

    def ask(
        self,
        client: Client,
        method: str,
        url: str,
        *,
        is_safe: bool,
        headers: Mapping[str, str],
        **values: Any,
    ) -> Response:
        """Makes the request; one that is refused for its token was not carried out, whatever it
        asks for, and is made once more with another token."""

        def once() -> Response:
            shown = {**headers, "authorization": f"Bearer {self.value}"}
            return vendor_request(client, method, url, is_safe=is_safe, headers=shown, **values)

        answer = once()
        if answer.status != UNAUTHORIZED or self.renew is None:
            return answer
        self.value = self.renew()
        return once()
