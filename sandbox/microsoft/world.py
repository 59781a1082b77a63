"""All that is here: the people's mailboxes, and what happens when one of them changes."""

from sandbox.clock import Clock
from sandbox.delivery import Deliveries
from sandbox.faults import Faults
from sandbox.state import Ledger

from . import seed
from .mailbox import Change, Mailbox
from .mails import Mails
from .notices import Notices
from .subscriptions import Subscriptions
from .tracking import Tracking
from .users import USERS


class World:
    def __init__(
        self, clock: Clock, deliveries: Deliveries, faults: Faults, ledger: Ledger
    ) -> None:
        self.clock = clock
        self.ledger = ledger
        self.mails = Mails(clock)
        self.tracking = Tracking(faults)
        self.subscriptions = Subscriptions(Notices(deliveries), clock)
        # By address.
        self.mailboxes: dict[str, Mailbox] = {}
        self.clear()

    @property
    def first(self) -> Mailbox:
        return next(iter(self.mailboxes.values()))

    def clear(self) -> None:
        """Back to the events that everybody starts with."""
        self.clock.clear()
        self.mails.clear()
        self.tracking.clear()
        self.subscriptions.clear()
        self.mailboxes.clear()
        for user in USERS:
            mailbox = Mailbox(user, self.clock, self._changed)
            self.mailboxes[user.address] = mailbox
            seed.events(mailbox)

    def jump(self, seconds: float) -> None:
        self.clock.jump(seconds)
        self.subscriptions.look()
        self.ledger.touch()

    def _changed(self, change: Change) -> None:
        self.ledger.touch()
        self.subscriptions.changed(change)
