from rest_framework.routers import SimpleRouter

from calendars.api.views import Accounts, Appointments, Availability

router = SimpleRouter()
router.register("appointments", Appointments, "appointment")
router.register("calendar-accounts", Accounts, "calendar-account")
router.register("availability", Availability, "availability")
urlpatterns = router.urls
