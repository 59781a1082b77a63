"""key of a removed message -> a row without its words: a repeat is refused, and not sent again."""

from hashlib import sha256

from django.db.models import QuerySet

from communications.models import Message, Organization, SpentKey


def spend_keys(messages: QuerySet[Message]) -> None:
    """Keeps the keys of messages that are about to be removed. Call it in that transaction."""
    keyed = messages.exclude(idempotency_key=None).only(
        "organization_id", "idempotency_key", "request_hash"
    )
    SpentKey.objects.bulk_create(
        [
            SpentKey(
                organization_id=message.organization_id,
                key_hash=hash_key(message.idempotency_key or ""),
                request_hash=message.request_hash,
                message=message.pk,
            )
            for message in keyed
        ],
        # A release that knew no such rows may have taken a key twice.
        ignore_conflicts=True,
    )


def find_spent_key(organization: Organization, key: str) -> SpentKey | None:
    return SpentKey.objects.filter(organization=organization, key_hash=hash_key(key)).first()


def hash_key(key: str) -> str:
    return sha256(key.encode()).hexdigest()
