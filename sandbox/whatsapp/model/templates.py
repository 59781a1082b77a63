"""Message templates: what Meta has approved to be sent, and whether a request fits one.

https://developers.facebook.com/docs/whatsapp/business-management-api/message-templates
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.whatsapp.errors import RefusedError

from . import fitting

Json = dict[str, Any]

STATUSES = ("APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED", "IN_APPEAL")
CATEGORIES = ("MARKETING", "UTILITY", "AUTHENTICATION")
QUALITIES = ("GREEN", "YELLOW", "RED", "UNKNOWN")

MAX_TEXT = 1024


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
        return fitting.HOLE.findall(self.component(kind).get("text", ""))

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
        components = wanted.get("components", [])
        given = {str(component.get("type", "")).upper(): component for component in components}
        fitting.check_header(template, given.get("HEADER", {}).get("parameters", []))
        filled = fitting.fill_text(template, "BODY", given.get("BODY", {}).get("parameters", []))
        if len(filled) > MAX_TEXT:
            raise RefusedError(132005, f"body: text has more than {MAX_TEXT} characters")
        fitting.check_carousel(template, given.get("CAROUSEL", {}))
        fitting.check_buttons(template, components)
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
