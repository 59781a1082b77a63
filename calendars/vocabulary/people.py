"""How much of a vendor's person is held here, and that what is wider stays whole over there."""

from dataclasses import replace

from calendars.vocabulary.events import RemotePerson

# Characters, as wide as a contact's columns.
HELD_WIDTHS = {
    "name": 200,
    "given_name": 100,
    "family_name": 100,
    "company": 200,
    "notes": 20_000,
}


def held_texts(person: RemotePerson) -> dict[str, str]:
    """Returns the texts of a person as they are held here, by field: no wider than our columns."""
    return {
        field: getattr(person, field).replace("\r\n", "\n").strip()[:width].rstrip()
        for field, width in HELD_WIDTHS.items()
    }


def with_wider_texts(person: RemotePerson, present: RemotePerson) -> RemotePerson:
    """Returns the person to write, with the vendor's `present` texts wherever ours is what is held
    of them: nothing that we hold shorter is written back shorter."""
    unchanged = {
        field: getattr(present, field)
        for field, held in held_texts(present).items()
        if getattr(person, field) == held
    }
    return replace(person, **unchanged)
