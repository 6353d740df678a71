# SPDX-License-Identifier: Apache-2.0
"""A guest's console by a real WebSocket client (python3-websockets), to type into and to wait on.

Host only. The client runs in a thread's event loop; text messages are kept apart from the console's bytes.
"""
import asyncio
import json
import os
import re
import sys
import threading
import time

DEBIAN_PYTHON = "/usr/bin/python3"


def needs_debian_modules():
    """The modules come as Debian packages: when another Python came first on the path, go on under Debian's."""
    try:
        import cryptography  # noqa: F401
        import websockets  # noqa: F401
    except ImportError:
        if os.path.realpath(sys.executable) != os.path.realpath(DEBIAN_PYTHON) and os.path.exists(DEBIAN_PYTHON):
            os.execv(DEBIAN_PYTHON, [DEBIAN_PYTHON, *sys.argv])
        raise


class Console:
    def __init__(self, node, vm, mode="rw"):
        import websockets
        self.text, self.messages, self.closed, self.at = "", [], None, 0
        self.changed, self.loop = threading.Condition(), asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

        async def connect():
            return await websockets.connect("wss://127.0.0.1:%d/v1/vms/%s/console?mode=%s" % (node.port, vm, mode), ssl=node.context(),
                                            server_hostname="127.0.0.1", open_timeout=300, ping_interval=None, close_timeout=10)
        self.ws = self.run(connect())
        asyncio.run_coroutine_threadsafe(self.receive(), self.loop)

    def run(self, coroutine, limit_s=300):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(limit_s)

    async def receive(self):
        import websockets
        try:
            async for message in self.ws:
                with self.changed:
                    if isinstance(message, bytes):
                        self.text += message.decode("utf-8", "replace").replace("\r", "")
                    else:
                        self.messages.append(json.loads(message))
                    self.changed.notify_all()
        except websockets.ConnectionClosed:
            pass
        with self.changed:
            self.closed = self.ws.close_code or 1006
            self.changed.notify_all()

    def wait_for(self, found, what, limit_s):
        deadline = time.monotonic() + limit_s
        with self.changed:
            while True:
                got = found()
                if got:
                    return got
                left = deadline - time.monotonic()
                assert left > 0, "%s did not come within %d s; the console ends with:\n%s" % (what, limit_s, self.text[-1500:])
                assert self.closed is None, "console closed (%s) before %s; it ends with:\n%s" % (self.closed, what, self.text[-1500:])
                self.changed.wait(left)

    def expect(self, pattern, limit_s=3000):
        """The match of pattern in what comes after the last match."""
        compiled = re.compile(pattern, re.M)
        match = self.wait_for(lambda: compiled.search(self.text, self.at), "%r" % pattern, limit_s)
        self.at = match.end()
        return match

    def message(self, what, limit_s=300):
        """A text message that has all members of what."""
        return self.wait_for(lambda: [m for m in self.messages if all(m.get(k) == v for k, v in what.items())], "message %s" % what, limit_s)[0]

    def wait_closed(self, limit_s=300):
        deadline = time.monotonic() + limit_s
        with self.changed:
            while self.closed is None:
                left = deadline - time.monotonic()
                assert left > 0, "the node did not close the console within %d s" % limit_s
                self.changed.wait(left)
        return self.closed

    def type(self, text):
        self.run(self.ws.send(text.encode()))

    def close(self):
        if self.loop.is_running():
            try:
                self.run(self.ws.close())
            finally:
                self.loop.call_soon_threadsafe(self.loop.stop)
                self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
