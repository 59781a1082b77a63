"""Who may do what about it: their own messages are an organization's, providers are everybody's."""

from communications.admin.scope import ACTING, Scope
from communications.models import Organization, Role


def may_act(scope: Scope) -> bool:
    """On what belongs to them: messages, deliveries, incidents."""
    return scope.role in ACTING


def may_steer(scope: Scope) -> bool:
    """A provider carries everybody's messages. Where there is only one organization, that is the
    organization's own business, so its owner may do it as well."""
    if scope.is_platform:
        return True
    return scope.role == Role.OWNER and Organization.objects.count() == 1
