"""Members only, and viewers only look."""

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from communications.models import Membership

if TYPE_CHECKING:
    from rest_framework.views import APIView


class IsMember(BasePermission):
    message = (
        "This login belongs to no organization, or may only look: ask an owner of the "
        "organization to change its role."
    )

    def has_permission(self, request: Request, view: "APIView") -> bool:  # noqa: ARG002
        found = Membership.objects.of(request.user)
        request.membership = found  # type: ignore[attr-defined] # read by the views and serializers
        if found is None:
            return False
        return request.method in SAFE_METHODS or found.may_write
