"""Meta's first question to an endpoint: does it know the token?

https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

import secrets

import requests

from .model.message import Json

TIMEOUT = (5, 10)
OK = 200


def shake(url: str, token: str) -> Json:
    """Asks, and reports whether the endpoint may be subscribed."""
    challenge = str(secrets.randbelow(9 * 10**9) + 10**9)
    asked = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": challenge}
    report: Json = {"url": url, "challenge": challenge, "status": None, "answer": ""}
    try:
        response = requests.get(url, params=asked, timeout=TIMEOUT, allow_redirects=False)
    except requests.RequestException as error:
        return {**report, "verified": False, "detail": f"{type(error).__name__}: {error}"[:200]}
    report |= {"status": response.status_code, "answer": response.text[:200]}
    if response.status_code != OK:
        return {**report, "verified": False, "detail": "It has to answer 200."}
    if response.text != challenge:
        return {**report, "verified": False, "detail": "It has to answer the challenge alone."}
    return {**report, "verified": True, "detail": "It knows the token."}
