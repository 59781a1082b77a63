"""What can go wrong with a provider, named for the remedy.

A provider raises these and nothing else. They are decided once, at the provider's edge, from its
tables of codes; everybody else only asks what to do next.
"""

from datetime import timedelta


class ProviderError(Exception):
    """The base. `code` is the provider's own word for it, `response` its redacted answer."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        response: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.response = response or {}


class TransientError(ProviderError):
    """Not sent for sure, and likely to work in a moment: worth a retry."""


class NoConnection(TransientError):
    """Not sent: no connection came about, so nothing of any message left. It says nothing about a
    message and uses up no retry: what there is waits until there is a connection again. `why` is a
    clause for people."""

    def __init__(self, why: str, *, code: str, response: dict[str, object] | None = None) -> None:
        super().__init__(f"No connection: {why}.", code=code, response=response)
        self.why = why


class RefusedTogether(TransientError):
    """Not sent: it shared a request that was refused for another's sake. Alone it will be taken."""


class ExpiredUnsent(TransientError):
    """The provider had it and could not send it in the time it was given: it never left."""


class RateLimited(ProviderError):
    """Not sent, too fast: wait as long as the provider says. Counts as no retry."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: timedelta,
        code: str = "",
        response: dict[str, object] | None = None,
        for_recipient: bool = False,
    ) -> None:
        super().__init__(message, code=code, response=response)
        self.retry_after = retry_after
        # Too fast for this person only: everybody else may go on.
        self.for_recipient = for_recipient


class NotReady(ProviderError):
    """Not sent: something of ours was away that it needs, like its files. Says nothing about the
    provider, counts as no retry, and is tried again after `retry_after`.

    `is_told` says that there is nothing new for the timeline: it waits on for the same reason."""

    def __init__(
        self, message: str, *, retry_after: timedelta, code: str = "", is_told: bool = False
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after
        self.is_told = is_told


class OutcomeUnknown(ProviderError):
    """The request may have been carried out: its answer was lost, or said nothing useful.

    Never blindly sent again. `answered` tells a server that answered with an error of its own from
    silence.
    """

    answered = False


class ServerFailed(OutcomeUnknown):
    """A 5xx: an answer, but none that says whether the request was carried out."""

    answered = True


class SenderRejected(ProviderError):
    """Not sent: the provider does not take this sender, as an unverified domain or a number that is
    not ours. As another sender it may. `retry_after` is set where it will, later, as this one."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        response: dict[str, object] | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message, code=code, response=response)
        self.retry_after = retry_after


class SenderBusy(SenderRejected):
    """Not sent: the sender has used up what it may send for now; as another sender one may."""


class SenderRejectedForRegion(SenderRejected):
    """Not sent: the sender is not taken for numbers of the recipient's country; for others it may
    be, as a number that is not registered with the carriers there."""


class RecipientUnreachable(ProviderError):
    """It left, and could not be handed over: a phone that is off. Worth a repetition in minutes."""


class ProviderPaused(ProviderError):
    """Nothing can be sent through this provider until a person acts. No message is burnt."""


class CredentialsRejected(ProviderPaused):
    """Wrong, revoked or restricted key."""


class ConfigurationRejected(ProviderPaused):
    """The account is not set up for this, or is locked."""


class QuotaExceeded(ProviderPaused):
    """The account has used up what it may send in a day or a month; `retry_after` says how long
    until it may again."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: timedelta,
        code: str = "",
        response: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message, code=code, response=response)
        self.retry_after = retry_after


class PermanentError(ProviderError):
    """Final for this message on this channel."""


class InvalidRecipient(PermanentError):
    """This address cannot be written to."""


class RouteRejected(PermanentError):
    """The account may not send from here to there; the address is fine."""


class OptedOut(PermanentError):
    """The person, or the provider on their behalf, refuses messages."""


class OptedOutOfMarketing(OptedOut):
    """The person refuses advertising; what they asked for themselves may still be sent."""


class ContentRejected(PermanentError):
    """The text, the attachments or the headers were refused."""


class FilesGone(PermanentError):
    """Not sent, and no provider was asked: a file of it is lost."""


class TemplateRejected(ContentRejected):
    """The approved text it was sent as may not be sent now: others may."""


class InvalidSignature(Exception):
    """A webhook that is not the provider's, or too old."""


class MalformedRequest(Exception):
    """A webhook that lacks what every genuine one has."""
