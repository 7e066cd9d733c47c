"""moto's server with something in front of it, and without what slows it down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

Front = Callable[[Any, dict[str, Any], Any], Iterable[bytes]]


class Server(ThreadedMotoServer):
    """Listens on a free port.

    Args:
        front: Answers a request, given moto's application, the request and WSGI's function.
    """

    def __init__(self, front: Front) -> None:
        super().__init__("127.0.0.1", 0, verbose=False)
        self._front = front

    def _server_entry(self) -> None:
        app = _Dispatcher(create_backend_app)

        def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            return self._front(app, environ, start_response)

        self._server = make_server(
            self._ip_address, self._port, serve, True, request_handler=_Handler
        )
        self._server_ready_event.set()
        self._server.serve_forever()


class _Dispatcher(DomainDispatcherApplication):
    """moto's, which would list its own folders at every request."""

    def __init__(self, create_app: Any) -> None:
        super().__init__(create_app)
        self._backends: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        if host not in self._backends:
            self._backends[host] = super().get_backend_for_host(host)
        return self._backends[host]


class _Handler(MotoRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing of each request; tests read the calls."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        """Read nothing more from a connection that was cut."""
        self.close_connection = True
