"""Five thousand people of whom five hundred are there twice, the same ones every time.

Every record has a tag of its own, `rec-17`, by which it is found again wherever it ends up.
"""

import csv
import io
import random
from dataclasses import dataclass, replace


def listed(text: str) -> list[str]:
    return text.split()


GIVEN = listed("""
    Amelia Anna Anton Benjamin Carla Charlotte Clara David Elena Elizabeth Emil Emma Felix
    Finn Greta Hannah Henry Ida Isabella Jakob James Johanna Jonas Julia Katharina Lara Laura
    Lena Leon Lina Luis Lukas Marie Mathilda Max Mia Michael Mila Moritz Nina Noah Nora Oskar
    Paul Paula Philipp René Robert Sofía Sophie Stephan Theo Thomas Tim Valentin William Zoë
""")
FAMILY = listed("""
    Albrecht Arnold Bauer Becker Berger Böhm Brandt Braun Busch Castillo Dietrich Engel
    Fischer Franke Fuchs García Graf Groß Günther Haas Hahn Hart Hartmann Heinrich Herrmann
    Hoffmann Huber Jäger Jansen Kaiser Keller Klein Koch Köhler König Krämer Kraus Krüger Kuhn
    Lange Lehmann Lorenz Maier Marsh Martin Mayer Meyer Möller Müller Nair Neumann Okafor Otto
    Peters Pfeiffer Pohl Richter Roth Sauer Schäfer Schmidt Schneider Scholz Schröder Schubert
    Schulz Schuster Seidel Simon Sommer Stein Thomas Vogel Vogt Wagner Walter Weber Weiß
    Werner Winkler Winter Wolf Ziegler Zimmermann
""")
OTHER_SPELLINGS = {
    "Schmidt": "Schmitt",
    "Müller": "Mueller",
    "Maier": "Meier",
    "Meyer": "Meier",
    "Mayer": "Meyer",
    "Fischer": "Fisher",
    "Hoffmann": "Hofmann",
    "Herrmann": "Hermann",
    "Pfeiffer": "Pfeifer",
    "Schröder": "Schroeder",
    "Schulz": "Schultz",
    "Jäger": "Jaeger",
    "Vogt": "Voigt",
    "Walter": "Walther",
    "Günther": "Guenter",
}
SHORT = {"Elizabeth": "Liz", "William": "Bill", "Michael": "Mike", "Benjamin": "Ben"}
COLUMNS = ("Name", "E-mail", "Phone", "WhatsApp", "Weddings")


@dataclass(frozen=True)
class Record:
    number: int
    # Who it really is.
    person: int
    name: str
    email: str = ""
    phone: str = ""
    whatsapp: str = ""
    wedding: str = ""

    @property
    def tag(self) -> str:
        return f"rec-{self.number}"


def crowd(people: int = 4_500, twice: int = 500, seed: int = 6) -> list[Record]:
    """In no order. Also in it: families that share a telephone, and many with the same name."""
    chance = random.Random(seed)  # noqa: S311 (reproducible, not secret)
    first = [original(number, chance) for number in range(people)]
    for index in range(0, people // 50 * 2, 2):
        # A couple behind one telephone.
        first[index + 1] = replace(first[index + 1], phone=first[index].phone)
    singles = first[people // 50 * 2 :]
    chosen = chance.sample(singles, twice)
    kinds = list(KINDS)
    copies = [
        replace(KINDS[kinds[n % len(kinds)]](record), number=people + n)
        for n, record in enumerate(chosen)
    ]
    records = [*first, *copies]
    chance.shuffle(records)
    return records


def original(number: int, chance: random.Random) -> Record:
    given, family = chance.choice(GIVEN), chance.choice(FAMILY)
    plain = f"{given}.{family}.{number}".encode("ascii", "ignore").decode().lower()
    host = "gmail.com" if number % 3 == 0 else f"mail{number % 7}.example"
    return Record(
        number=number,
        person=number,
        name=f"{given} {family}",
        email=f"{plain}@{host}",
        phone=f"+49 170 {1_000_000 + number * 7}",
        wedding=f"wedding-{number % 150}",
    )


def other_notation(record: Record) -> Record:
    return replace(record, phone=record.phone.replace("+49 ", "0049 (0)"), email="")


def other_case(record: Record) -> Record:
    return replace(record, email=record.email.upper(), phone="")


def other_dots(record: Record) -> Record:
    """The same mailbox at Google; elsewhere the capital letters."""
    local, _, host = record.email.partition("@")
    if host != "gmail.com":
        return other_case(record)
    return replace(record, email=f"{local.replace('.', '')}@googlemail.com", phone="")


def other_spelling(record: Record) -> Record:
    given, family = record.name.split()
    family = OTHER_SPELLINGS.get(family, family + family[-1])
    return replace(record, name=f"{given} {family}", email="")


def nickname(record: Record) -> Record:
    given, family = record.name.split()
    return replace(record, name=f"{SHORT.get(given, given)} {family}", phone="")


def other_channel(record: Record) -> Record:
    return replace(record, whatsapp=record.phone, phone="", email="")


def turned_round(record: Record) -> Record:
    given, family = record.name.split()
    return replace(
        record, name=f"{family}, {given}", email="", phone=record.phone.replace(" ", "-")
    )


KINDS = {
    "notation": other_notation,
    "case": other_case,
    "dots": other_dots,
    "spelling": other_spelling,
    "nickname": nickname,
    "channel": other_channel,
    "order": turned_round,
}


def as_csv(records: list[Record]) -> bytes:
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(COLUMNS)
    for record in records:
        tags = f"{record.wedding}; {record.tag}"
        table.writerow([record.name, record.email, record.phone, record.whatsapp, tags])
    return out.getvalue().encode()
