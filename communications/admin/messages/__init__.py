"""Messages: found, composed, looked at, tried again."""

from communications.admin.messages import messages

__all__ = ["messages"]
