"""Lists that stay fast when there are a million rows: nothing is counted to the end."""

from functools import cached_property
from typing import Any

from django.contrib.admin import ShowFacets
from django.core.paginator import Paginator
from django.http import HttpRequest
from unfold.views import ChangeList

LIMIT = 10_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts up to LIMIT, and offers no page beyond: whoever wants those rows filters."""

    template_name = "admin/communications/pagination.html"
    limit = LIMIT

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:LIMIT].count())

    @property
    def is_capped(self) -> bool:
        return self.count >= LIMIT


class CappedChangeList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.has_active_filters and not self.query:
            # Nothing is left out, so the heading needs no "show all".
            self.full_result_count = self.result_count


class CappedAdmin:
    """For a ModelAdmin."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    list_disable_select_all = True
    # They count every choice of every filter.
    show_facets = ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[ChangeList]:  # noqa: ARG002
        return CappedChangeList
