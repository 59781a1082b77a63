"""The number and the account as Graph shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.whatsapp.model.message import Json

RATINGS = ("GREEN", "YELLOW", "RED", "NA")
TIERS = ("TIER_50", "TIER_250", "TIER_1K", "TIER_2K", "TIER_10K", "TIER_100K", "TIER_UNLIMITED")

# What is shown if nothing is asked for.
USUAL = ("id", "verified_name", "display_phone_number", "quality_rating", "name_status",
         "code_verification_status", "platform_type", "throughput")  # fmt: skip


@dataclass
class Profile:
    number_id: str
    account_id: str
    display_number: str
    quality_rating: str = "GREEN"
    messaging_limit_tier: str = "TIER_1K"

    def number(self, fields: Sequence[str]) -> Json:
        known: Json = {
            "id": self.number_id,
            "verified_name": "WedSync",
            "display_phone_number": f"+{self.display_number}",
            "quality_rating": self.quality_rating,
            "name_status": "APPROVED",
            "code_verification_status": "VERIFIED",
            "platform_type": "CLOUD_API",
            "throughput": {"level": "STANDARD"},
            "messaging_limit_tier": self.messaging_limit_tier,
            "whatsapp_business_manager_messaging_limit": self.messaging_limit_tier,
            "status": "CONNECTED",
            "account_mode": "LIVE",
            "is_official_business_account": False,
        }
        return _chosen(known, fields or USUAL)

    def account(self, fields: Sequence[str]) -> Json:
        known: Json = {
            "id": self.account_id,
            "name": "WedSync",
            "timezone_id": "1",
            "currency": "GBP",
            "message_template_namespace": "58e6d318_b627_4112_b9c7_2961197553ea",
            "account_review_status": "APPROVED",
            "business_verification_status": "verified",
        }
        return _chosen(known, fields or list(known))


def _chosen(known: Json, fields: Sequence[str]) -> Json:
    return {name: value for name, value in known.items() if name in (*fields, "id")}
