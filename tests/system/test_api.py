#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The API from outside, by curl, openssl and hand-made bytes: who gets in, what is refused and how, and that no client, however slow,
large or many, keeps the node from answering others. One boot; the node's CA is ours, so that certificates it would not issue can be tried."""
import hashlib
import json
import os
import re
import select
import socket
import ssl
import subprocess
import sys
import tempfile

from lib.console import needs_debian_modules
needs_debian_modules()
from lib.authority import DAY, Authority, ExtendedKeyUsageOID  # noqa: E402
from lib.node import Node, Tap, run_checks  # noqa: E402
from lib.tiny import halt_guest  # noqa: E402

CA = Authority("Test node CA")
MIB = 1 << 20
PROBLEM = "application/problem+json"


def curl(node, path, *args, cert=True, scheme="https", stdin=b""):
    """(curl's exit code, HTTP status or 0, headers and body as text). Only the node's CA is trusted."""
    own = ["--cert", node.profile + "/client.pem", "--key", node.profile + "/client.key"] if cert else []
    done = subprocess.run(["curl", "-sS", "-i", "--max-time", "100", "--cacert", node.profile + "/ca.pem", "-w", "\n%{http_code}", *own, *args,
                           "%s://127.0.0.1:%d%s" % (scheme, node.port, path)], input=stdin, capture_output=True, check=False)
    text, _, status = done.stdout.decode("utf-8", "replace").rpartition("\n")
    return done.returncode, int(status or 0), text + done.stderr.decode("utf-8", "replace")


def wants(node, status, path, *args, says="", **more):
    code, got, text = curl(node, path, *args, **more)
    assert got == status, "%s %s: expected %d, got %d (curl %d)\n%s" % (path, args, status, got, code, text[-600:])
    assert re.search(says, text, re.I | re.M), "%s: no %r in\n%s" % (path, says, text[-600:])
    if status >= 400:
        assert PROBLEM in text and '"status":%d' % status in text and "urn:caisson:problem:" in text, text[-600:]
    return text


def post_json(node, path, status, body, says=""):
    return wants(node, status, path, "-H", "Content-Type: application/json", "--data-binary", "@-", says=says, stdin=body)


# ---- who gets in

def no_certificate(node):
    """Without a client certificate: health answers, everything else is 401"""
    assert '"status":"ok"' in wants(node, 200, "/v1/health", cert=False).replace(" ", "")
    for path in ("/v1/node", "/v1/vms", "/v1/vms/x/console", "/v1/images", "/v1/events", "/metrics", "/v1/openapi.json"):
        wants(node, 401, path, cert=False, says="unauthorized")
    for args in (("-X", "POST", "/v1/node/poweroff"), ("-X", "DELETE", "/v1/images/halt"), ("-T", node.profile + "/ca.pem", "/v1/images/new")):
        wants(node, 401, args[-1], *args[:-1], cert=False)
    wants(node, 200, "/v1/node")
    assert [i["name"] for i in node.get("/v1/images")["items"]] == ["halt"]


def refused_in_handshake(node, pem, key, alert):
    for version in ("1.2", "1.3"):
        code, status, text = curl(node, "/v1/health", "--cert", pem, "--key", key, "--tls-max", version, cert=False)
        assert status == 0 and code in (35, 56, 58, 60), "TLS %s: curl %d, status %d\n%s" % (version, code, status, text)
        text = s_client(node, "-tls1_2" if version == "1.2" else "-tls1_3", "-cert", pem, "-key", key, "-ign_eof")
        assert re.search("alert " + alert, text), "TLS %s: no alert %s in %s" % (version, alert, text[-800:])


def wrong_certificates(node):
    """A certificate of a foreign CA, expired, not yet valid, or a server's: the handshake fails with an alert that says why"""
    with tempfile.TemporaryDirectory() as folder:
        code, status, text = curl(node, "/v1/node", *(a for pair in zip(("--cert", "--key"), CA.client(folder, "good")) for a in pair), cert=False)
        assert status == 200, "a good certificate of the same making: curl %d, status %d\n%s" % (code, status, text)
        for authority in (Authority("Foreign CA"), Authority("Test node CA")):  # the second has the right name, not the right key
            refused_in_handshake(node, *authority.client(folder, "foreign"), "unknown ca")
        refused_in_handshake(node, *CA.client(folder, "expired", -30 * DAY, -DAY), "certificate expired")
        refused_in_handshake(node, *CA.client(folder, "future", 10 * DAY, 30 * DAY), "bad certificate")
        refused_in_handshake(node, *CA.client(folder, "server", purpose=ExtendedKeyUsageOID.SERVER_AUTH), "unsupported certificate")
    wants(node, 200, "/v1/node")


def s_client(node, *args):
    """What openssl says about a handshake."""
    done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % node.port, "-CAfile", node.profile + "/ca.pem", *args],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=100, check=False)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def tls_versions(node):
    """TLS 1.1 and 1.0 are refused; 1.2 and 1.3 verify against the node's CA"""
    for version in ("-tls1", "-tls1_1"):
        text = s_client(node, version, "-cipher", "ALL:@SECLEVEL=0")
        assert re.search(r"alert (protocol version|handshake failure)", text), text[-800:]
        assert "Cipher is (NONE)" in text, text[-800:]
    for version, ciphers in (("-tls1_2", ["-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]), ("-tls1_2", ["-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"]),
                             ("-tls1_3", ["-ciphersuites", "TLS_AES_128_GCM_SHA256"]), ("-tls1_3", ["-ciphersuites", "TLS_AES_256_GCM_SHA384"])):
        text = s_client(node, version, *ciphers, "-verify_return_error", "-verify_ip", "127.0.0.1")
        assert "Verify return code: 0 (ok)" in text and "Cipher is (NONE)" not in text, text[-1500:]


def weak_ciphers(node):
    """Ciphers without forward secrecy or without AEAD are refused"""
    for cipher in ("AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "DHE-RSA-AES128-GCM-SHA256", "aNULL"):
        text = s_client(node, "-tls1_2", "-cipher", cipher + ":@SECLEVEL=0")
        assert "Cipher is (NONE)" in text, "%s was accepted:\n%s" % (cipher, text[-800:])


def plain_http(node):
    """Plain HTTP gets no HTTP answer, and rubbish neither"""
    code, status, text = curl(node, "/v1/health", cert=False, scheme="http")
    assert status == 0 and code, text
    for rubbish in (b"\0" * 600, os.urandom(600), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"a" * 20000):
        with socket.create_connection(("127.0.0.1", node.port), 60) as s:
            try:
                s.sendall(rubbish)
                s.shutdown(socket.SHUT_WR)
                answer = s.recv(65536)
            except ConnectionError:
                answer = b""
            assert not answer.startswith(b"HTTP"), answer
    wants(node, 200, "/v1/health", cert=False)


# ---- requests

def routes(node):
    """Unknown paths are 404, known ones with the wrong method 405 with Allow"""
    for path in ("/", "/v1", "/v1/", "/v1/vms/", "/v1/nothing", "/v1/vms/x/y", "/v1/vms/nobody", "/v1/images/none", "/favicon.ico"):
        wants(node, 404, path, says="not-found")
    wants(node, 405, "/v1/node", "-X", "DELETE", says=r"^Allow: GET, HEAD\r?$")
    wants(node, 405, "/v1/vms", "-X", "PATCH", says=r"^Allow: GET, HEAD, POST\r?$")
    wants(node, 405, "/v1/node/reboot", "-X", "GET", says=r"^Allow: POST\r?$")
    for path in ("/v1/vms/../node", "/v1//node", "/v1/%2e%2e/v1/node", "/v1/node%00"):
        code, status, text = curl(node, path, "--path-as-is")
        assert status in (400, 404) or (status == 200 and '"uptime_ms"' in text), "%s: curl %d, status %d" % (path, code, status)


def bodies(node):
    """Bad JSON, unknown and misfitting members, the wrong media type, too much: each is refused by name"""
    good = b'{"name":"a","kernel":"halt","memory_mib":16'
    for body, says in ((b"{", "no JSON"), (b"", "JSON|body"), (b"[]", "object"), (b"nul", "JSON"), (b"\xff\xfe", "JSON"), (b"[" * 60000, "JSON|object"),
                       (good + b',"memry":1}', "memry"), (good + b',"vcpus":"2"}', "vcpus"), (good + b',"vcpus":0}', "vcpus"),
                       (good + b',"vcpus":65}', "vcpus"), (good + b',"vcpus":1e3}', "vcpus"), (good + b',"vcpus":-1}', "vcpus"),
                       (good + b',"name":"b"}', "name"), (b'{"name":"a"}', "kernel"), (b'{"name":"A b","kernel":"halt"}', "name"),
                       (b'{"name":"a","kernel":"halt","memory_mib":1}', "memory_mib"), (good + b',"cmdline":"a\\u0000b"}', "cmdline"),
                       (good + b',"autostart":1}', "autostart")):
        post_json(node, "/v1/vms", 400, body, says)
    post_json(node, "/v1/vms", 413, b'{"name":"' + b"a" * (64 * 1024 - 9) + b'"')
    wants(node, 415, "/v1/vms", "-d", "name=a", says="application/json")
    code, status, text = curl(node, "/v1/vms", "-H", "Content-Type: application/json", "-d", '{"name":"a","kernel":"none"}')
    assert status in (400, 404, 409) and "none" in text, "curl %d, %s" % (code, text[-500:])
    code, status, text = curl(node, "/v1/vms", "-H", "Content-Type: application/json", "-d", '{"name":"a","kernel":"halt","memory_mib":1000000}')
    if status == 201:  # the reservation may be at start as well
        code, status, text = curl(node, "/v1/vms/a/start", "-X", "POST")
        node.delete("/v1/vms/a")
    assert status == 507, "curl %d, %s" % (code, text[-500:])
    assert node.get("/v1/vms") == {"items": []}


def head(node):
    """HEAD has the headers of GET and no body"""
    text = wants(node, 200, "/v1/node", "-I", says="content-type: application/json")
    assert "uptime_ms" not in text and re.search(r"content-length: [1-9]", text, re.I), text
    with node.tls() as s:
        s.sendall(b"HEAD /v1/health HTTP/1.1\r\nHost: n\r\n\r\n")
        first = read_head(s)
        s.sendall(b"GET /v1/health HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n")
        rest = read_all(s)
    assert first.startswith(b"HTTP/1.1 200") and rest.startswith(b"HTTP/1.1 200"), (first, rest)


def read_head(s):
    data = b""
    while b"\r\n\r\n" not in data:
        more = s.recv(65536)
        assert more, "closed in a header: %r" % data
        data += more
    return data


def read_all(s):
    """Everything until the node closes."""
    data = b""
    try:
        while True:
            more = s.recv(65536)
            if not more:
                return data
            data += more
    except (ssl.SSLEOFError, ConnectionError):
        return data


def ask(node, request):
    with node.tls() as s:
        s.sendall(request)
        return read_all(s)


def pipelining(node):
    """A second request sent before the first is answered: one whole answer, then the connection ends, or a second whole answer"""
    answer = ask(node, b"GET /v1/health HTTP/1.1\r\nHost: n\r\n\r\n" + b"GET /v1/health HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n")
    parts = answer.split(b"HTTP/1.1 ")
    assert parts[0] == b"" and len(parts) in (2, 3) and all(p.startswith(b"200") and b'"ok"' in p for p in parts[1:]), answer
    if len(parts) == 2:
        assert re.search(rb"connection: close", parts[1], re.I), answer


def malformed(node):
    """Malformed and ambiguous requests are 400, and the connection ends"""
    begin = b"POST /v1/vms HTTP/1.1\r\nHost: n\r\nContent-Type: application/json\r\n"
    for request in (b"GET /v1/health\r\n\r\n", b"GET /v1/health HTTP/1.1\r\n\r\n", b"GET  /v1/health HTTP/1.1\r\nHost: n\r\n\r\n",
                    b"GET /v1/health HTTP/1.1\r\nHost: n\r\n folded: x\r\n\r\n", b"GET /v1/health HTTP/1.1\r\nHost: n\r\nA b: c\r\n\r\n",
                    begin + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", begin + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                    begin + b"Content-Length: -1\r\n\r\n", begin + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
                    begin + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}"):
        answer = ask(node, request)
        assert answer.startswith(b"HTTP/1.1 400"), "%r: %r" % (request, answer[:200])
        assert answer.count(b"HTTP/1.1 ") == 1, answer
    answer = ask(node, b"GET /v1/health HTTP/2.5\r\nHost: n\r\n\r\n")
    assert re.match(rb"HTTP/1.1 (505|400)", answer), answer[:100]


def large_header(node):
    """A header of 1 MiB is 431, and the answer arrives"""
    filler = ["X-Filler-%d: %s" % (i, "a" * 8000) for i in range(132)]
    with tempfile.NamedTemporaryFile("w") as f:
        f.write("\n".join(filler[:120]))  # curl itself refuses to send a whole MiB
        f.flush()
        wants(node, 431, "/v1/health", "-H", "@" + f.name)
    request = "\r\n".join(["GET /v1/health HTTP/1.1", "Host: n", *filler, "", ""]).encode()
    assert len(request) > 1 << 20
    answer = ask(node, request)
    assert answer.startswith(b"HTTP/1.1 431"), answer[:200]
    wants(node, 200, "/v1/health")


# ---- images

def upload(node, name, data, sha, *args):
    return curl(node, "/v1/images/%s?sha256=%s" % (name, sha), "-T", "-", "-H", "Expect:", *args, stdin=data)


def memory_back(node, before, what):
    """Free memory is what it was, but for what the heap keeps of closed connections: small beside any image."""
    while node.metrics()["caisson_http_connections_active"] > 1:  # until the node has seen the clients go
        pass
    lost = before - node.free_kib()
    assert lost < 512, "%d KiB did not come back after %s" % (lost, what)


def images(node):
    """An 8 MiB initrd with a wrong hash is 422 and nothing is kept; with the right one it is there, once; then its memory comes back"""
    data = os.urandom(8 * MIB)
    good, wrong = hashlib.sha256(data).hexdigest(), hashlib.sha256(b"other").hexdigest()
    before = node.free_kib()
    for _ in range(3):
        code, status, text = upload(node, "initrd", data, wrong)
        assert status == 422 and "digest-mismatch" in text, "curl %d, %s" % (code, text[-500:])
    assert [i["name"] for i in node.get("/v1/images")["items"]] == ["halt"]
    memory_back(node, before, "refused uploads")
    length = ["-H", "Content-Length: %d" % len(data), "-H", "Transfer-Encoding:"]
    code, status, text = upload(node, "initrd", data, good, *length)
    assert status == 201 and good in text and '"size_bytes":%d' % len(data) in text, "curl %d, %s" % (code, text[-500:])
    assert node.get("/v1/images/initrd") == {"name": "initrd", "size_bytes": len(data), "sha256": good, "in_use": False}
    assert upload(node, "initrd", data, good)[1] == 409
    wants(node, 400, "/v1/images/sp%20ace", "-T", "-", stdin=b"x")
    wants(node, 400, "/v1/images/short?sha256=abcd", "-T", "-", says="sha256", stdin=b"x")
    node.delete("/v1/images/initrd")
    memory_back(node, before, "removing the image")


def broken_upload(node):
    """An upload that breaks off leaves nothing behind"""
    before = node.free_kib()
    with node.tls() as s:
        s.sendall(b"PUT /v1/images/half HTTP/1.1\r\nHost: n\r\nContent-Length: 4194304\r\n\r\n" + bytes(2 * MIB))
    memory_back(node, before, "half an upload")
    wants(node, 404, "/v1/images/half")


def openapi(node):
    """The OpenAPI document is there and names what was used here"""
    doc = node.get("/v1/openapi.json")
    assert doc["openapi"].startswith("3.1"), doc["openapi"]
    assert {"/v1/node", "/v1/vms/{name}/console", "/v1/images/{name}", "/metrics"} <= set(doc["paths"])


# ---- slow, silent and many

def slow_clients(node):
    """A client that dribbles its header, one with half a body, one that is silent: others are served, and each of them is let go"""
    with node.tls() as header, node.tls() as body, socket.create_connection(("127.0.0.1", node.port), 100) as silent:
        body.sendall(b"POST /v1/vms HTTP/1.1\r\nHost: n\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"name\"")
        header.sendall(b"GET /v1/health HTTP/1.1\r\nHost: n\r\nX-Slow: ")
        for _ in range(20):
            header.sendall(b"a")
            node.get("/v1/node")
        answer = b""
        while not answer:  # the pace of a slowloris; the node's limit ends it
            if select.select([header], [], [], 0.5)[0]:
                answer = read_all(header) or b"closed"
                break
            try:
                header.sendall(b"a")
            except OSError:
                answer = read_all(header) or b"closed"
        assert answer == b"closed" or answer.startswith(b"HTTP/1.1 408"), answer[:200]
        answer = read_all(body)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408"), answer[:200]
        try:
            assert silent.recv(100) == b""
        except ConnectionError:
            pass
    wants(node, 200, "/v1/node")


def many_idle(node):
    """100 idle connections, and 40 that never begin a handshake: the API still answers, and their memory comes back"""
    before = node.free_kib()
    idle, silent = [], []
    try:
        for _ in range(100):
            s = node.tls(client=False)
            s.sendall(b"GET /v1/health HTTP/1.1\r\nHost: n\r\n\r\n")
            assert read_head(s).startswith(b"HTTP/1.1 200")
            idle.append(s)
        node.get("/v1/node")
        for _ in range(40):
            silent.append(socket.create_connection(("127.0.0.1", node.port), 60))
        for _ in range(5):
            wants(node, 200, "/v1/node")
        node.get("/v1/node")
    finally:
        for s in idle + silent:
            s.close()
    memory_back(node, before, "140 connections")


def wrong_codes(node):
    """Wrong pairing codes: counted, throttled with Retry-After, and the fifth burns the code"""
    body = {"code": "0000-0000", "csr": "x", "name": "thief"}
    left, throttled = [], 0
    while len(left) < 5:
        a = node.request("POST", "/v1/pair", body, client=False)
        assert a.status in (403, 429), str(a)
        if a.status == 429:
            throttled += 1
            assert int(a.headers["retry-after"]) == 1, a.headers
            select.select([], [], [], 0.2)  # the node says: one try a second
        else:
            left.append(a.json()["detail"])
    assert throttled, "five tries within a second were all taken"
    for n, text in zip((4, 3, 2, 1), left):
        assert "%d of 5" % n in text, left
    assert "burnt" in left[4], left
    a = node.request("POST", "/v1/pair", dict(body, code=node.code), client=False)
    assert a.status == 429 and int(a.headers["retry-after"]) > 500, str(a)
    node.wait_line("code is burnt")
    node.get("/v1/node")


CHECKS = [no_certificate, wrong_certificates, tls_versions, weak_ciphers, plain_http, routes, bodies, head, pipelining, malformed, large_header,
          images, broken_upload, openapi, slow_clients, many_idle, wrong_codes]


def main():
    tap = Tap()
    wanted = [c for c in CHECKS if len(sys.argv) < 2 or c.__name__ in sys.argv[1:]]
    files = {"halt": halt_guest(), "ca.pem": CA.cert_pem(), "ca.key": CA.key_pem()}
    try:
        with Node(files=files, cpus=2, memory_mib=1024) as node:
            tap.eq(node.fingerprint, CA.fingerprint(), "the node takes its CA from caisson/ca.pem and ca.key")
            run_checks(tap, node, wanted)
    except Exception as e:  # the boot itself
        tap.ok(False, "a node with its CA on the volume comes up and can be paired", json.dumps(str(e)))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
