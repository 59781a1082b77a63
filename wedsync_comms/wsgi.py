"""HTTP in production: `granian --interface wsgi wedsync_comms.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wedsync_comms.settings")
application = get_wsgi_application()

# Needs Django to be set up.
from wedsync_comms.loading import preload_code  # noqa: E402

preload_code()
