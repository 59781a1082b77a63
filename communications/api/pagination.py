from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Pages that neither skip nor repeat rows while new ones arrive."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = ("-created_at", "-pk")
