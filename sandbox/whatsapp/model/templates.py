"""Message templates: what Meta has approved to be sent, and whether a request fits one.

https://developers.facebook.com/docs/whatsapp/business-management-api/message-templates
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.whatsapp.errors import RefusedError

Json = dict[str, Any]

STATUSES = ("APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED", "IN_APPEAL")
CATEGORIES = ("MARKETING", "UTILITY", "AUTHENTICATION")
QUALITIES = ("GREEN", "YELLOW", "RED", "UNKNOWN")

HOLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
MAX_TEXT = 1024
# No line break, no tab and no row of spaces in what fills a hole.
UNFIT = re.compile(r"[\n\t]| {5}")
TEXTUAL = frozenset({"text", "currency", "date_time"})


@dataclass
class Template:
    id: str
    name: str
    category: str
    components: list[Json]
    language: str = "en_US"
    status: str = "APPROVED"
    quality: str = "GREEN"
    rejected_reason: str = "NONE"

    def as_json(self) -> Json:
        named = any(not hole.isdecimal() for hole in self.holes("BODY"))
        return {
            "id": self.id,
            "name": self.name,
            "language": self.language,
            "status": self.status,
            "category": self.category,
            "parameter_format": "NAMED" if named else "POSITIONAL",
            "quality_score": {"score": self.quality, "date": 1762329600},
            "rejected_reason": self.rejected_reason,
            "components": self.components,
        }

    def component(self, kind: str) -> Json:
        return next((component for component in self.components if component["type"] == kind), {})

    def holes(self, kind: str) -> list[str]:
        return HOLE.findall(self.component(kind).get("text", ""))

    def buttons(self) -> list[Json]:
        found: list[Json] = self.component("BUTTONS").get("buttons", [])
        return found


def body(text: str, example: Sequence[str]) -> Json:
    return {"type": "BODY", "text": text, "example": {"body_text": [list(example)]}}


def quick_replies(*texts: str) -> Json:
    return {
        "type": "BUTTONS",
        "buttons": [{"type": "QUICK_REPLY", "text": text} for text in texts],
    }


def seeds() -> list[Template]:
    update = body("Hello {{1}}, there is news about {{2}}.", ["Amelia", "your viewing"])
    reminder = body("Hello {{1}}, will you be joining us?", ["Amelia"])
    offer = body("Spring has come, {{1}}: 10 % off until {{2}}.", ["Amelia", "1 May"])
    answers = quick_replies("I will be there", "I cannot come")
    return [
        Template("594425479261596", "wedding_update", "UTILITY", [update]),
        Template("594425479261597", "rsvp_reminder", "UTILITY", [reminder, answers]),
        Template(
            "594425479261598", "spring_offer", "MARKETING", [offer, quick_replies("Stop offers")]
        ),
        *unusable(),
    ]


def unusable() -> list[Template]:
    cake = Template(
        "594425479261599", "free_cake", "MARKETING", [body("FREE CAKE for {{1}}!!!", ["Amelia"])]
    )
    cake.status, cake.quality, cake.rejected_reason = "REJECTED", "UNKNOWN", "INVALID_FORMAT"
    survey = Template(
        "594425479261600", "survey", "MARKETING", [body("How was {{1}}?", ["the day"])]
    )
    survey.status, survey.quality = "PAUSED", "RED"
    return [cake, survey]


@dataclass
class Templates:
    KEPT = ("every",)

    every: list[Template] = field(default_factory=seeds)

    def named(self, name: str) -> list[Template]:
        return [template for template in self.every if template.name == name]

    def fill(self, wanted: Json) -> tuple[Template, str]:
        """Returns the template and its text, filled, or raises the refusal Meta would give."""
        template = self._usable(str(wanted["name"]), str(wanted["language"]["code"]))
        given = {
            str(component.get("type", "")).upper(): component
            for component in wanted.get("components", [])
        }
        _check_header(template, given.get("HEADER", {}).get("parameters", []))
        filled = _fill(template, given.get("BODY", {}).get("parameters", []))
        if len(filled) > MAX_TEXT:
            raise RefusedError(132005, f"body: text has more than {MAX_TEXT} characters")
        _check_buttons(template, wanted.get("components", []))
        return template, filled

    def _usable(self, name: str, language: str) -> Template:
        found = next(
            (template for template in self.named(name) if template.language == language), None
        )
        if found is not None and found.status == "PAUSED":
            raise RefusedError(132015)
        if found is not None and found.status == "DISABLED":
            raise RefusedError(132016)
        if found is None or found.status != "APPROVED":
            raise RefusedError(132001, f"template name ({name}) does not exist in {language}")
        return found


def _check_header(template: Template, given: list[Json]) -> None:
    wanted = template.component("HEADER").get("format", "")
    if wanted in ("", "TEXT"):
        _check_count("header", len(given), len(template.holes("HEADER")))
        return
    _check_count("header", len(given), 1)
    got = str(given[0].get("type", "unknown")).upper()
    if got != wanted:
        raise RefusedError(132012, f"header: Format mismatch, expected {wanted}, received {got}")


def _check_count(where: str, given: int, wanted: int) -> None:
    if given != wanted:
        raise RefusedError(
            132000,
            f"{where}: number of localizable_params ({given}) does not match the expected number "
            f"of params ({wanted})",
        )


def _fill(template: Template, given: list[Json]) -> str:
    holes = list(dict.fromkeys(template.holes("BODY")))
    _check_count("body", len(given), len(holes))
    texts = dict(_texts(holes, given))
    text = str(template.component("BODY").get("text", ""))
    return HOLE.sub(lambda found: texts[found[1]], text)


def _texts(holes: list[str], given: list[Json]) -> Iterator[tuple[str, str]]:
    for place, parameter in enumerate(given):
        named = parameter.get("parameter_name")
        hole = holes[place] if holes[place].isdecimal() else named
        if hole not in holes:
            raise RefusedError(132012, f"body: unknown parameter name {named!r}")
        yield str(hole), _text(parameter)
    if missing := {hole for hole in holes if not hole.isdecimal()} - {
        parameter.get("parameter_name") for parameter in given
    }:
        raise RefusedError(132012, f"body: missing parameter names {sorted(missing)}")


def _text(given: Json) -> str:
    kind = given.get("type")
    if kind not in TEXTUAL:
        raise RefusedError(132012, f"body: Format mismatch, expected TEXT, received {kind}")
    text = given.get("text") if kind == "text" else given.get(kind, {}).get("fallback_value")
    if not isinstance(text, str) or not text:
        raise RefusedError(131008, "Parameter of type text is missing text value")
    if UNFIT.search(text):
        raise RefusedError(
            132018,
            "Param text cannot have new-line/tab characters or more than 4 consecutive spaces",
        )
    return text


def _check_buttons(template: Template, given: list[Json]) -> None:
    present = {
        str(component.get("index")): component
        for component in given
        if str(component.get("type")).lower() == "button"
    }
    for place, button in enumerate(template.buttons()):
        needs = button["type"] == "URL" and HOLE.search(button.get("url", ""))
        if needs and not present.get(str(place), {}).get("parameters"):
            raise RefusedError(
                131008, f"buttons: Button at index {place} of type Url requires a parameter"
            )
    if beyond := [place for place in present if not _is_place(place, template)]:
        raise RefusedError(132000, f"buttons: there is no button at index {beyond[0]}")


def _is_place(index: str, template: Template) -> bool:
    return index.isdecimal() and int(index) < len(template.buttons())
