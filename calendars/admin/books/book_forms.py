"""What an address book is for."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from calendars.contacts import books
from calendars.linking.accounts import allows_purpose
from calendars.mailbox.mailbox import open_mailbox
from calendars.models import Account, ContactBook, SyncDirection
from calendars.models.accounts import Policy
from calendars.vocabulary.events import PeopleGroup
from wedsync_comms.lib.admin_kit.scope import Scope
from wedsync_comms.lib.errors import ProviderError

POLICIES = [
    (Policy.NEWEST, "whoever changed it last"),
    (Policy.OURS, "this address book"),
    (Policy.THEIRS, "their address book"),
    (Policy.ASK, "a person: keep both, and ask"),
]


class BookOptionsForm(forms.Form):
    direction = forms.ChoiceField(choices=SyncDirection.choices, widget=UnfoldAdminSelectWidget)
    policy = forms.ChoiceField(
        label="Who is right where both changed the same field",
        choices=POLICIES,
        widget=UnfoldAdminSelectWidget,
    )
    groups = forms.MultipleChoiceField(
        label="Only these groups or folders",
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="None: all contacts. What we add goes into the first one.",
    )

    def __init__(
        self,
        data: Any = None,
        *,
        book: ContactBook,
        known: list[PeopleGroup],
    ) -> None:
        initial = {name: getattr(book, name) for name in ("direction", "policy", "groups")}
        super().__init__(data, initial=initial)
        self.book = book
        names = {group.id: group.name for group in known}
        # Chosen ones that the vendor does not list now stay choosable.
        choices = names | {group: group for group in book.groups if group not in names}
        field: Any = self.fields["groups"]
        field.choices = list(choices.items())

    def store(self) -> None:
        books.configure_book(self.book, **self.cleaned_data)


class FollowBookForm(forms.Form):
    account = forms.ModelChoiceField(Account.objects.none(), widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, scope: Scope, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["account"]
        accounts = scope.rows(Account.objects.linked().filter(contact_book=None))
        fit = [account.pk for account in accounts if allows_purpose(account, "contacts")]
        field.queryset = Account.objects.filter(pk__in=fit)

    def follow(self) -> ContactBook:
        return books.follow_book(self.cleaned_data["account"])


def vendor_groups(book: ContactBook) -> tuple[list[PeopleGroup], str]:
    """Returns the vendor's groups, and why it could not be asked: the page must open anyhow."""
    try:
        with open_mailbox(book.account) as box:
            return box.people_groups(), ""
    except ProviderError as error:
        return [], str(error)
