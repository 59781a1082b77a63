"""WebSockets, and in the small embedded setup HTTP as well."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wedsync_comms.settings")

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

# Sets Django up, which everything imported after it needs.
http = get_asgi_application()

from communications.live.websocket_auth import websockets  # noqa: E402
from wedsync_comms.loading import preload_code  # noqa: E402

preload_code()
application = ProtocolTypeRouter({"http": http, "websocket": websockets})
