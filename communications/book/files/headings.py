"""What a column of a table probably is, by its heading.

Headings of our own export, of Google (until 2024: “E-mail 1 - Value”, “Group Membership”; since:
“Labels”, “Organization Name”), Outlook, iCloud and of spreadsheets, in English, German, French,
Spanish and Italian: https://support.google.com/contacts/answer/1069522 and
https://support.microsoft.com/office/create-or-edit-csv-files-to-import-into-outlook
"""

import re
import unicodedata
from collections.abc import Iterable

# Columns of this kind stand beside the ones they describe.
KINDS = re.compile(r"type|typ|tipo|label|libelle|etichetta|etiqueta|etiquette")
# Words of columns about a telephone or mailbox that are nobody's number or address.
OTHER_THINGS = re.compile(
    r"\b(type|typ|tipo|label|libelle|etichetta|etiqueta|etiquette|fax|telefax|telecopie"
    r"|telecopieur|pager|recepteur|telex|isdn|rnis|tty|tdd|tty tdd|radio|radiotelefono|funkruf"
    r"|funktelefon|callback|ruckmeldung|rappel|devolucion|assistants?|assistent|assistenten"
    r"|assistente|asistente|horbehinderte|extension|display|angezeigter|anzeigename|mostrar|visualizzato"
    r"|affiche|complet|name|nom|nome|nombre|status|sent|date|consent|yomi|phonetic)\b"
)
# Of “Name, full” and “Notes/remarks”.
PARTS = re.compile(r"[,/]")
EMAIL = re.compile(
    r"\b(e ?mails?|mails?|courriel|courrier|mel|messagerie|correo|posta elettronica"
    r"|adresse electronique)\b"
)
MOBILE = re.compile(
    r"\b(mobiles?|mobil|mobiltelefon|mobilnummer|mobilfunk|handy|handynummer|cell|cellphone"
    r"|cellular|cellulare|celular|movil|portable|natel|gsm|sms)\b"
)
TELEPHONE = re.compile(
    rf"{MOBILE.pattern}|\b(phone|telephone|telefon|tel|telefonnummer|rufnummer|telefono|telefonos"
    r"|telefoon|haupttelefon|autotelefon)\b"
)
WHATSAPP = re.compile(r"\bwhats ?app\b")
HOME = re.compile(
    r"\b(home|privat|private|personal|domicile|particular|casa|abitazione|personale)\b"
)
WORK = re.compile(
    r"\b(work|business|company|geschaftlich|geschaftl|firma|dienstlich|buro|bureau|professionnel"
    r"|travail|trabajo|oficina|empresa|ufficio|uff|lavoro)\b"
)
# The whole heading, folded, without its numbers.
PHRASES = {
    "given_name": "first name|firstname|given name|givenname|forename|vorname|prenom|voornaam"
    "|nombre de pila|primer nombre",
    "family_name": "last name|lastname|family name|familyname|surname|nachname|familienname"
    "|zuname|nom de famille|apellido|apellidos|cognome|achternaam",
    "company": "company|company name|organization|organisation|organization name"
    "|organisation name|firma|unternehmen|business|societe|entreprise|organizacion"
    "|organizacion nombre|empresa|compania|azienda|societa|ditta|organizzazione",
    "sms": "number",
    "roles": "role|roles|rolle|rollen|rol|ruolo",
    "weddings": "wedding|weddings|hochzeit|hochzeiten|mariage|mariages|boda|bodas|matrimonio"
    "|matrimoni|nozze|label|labels|tag|tags|group membership|gruppenmitgliedschaft|category"
    "|categories|kategorie|kategorien|categorie|categoria|categorias|etiquettes|libelles"
    "|etiquetas|etichette",
    "language": "language|preferred language|sprache|langue|idioma|lingua",
    "time_zone": "time zone|timezone|zeitzone|fuseau horaire|zona horaria|fuso orario",
    "preferred_channel": "preferred channel",
    "notes": "note|notes|notiz|notizen|comment|comments|remark|remarks|kommentar|kommentare"
    "|bemerkung|bemerkungen|anmerkung|anmerkungen|commentaire|commentaires|remarque|remarques"
    "|nota|notas|observaciones|comentario|comentarios|commento|commenti|osservazioni",
    "name": "name|full name|display name|contact|contact name|guest|guest name|kontakt"
    "|vollstandiger name|anzeigename|nom|nom complet|nombre|nombre completo|nome|nome completo",
}
TARGET_OF_PHRASE = {
    phrase: target for target, phrases in PHRASES.items() for phrase in phrases.split("|")
}
# “Nom” beside “Prénom” is the family's name, “Nombre” beside “Apellidos” is the given one.
FAMILY_BESIDE_GIVEN = {"name": ("vorname",), "nom": ("prenom",)}
GIVEN_BESIDE_FAMILY = {"nombre": ("apellido", "apellidos"), "nome": ("cognome",)}


def fold_heading(column: str) -> str:
    """Returns a heading in small letters without accents, punctuation and numbers."""
    plain = unicodedata.normalize("NFKD", column[:200].casefold())
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    words = re.findall(r"[^\W\d_]+", letters)
    return " ".join(words)


def guess_mapping(columns: Iterable[str]) -> dict[str, str]:
    """Returns what each column probably is; blank for one to leave out."""
    folded = {column: fold_heading(column) for column in columns}
    known = set(folded.values())
    found = {column: target_of(heading, known) for column, heading in folded.items()}
    for column, target in found.items():
        inverted = "" if target else target_of_inverted(column)
        # Several columns of notes are joined; of anything else one is enough.
        if inverted and (inverted == "notes" or inverted not in found.values()):
            found[column] = inverted
    return found


def target_of_inverted(column: str) -> str:
    """Returns what a heading like “Name, full” or “Notes/remarks” probably is."""
    first, *others = map(fold_heading, PARTS.split(column[:200]))
    rest = " ".join(others)
    found = TARGET_OF_PHRASE.get(f"{rest} {first}", "") if rest else ""
    says_more = any(words.search(rest) for words in (OTHER_THINGS, EMAIL, TELEPHONE))
    return found if found or says_more or not rest else TARGET_OF_PHRASE.get(first, "")


def target_of(heading: str, beside: Iterable[str] = ()) -> str:
    """Returns what a folded heading probably is, among the others of its table."""
    found = name_among(heading, beside) or TARGET_OF_PHRASE.get(heading, "")
    if found:
        return found
    if WHATSAPP.search(heading):
        return "whatsapp"
    if OTHER_THINGS.search(heading):
        return ""
    if EMAIL.search(heading):
        return "email"
    return "sms" if TELEPHONE.search(heading) else ""


def name_among(heading: str, beside: Iterable[str]) -> str:
    """Returns which part of a name a heading means beside the others; blank for no part."""
    if any(other in beside for other in FAMILY_BESIDE_GIVEN.get(heading, ())):
        return "" if has_family_name(beside) else "family_name"
    if any(other in beside for other in GIVEN_BESIDE_FAMILY.get(heading, ())):
        return "given_name"
    return ""


def has_family_name(headings: Iterable[str]) -> bool:
    return any(TARGET_OF_PHRASE.get(heading) == "family_name" for heading in headings)


def label_of_heading(heading: str) -> str:
    """Returns what an address in a column of this folded heading is labelled with, if known."""
    if MOBILE.search(heading):
        return "cell"
    if HOME.search(heading):
        return "home"
    return "work" if WORK.search(heading) else ""


def kind_columns(columns: Iterable[str]) -> dict[str, str]:
    """Returns for columns like “Phone 1 - Value” the one that says of what kind it is."""
    by_stem = {}
    for column in columns:
        stem, separator, last = column.rpartition(" - ")
        if separator and KINDS.fullmatch(fold_heading(last)):
            by_stem[stem] = column
    return {
        column: by_stem[stem]
        for column in columns
        if (stem := column.rpartition(" - ")[0]) in by_stem and column != by_stem[stem]
    }
