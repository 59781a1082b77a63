"""How long an organization keeps what: the fields of its page."""

from typing import Any

from django import forms
from django.conf import settings

# What goes, and what stays.
EXPLAINED = {
    "text": "After so many days the words, files and pictures of a message are removed. Who was "
    "written to, when, by which channel, what became of it and a fingerprint that proves the "
    "text stay.",
    "message": "After so many days a message is removed as a whole, with its proof. Who may not be "
    "written to any more stays.",
    "attempt": "After so many days it is forgotten what each provider was asked and answered. "
    "Where the message stands stays.",
    "delivery": "After so many days what providers posted is removed. It holds what people wrote, "
    "so it never stays longer than texts do.",
    "event": "After so many days the timeline of a message is removed. Where it stands stays.",
}
KEEP_FIELDS = [f"keep_{kind}_days" for kind in EXPLAINED]


class KeepingForm(forms.ModelForm):  # type: ignore[type-arg]
    """Organizations may keep less than the installation does, and not more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind, explained in EXPLAINED.items():
            if field := self.fields.get(f"keep_{kind}_days"):
                field.help_text = f"{explained} {blank_means(kind)}"

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for kind in EXPLAINED:
            at_most, days = settings.RETENTION_DAYS[kind], cleaned.get(f"keep_{kind}_days")
            if at_most and days and days > at_most:
                self.add_error(
                    f"keep_{kind}_days",
                    f"This installation keeps them for {at_most} days at most: choose fewer, or "
                    "leave it blank.",
                )
        return cleaned


def blank_means(kind: str) -> str:
    days = settings.RETENTION_DAYS[kind]
    return f"Blank: {days} days, as on this installation." if days else "Blank: for ever."
