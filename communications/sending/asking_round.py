"""Who is asked about what in one round of questions.

Nobody when it has taken its time, and no provider any more that has no slot near in its rate limit
or says that it is too much. Each organization's questions have their turn.
"""

import time

from django.db.models import F, QuerySet

from communications.models import Attempt
from communications.providers import registry
from wedsync_comms.lib.database.connections import give_back_connection
from wedsync_comms.lib.turns.rows import in_turns

# How long one question waits for a slot in the provider's rate limit.
ASK_WITHIN_S = 1.0
# How long one round of questions takes at most, and the last of them.
ROUND_S = 20.0


class AskingRound:
    def __init__(self, seconds: float = ROUND_S) -> None:
        self.ends_at = time.monotonic() + seconds
        self.busy = set[str]()

    def is_over_for(self, slug: str) -> bool:
        return slug in self.busy or time.monotonic() > self.ends_at

    def has_slot(self, slug: str) -> bool:
        """Takes a slot that is free now, or else waits in line for one; False if none is near.

        Messages that are leaving take all slots ahead of time: they go first, and a question is
        asked now and then all the same.
        """
        bucket, free_until = registry.bucket_for(slug), time.monotonic() + ASK_WITHIN_S
        while pause := bucket.acquire():
            if time.monotonic() + pause > free_until:
                break
            give_back_connection()
            time.sleep(pause)
        if pause and not bucket.wait_for_slot(ASK_WITHIN_S):
            self.busy.add(slug)
        return slug not in self.busy


def asked_in_turns(attempts: QuerySet[Attempt]) -> QuerySet[Attempt]:
    """Returns attempts of all organizations in turns; of one organization those first about which
    nobody has asked for longest."""
    longest_not_asked = (F("polled_at").asc(nulls_first=True), F("started_at").asc())
    return in_turns(attempts, "message__organization", first=longest_not_asked)
