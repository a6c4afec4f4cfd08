"""The ASGI entry point: pages, static files and live streams in one process."""

import os
import threading
import warnings

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callcenter.settings")

# Static files are read by whitenoise in a thread; that they are small makes the warning moot.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
application = get_asgi_application()

from django.conf import settings  # noqa: E402

from callcenter.checks import refuse_unsafe_settings  # noqa: E402  (needs the settings)

refuse_unsafe_settings()


def _warm_up() -> None:
    """The first caller after a restart waits no longer than the others."""
    from knowledge.search import api

    api.warm_up()


if not settings.STREAM_ONLY:
    threading.Thread(target=_warm_up, name="search-warm-up", daemon=True).start()
