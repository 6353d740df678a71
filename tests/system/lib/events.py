# SPDX-License-Identifier: Apache-2.0
"""Follows a node's events (GET /v1/events) in a thread, so that a test can wait for one of them instead of for time.

Host only; the with-statement ends the thread. Each event is a dict as the node sent it in its data line.
"""
import json
import threading
import time


class Events:
    def __init__(self, node, since=None):
        self.seen, self.changed, self.ended = [], threading.Condition(), None
        self.socket = node.tls(limit_s=600)
        resume = "Last-Event-ID: %d\r\n" % since if since is not None else ""
        self.socket.sendall(("GET /v1/events HTTP/1.1\r\nHost: node\r\nAccept: text/event-stream\r\n%s\r\n" % resume).encode())
        self.file = self.socket.makefile("rb")
        status = self.file.readline()
        assert b" 200 " in status, "GET /v1/events: %r" % status
        while self.file.readline() not in (b"\r\n", b""):
            pass
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        """Chunks of any size carry the lines; only whole lines count."""
        rest = b""
        try:
            while True:
                size = int(self.file.readline().split(b";")[0], 16)
                chunk = self.file.read(size)
                self.file.readline()
                if not size:
                    break
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    if line.startswith(b"data:"):
                        self.add(json.loads(line[5:]))
        except (OSError, ValueError) as e:
            self.ended = str(e)
        with self.changed:
            self.ended = self.ended or "the stream ended"
            self.changed.notify_all()

    def add(self, event):
        with self.changed:
            self.seen.append(event)
            self.changed.notify_all()

    def wait(self, what, limit_s=600, start=0):
        """The first event at or after index start that has all members of the dict what; (event, index behind it)."""
        deadline = time.monotonic() + limit_s
        with self.changed:
            while True:
                for i in range(start, len(self.seen)):
                    if all(self.seen[i].get(k) == v for k, v in what.items()):
                        return self.seen[i], i + 1
                left = deadline - time.monotonic()
                assert left > 0 and not self.ended, "no event %s (%s); seen: %s" % (what, self.ended or "%d s" % limit_s, self.seen[start:][-20:])
                self.changed.wait(left)

    def state(self, name, state, limit_s=600, start=0):
        return self.wait({"type": "vm.state", "object": name, "state": state}, limit_s, start)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
