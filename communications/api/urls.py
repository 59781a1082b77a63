from rest_framework.routers import DefaultRouter

from communications.api.views import Contacts, Messages, Suppressions, Templates

router = DefaultRouter()
router.include_root_view = False
router.register("messages", Messages, "message")
router.register("contacts", Contacts, "contact")
router.register("templates", Templates, "template")
router.register("suppressions", Suppressions, "suppression")
urlpatterns = router.urls
