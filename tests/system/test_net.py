#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The node under clients that are many, slow, silent, greedy or dishonest: others are served meanwhile, and the offenders are
told why or let go. Then addresses: DHCP and SLAAC, a static one, and another network card."""
import re
import socket
import ssl
import sys
import threading
import time
import traceback

from lib.node import MachineError, Node, Tap, run_checks

HEALTH = b"GET /v1/health HTTP/1.1\r\nHost: node\r\n\r\n"
# How long a well-behaved client may wait at worst, s: far more than needed, far less than any of the node's own time limits.
PATIENCE = 5


def read_answer(s):
    """Status, header text and body of one response with Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = s.recv(65536)
        assert more, "the connection ended after %r" % data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
    while len(body) < length:
        more = s.recv(65536)
        assert more, "the body ended after %d of %d bytes" % (len(body), length)
        body += more
    return int(head.split()[1]), head.decode(), body


def ask(s, request=HEALTH):
    s.sendall(request)
    return read_answer(s)


def ended(s):
    try:
        return s.recv(1) == b""
    except (ConnectionError, ssl.SSLError):
        return True


def fresh(node):
    """A TLS connection without a client certificate."""
    return node.tls(client=False)


def served_quickly(node):
    start = time.monotonic()
    with fresh(node) as s:
        status = ask(s)[0]
    took = time.monotonic() - start
    assert status == 200 and took < PATIENCE, "status %d after %.1f s" % (status, took)


def keep_alive(node):
    """One connection serves many requests"""
    with fresh(node) as s:
        for _ in range(20):
            status, head, _ = ask(s)
            assert status == 200 and "close" not in head.lower(), head


def pipelining(node):
    """Pipelining is refused cleanly: the first request is answered, and the connection ends with that"""
    with fresh(node) as s:
        status, head, _ = ask(s, HEALTH + HEALTH)
        assert status == 200 and "\r\nConnection: close" in head, head
        assert ended(s)


def malformed(node):
    """What could be framed in two ways is refused: 400, a problem document, and the end"""
    for request in (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\nHost: a\n\n", b"GET / HTTP/1.1\r\nHost: a\r\n X: y\r\n\r\n",
                    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", b"GET /../x HTTP/1.1\r\nHost: a\r\n\r\n"):
        with fresh(node) as s:
            status, head, body = ask(s, request)
            assert status == 400 and "application/problem+json" in head and b"urn:caisson:problem:bad-request" in body, (request, head, body)
            assert ended(s), request


def large_header(node):
    """1 MiB of header: 431 after 16 KiB of it"""
    with fresh(node) as s:
        answer = []
        reader = threading.Thread(target=lambda: answer.append(read_answer(s)))
        reader.start()
        try:
            s.sendall(b"GET / HTTP/1.1\r\nHost: node\r\nX-Large: " + b"x" * (1 << 20))
        except (ConnectionError, ssl.SSLError):
            pass  # refused before all of it was sent
        reader.join(60)
        assert answer and answer[0][0] == 431, answer
    served_quickly(node)


def idle_connections(node):
    """100 idle connections, half of them without a word, leave room for another"""
    idle = []
    try:
        for number in range(100):
            idle.append(fresh(node) if number % 2 else socket.create_connection(("127.0.0.1", node.port), 60))
        served_quickly(node)
        assert ask(idle[-1])[0] == 200, "an idle connection is of no use any more"
        served_quickly(node)
    finally:
        for s in idle:
            s.close()


def too_many(node):
    """When all places are taken the oldest idle strangers go; newcomers are served, a client with a certificate stays"""
    idle = []
    with node.tls() as known:
        assert ask(known)[0] == 200
        try:
            for _ in range(160):
                idle.append(fresh(node))
                ask(idle[-1])
            assert ended(idle[0]), "the oldest connection is still there"
            assert ask(idle[-1])[0] == 200, "the newest connection is not served"
            assert ask(known)[0] == 200, "the known client was thrown out"
            served_quickly(node)
        finally:
            for s in idle:
                s.close()


def slowloris(node):
    """Sixty clients that send a header line now and then: others do not notice, and each is told 408 in the end"""
    slow = [fresh(node) for _ in range(60)]
    left = set(slow)
    try:
        for s in slow:
            s.sendall(b"GET / HTTP/1.1\r\nHost: node\r\n")
            s.settimeout(0.01)
        until = time.monotonic() + 120
        while left and time.monotonic() < until:
            served_quickly(node)
            for s in list(left):
                try:
                    s.sendall(b"X: y\r\n")
                    if re.match(rb"HTTP/1.1 408 ", s.recv(4096)):
                        left.discard(s)
                except (TimeoutError, ssl.SSLWantReadError):
                    pass
        assert not left, "%d slow clients are still there" % len(left)
    finally:
        for s in slow:
            s.close()


def slow_reader(node):
    """Clients that ask for much and read nothing hold up nobody"""
    lazy = []
    try:
        for _ in range(8):
            s = node.tls()
            s.sendall(b"GET /v1/openapi.json HTTP/1.1\r\nHost: node\r\n\r\n")
            lazy.append(s)
        for _ in range(5):
            served_quickly(node)
    finally:
        for s in lazy:
            s.close()


def vanishing(node):
    """Clients that vanish in the middle of a handshake, a header or a body leave nothing behind"""
    def active():
        return node.metrics()["caisson_http_connections_active"]
    for number in range(30):
        raw = socket.create_connection(("127.0.0.1", node.port), 60)
        if number % 3 == 0:
            raw.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        elif number % 3 == 1:
            raw = node.context(client=False).wrap_socket(raw, server_hostname="127.0.0.1")
            raw.sendall(b"GET / HTTP/1.1\r\nHo")
        else:
            raw = node.context().wrap_socket(raw, server_hostname="127.0.0.1")
            raw.sendall(b"PUT /v1/images/gone HTTP/1.1\r\nHost: node\r\nContent-Length: 100000\r\n\r\nxxx")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        raw.close()
    until = time.monotonic() + 60
    while active() > 2 and time.monotonic() < until:
        served_quickly(node)
    assert active() <= 2, "%d connections are still there" % active()
    assert not [i for i in node.get("/v1/images")["items"] if i["name"] == "gone"], "half an image was kept"


def addresses(node):
    """DHCP and IPv6 addresses, as the node tells them"""
    node.wait_line(r"net: addresses: .*\bfe80:.*\bfec0:")
    told = node.get("/v1/node")["addresses"]
    assert "10.0.2.15" in told and [a for a in told if a.startswith("fe80:")] and [a for a in told if a.startswith("fec0:")], told


def works(node):
    """It answers"""
    served_quickly(node)
    assert node.get("/v1/node")["addresses"][0] == "10.0.2.15"


def one_boot(tap, name, checks, **how):
    try:
        with Node(memory_mib=512, **how) as node:
            tap.ok(True, name)
            run_checks(tap, node, checks)
    except (MachineError, AssertionError, OSError):
        tap.ok(False, name, traceback.format_exc())


STATIC = 'network:\n  dhcp: false\n  address: "10.0.2.15/24"\n  gateway: "10.0.2.2"\n'


def main():
    tap = Tap()
    one_boot(tap, "by DHCP", [keep_alive, pipelining, malformed, large_header, idle_connections, too_many, slowloris, slow_reader,
                              vanishing, addresses])
    one_boot(tap, "with a static address", [works], config=STATIC)
    one_boot(tap, "with an e1000", [works], nic="e1000")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
