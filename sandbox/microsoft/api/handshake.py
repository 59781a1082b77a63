"""Graph's question to an endpoint before it is notified: does it answer with the token?

https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks
"""

from urllib.parse import quote_plus
from uuid import uuid4

import requests

from sandbox.microsoft.errors import RefusedError

TIMEOUT = (5, 10)
OK = 200


def shake(url: str) -> None:
    """Asks the endpoint. Raises a RefusedError if it does not want to be notified."""
    token = f"Validation: Testing client application reachability for subscription {uuid4()}"
    joint = "&" if "?" in url else "?"
    asked = f"{url}{joint}validationToken={quote_plus(token)}"
    headers = {"content-type": "text/plain; charset=utf-8"}
    try:
        response = requests.post(
            asked, data=b"", headers=headers, timeout=TIMEOUT, allow_redirects=False
        )
    except requests.Timeout as error:
        raise _failed("Subscription validation request timed out.") from error
    except requests.RequestException as error:
        raise _failed("Subscription validation request failed.") from error
    if response.status_code != OK:
        raise _failed(
            "Subscription validation request failed. Must respond with 200 OK to this request."
        )
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "text/plain" or response.text != token:
        raise _failed("Subscription validation request failed. Must respond with the token.")


def _failed(message: str) -> RefusedError:
    return RefusedError(400, "ValidationError", message)
