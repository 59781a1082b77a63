"""All that is here: the people's mailboxes, and what happens when one of them changes."""

from sandbox.lib.clock import Clock
from sandbox.lib.faults import Faults
from sandbox.lib.state import Ledger
from sandbox.webhooks.delivery import Deliveries

from .control import seed
from .model.mailbox import Change, Mailbox
from .model.mails import Mails
from .model.notices import Notices
from .model.subscriptions import Subscriptions
from .model.tracking import Tracking
from .model.users import USERS


class World:
    KEPT = ("clock", "mails", "tracking", "subscriptions", "mailboxes")

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
        """Goes back to the events that everybody starts with."""
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
