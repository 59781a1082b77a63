from rest_framework.routers import SimpleRouter

from calendars.api.views import AppointmentViewSet, AvailabilityViewSet, CalendarAccountViewSet

router = SimpleRouter()
router.register("appointments", AppointmentViewSet, "appointment")
router.register("calendar-accounts", CalendarAccountViewSet, "calendar-account")
router.register("availability", AvailabilityViewSet, "availability")
urlpatterns = router.urls
