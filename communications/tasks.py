"""What django-q2 runs: a name and one call each. Lost, late or doubled, none of them does harm."""

from communications import catalogue, ingest, prune, reconcile
from communications.book import duplicates, importing


def replay_deliveries() -> int:
    """The safety net under the dispatchers, which apply deliveries as they come."""
    return ingest.apply_due()


def poll_receipts() -> int:
    return reconcile.poll_receipts()


def settle_unknown() -> int:
    return reconcile.settle_unknown()


def fetch_received() -> int:
    return reconcile.fetch_received()


def prune_history() -> int:
    return prune.prune()


def sync_templates() -> int:
    return catalogue.sync()


def find_duplicates() -> int:
    """Contacts that changed, compared with the others."""
    return duplicates.catch_up().compared


def forget_imports() -> int:
    """Files that nobody confirmed."""
    return importing.forget()
