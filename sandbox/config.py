"""What a sandbox is started with."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SandboxConfig:
    """Most of it can be changed later through the control API."""

    resend_api_key: str = "re_sandbox"
    resend_webhook_url: str = ""
    # Empty: one is made up at the start and shown by the control API.
    resend_webhook_secret: str = ""
    # Empty: every sender's domain counts as verified.
    resend_domains: tuple[str, ...] = ()

    twilio_account_sid: str = "AC" + "5a" * 16
    twilio_auth_token: str = "twilio_sandbox"  # noqa: S105 (opens nothing but this sandbox)
    # Incoming messages; a status goes to the address that came with its message.
    twilio_webhook_url: str = ""

    whatsapp_access_token: str = "whatsapp_sandbox"  # noqa: S105 (the same)
    whatsapp_phone_number_id: str = "106540352242922"
    whatsapp_business_account_id: str = "102290129340398"
    whatsapp_app_secret: str = "whatsapp_app_secret"  # noqa: S105 (the same)
    whatsapp_webhook_url: str = ""
    whatsapp_verify_token: str = "whatsapp_verify"  # noqa: S105 (the same)
    # Meta's usual throughput of one number.
    whatsapp_rate_per_second: int | None = 80

    google_client_id: str = "google_sandbox.apps.googleusercontent.com"
    google_client_secret: str = "google_sandbox"  # noqa: S105 (the same)

    microsoft_client_id: str = "5f1e6f0b-6a0c-4f43-9d7a-2f0c1d3b8a11"
    microsoft_client_secret: str = "microsoft_sandbox"  # noqa: S105 (the same)

    rate_per_second: int | None = 10
    receipt_delay: float = 1.0
    # Scales the waits between the attempts of a webhook; 1 is the provider's own schedule.
    retry_factor: float = 0.1
