"""The people who have an account here: one at work, one at home."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

# Every personal account is in this tenant.
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
WORK = "7f1b0c5e-36a2-4d9c-9d0e-5c0a1b7d2f44"


@dataclass(frozen=True)
class User:
    id: str
    tenant: str
    given_name: str
    family_name: str
    address: str
    # The zone of the mailbox, by its Windows name.
    zone: str = "GMT Standard Time"

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}"

    @property
    def is_personal(self) -> bool:
        return self.tenant == CONSUMERS

    def as_graph(self) -> Json:
        return {
            "id": self.id,
            "displayName": self.name,
            "givenName": self.given_name,
            "surname": self.family_name,
            "mail": self.address,
            "userPrincipalName": self.address,
            "businessPhones": [],
            "jobTitle": None,
            "mobilePhone": None,
            "officeLocation": None,
            "preferredLanguage": "en-GB",
        }

    def as_address(self) -> Json:
        return {"name": self.name, "address": self.address}


USERS = (
    User(
        "48d31887-5fad-4d73-a9f5-3c356e68a038",
        WORK,
        "Hannah",
        "Whitlock",
        "hannah@everafter.example",
    ),
    User(
        "00000000-0000-0000-a3c1-7be2d1409c55",
        CONSUMERS,
        "Marlow",
        "Finch",
        "marlow.finch@outlook.example",
    ),
)


def by_address(address: str) -> User | None:
    wanted = address.casefold()
    return next((user for user in USERS if user.address.casefold() == wanted), None)


def by_id(id_: str) -> User | None:
    return next((user for user in USERS if user.id == id_), None)
