"""STOP, START and HELP, which Twilio answers by itself.

https://help.twilio.com/articles/223134027
"""

STOP_WORDS = frozenset(
    {"STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"}
)
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})

REPLIES = {
    "STOP": "You have successfully been unsubscribed. You will not receive any more messages "
    "from this number. Reply START to resubscribe.",
    "START": "You have successfully been re-subscribed to messages from this number. "
    "Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
    "HELP": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}


def opt_out_keyword(body: str) -> str | None:
    """Returns ``STOP``, ``START``, ``HELP`` or None; the word has to stand alone."""
    word = body.strip().upper()
    if word in STOP_WORDS:
        return "STOP"
    if word in START_WORDS:
        return "START"
    return "HELP" if word in HELP_WORDS else None


class OptOuts:
    """Who wants nothing more, per sender: a number, or a Messaging Service with all of its."""

    KEPT = ("_out",)

    def __init__(self) -> None:
        self._out: set[tuple[str, str]] = set()

    def apply_keyword(self, word: str, scope: str, phone: str) -> bool:
        """Returns whether Twilio answers; a YES to a question of the product is not for it."""
        pair = (scope, phone)
        if word == "STOP":
            known = pair in self._out
            self._out.add(pair)
            return not known
        if word == "START":
            known = pair in self._out
            self._out.discard(pair)
            return known
        return pair not in self._out

    def is_out(self, scope: str, phone: str) -> bool:
        return (scope, phone) in self._out

    def of(self, phone: str) -> list[str]:
        return sorted(scope for scope, number in self._out if number == phone)

    def clear(self) -> None:
        self._out.clear()
