"""A provider says that it is too much: it is left alone for a while, and gets less from then on.

That is said in an answer, for all of its messages or for those of one sender to one person.
"""

from datetime import timedelta

from communications.policy.rates import pair_rates
from communications.providers import registry


def obey_provider(slug: str, retry_after: timedelta) -> None:
    """Holds a provider's rate limit as long as it says, and lowers it."""
    bucket = registry.bucket_for(slug)
    bucket.hold(retry_after.total_seconds())
    bucket.lower()


def obey_pair(slug: str, sender: str, to: str, retry_after: timedelta) -> None:
    """Does the same with the limit of a sender and a recipient; nobody else waits."""
    bucket = pair_rates.pair_bucket(slug, sender, to, refused=True)
    if bucket is not None:
        bucket.hold(retry_after.total_seconds())
        bucket.lower()


def learn_from_receipt(slug: str, sender: str, to: str, *, for_recipient: bool) -> None:
    """Lowers what a receipt says was too much. It may be late, so nothing is held."""
    pair = pair_rates.pair_bucket(slug, sender, to, refused=True)
    bucket = pair if for_recipient else registry.bucket_for(slug)
    if bucket is not None:
        bucket.lower()
