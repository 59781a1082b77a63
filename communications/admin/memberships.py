"""Which organization and role the admin's scope takes a login for."""

from django.http import HttpRequest

from communications.models import Membership
from wedsync_comms.lib.admin_kit import scope
from wedsync_comms.lib.admin_kit.roles import Role
from wedsync_comms.lib.admin_kit.scope import Scope


@scope.register_finder
def membership_scope(request: HttpRequest) -> Scope:
    is_platform = bool(request.user.is_active and request.user.is_superuser)
    membership = Membership.objects.of(request.user)
    if membership:
        return Scope(membership.organization, Role(membership.role), is_platform)
    return Scope(None, Role.OWNER if is_platform else None, is_platform)
