"""What django-q2 runs: a name and one call each. Lost, late or doubled, none of them does harm."""

from communications.book import duplicates
from communications.book.files import import_jobs, importing
from communications.files import removal
from communications.messages import retention
from communications.receiving import (
    bodies,
    deliveries,
    template_catalogue,
)
from communications.sending import receipt_polling, reconciliation


def replay_deliveries() -> int:
    """The safety net under the dispatchers, which apply deliveries as they come."""
    return deliveries.apply_due()


def poll_receipts() -> int:
    return receipt_polling.poll_overdue_receipts()


def settle_unknown() -> int:
    return reconciliation.resolve_unknown()


def fetch_received() -> int:
    return bodies.fetch_bodies()


def prune_history() -> int:
    return retention.remove_expired()


def sweep_files() -> int:
    """Files that nobody uses any more, or that nobody came to use."""
    return removal.sweep_files()


def sync_templates() -> int:
    return template_catalogue.sync_catalogues()


def find_duplicates() -> int:
    """Contacts that changed, compared with the others."""
    return duplicates.compare_everybody().compared


def run_imports() -> int:
    """Looks at large files and takes them, part by part."""
    return import_jobs.run_imports()


def forget_imports() -> int:
    """Files that nobody confirmed."""
    return importing.forget_contents()
