"""What staff sees of the system's health. Importing the pages registers them."""

from health.admin import dashboard, model_admins, sidebar

__all__ = ["dashboard", "model_admins", "sidebar"]
