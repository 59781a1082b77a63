from rest_framework.routers import DefaultRouter

from communications.api.views import (
    ContactViewSet,
    MessageViewSet,
    SuppressionViewSet,
    TemplateViewSet,
)

router = DefaultRouter()
router.include_root_view = False
router.register("messages", MessageViewSet, "message")
router.register("contacts", ContactViewSet, "contact")
router.register("templates", TemplateViewSet, "template")
router.register("suppressions", SuppressionViewSet, "suppression")
urlpatterns = router.urls
