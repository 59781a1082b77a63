"""Pages for people who have no login: the way out of bulk e-mail."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from communications.policy import unsubscribe

TEMPLATE = "communications/unsubscribe.html"


# The mail program that posts for its user has no cookie of ours; the signed link is the proof.
@csrf_exempt
@require_http_methods(["GET", "POST"])
def unsubscribe_page(request: HttpRequest, token: str) -> HttpResponse:
    """Shows what a link is about; only a POST unsubscribes, as mail scanners follow links."""
    try:
        if request.method == "POST":
            message = unsubscribe.unsubscribe_by_link(token)
        else:
            message = unsubscribe.message_of_link(token)
    except unsubscribe.InvalidLink:
        return render(request, TEMPLATE, {"invalid": True}, status=HTTPStatus.NOT_FOUND)
    context = {"message": message, "done": request.method == "POST"}
    return render(request, TEMPLATE, context)
