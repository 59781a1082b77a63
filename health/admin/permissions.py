"""Who may do what about it: their own messages are an organization's, providers are everybody's."""

from communications.models import Organization
from wedsync_comms.lib.admin_kit.roles import ACTING, Role
from wedsync_comms.lib.admin_kit.scope import Scope


def may_act(scope: Scope) -> bool:
    """On what belongs to them: messages, deliveries, incidents."""
    return scope.role in ACTING


def may_steer_providers(scope: Scope) -> bool:
    """A provider carries everybody's messages; where there is one organization, those of its
    owner."""
    return scope.is_platform or (scope.role == Role.OWNER and has_one_organization())


def visible_organization(scope: Scope) -> Organization | None:
    """Whose numbers are shown; None for all of them. Where there is only one organization, the
    platform's are its own, and who works there sees them."""
    organization: Organization | None = scope.organization
    return None if may_act(scope) and has_one_organization() else organization


def sees_all(scope: Scope) -> bool:
    return scope.role is not None and visible_organization(scope) is None


def has_one_organization() -> bool:
    return len(Organization.objects.order_by()[:2]) == 1
