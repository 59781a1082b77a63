"""Idempotency-Key: the same request answered once. Kept for 24 hours.

https://resend.com/docs/dashboard/emails/idempotency-keys
"""

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.responses import Response

from .errors import RefusedError

REMEMBERED_FOR_S = 24 * 60 * 60
MAX_LENGTH = 256
MAX_KEYS = 100_000
SUCCESS = range(200, 300)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


@dataclass
class Remembered:
    fingerprint: bytes
    at: float
    answer: Answer | None = None


class Idempotency:
    KEPT = ("_keys",)

    def __init__(self) -> None:
        self._keys: OrderedDict[str, Remembered] = OrderedDict()

    def begin(self, key: str, body: bytes) -> Answer | None:
        """Returns the earlier answer, if there is one; else takes the key until ``finish``."""
        if not 1 <= len(key) <= MAX_LENGTH:
            raise RefusedError("invalid_idempotency_key")
        fingerprint = hashlib.sha256(body).digest()
        earlier = self._keys.get(key)
        if earlier is None or earlier.at < time.time() - REMEMBERED_FOR_S:
            self._remember(key, fingerprint)
            return None
        if earlier.fingerprint != fingerprint:
            raise RefusedError("invalid_idempotent_request")
        if earlier.answer is None:
            raise RefusedError("concurrent_idempotent_requests")
        return earlier.answer

    def finish(self, key: str, response: Response) -> None:
        """Keeps the answer; forgets a refusal, so that the corrected request may use the key."""
        if response.status_code in SUCCESS and key in self._keys:
            self._keys[key].answer = Answer(response.status_code, bytes(response.body))
        else:
            self._keys.pop(key, None)

    def clear(self) -> None:
        self._keys.clear()

    def _remember(self, key: str, fingerprint: bytes) -> None:
        self._keys.pop(key, None)
        self._keys[key] = Remembered(fingerprint, time.time())
        while len(self._keys) > MAX_KEYS:
            self._keys.popitem(last=False)
