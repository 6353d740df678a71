# SPDX-License-Identifier: Apache-2.0
"""What a request over HTTPS costs a server, in instructions, by a client outside of the machine: TLS 1.3, certificates on both sides, P-256.

Host only. A cost is the difference of what the machine had done when it came to rest, before a batch and after it, for each of the batch;
the median of a few batches leaves out what else woke the machine.
"""
import http.client
import os
import ssl
import statistics
import subprocess

BATCHES, REQUESTS, HANDSHAKES = 5, 20, 5
PATH = "/v1/node"


def batch(rest, times, act):
    before = rest()
    for _ in range(times):
        act()
    return (rest() - before) / times


def costs(rest, context, port):
    """{metric: instructions}. rest: waits for the machine to rest, and says what it has done. The handshake's connection carries nothing; http.client and ssl resume no session."""
    def connect():
        c = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=context)
        c.connect()
        return c

    def get(kept):
        kept.request("GET", PATH)
        answer = kept.getresponse()
        body = answer.read()
        assert answer.status == 200, body[:200]
        return body

    def requests():
        kept = connect()  # anew for each batch: a server closes one that rests for long
        body = get(kept)
        cost = batch(rest, REQUESTS, lambda: get(kept))
        kept.close()
        return cost, len(body)
    measured = [requests() for _ in range(BATCHES)]
    handshake = statistics.median(batch(rest, HANDSHAKES, lambda: connect().close()) for _ in range(BATCHES))
    return {"https_get": statistics.median(cost for cost, _ in measured), "https_handshake": handshake, "https_body": measured[0][1]}


def openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


def make_certificates(folder):
    """ca.pem, server.pem, client.pem and their keys, of P-256, as a node has them."""
    os.makedirs(folder, exist_ok=True)
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650",
            "-subj", "/CN=bench", "-addext", "basicConstraints=critical,CA:true", "-addext", "keyUsage=critical,keyCertSign")
    for name in ("server", "client"):
        with open(os.path.join(folder, "ext"), "w", encoding="ascii") as f:
            f.write("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=%sAuth\n" % name)
        openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name)
        openssl(folder, "x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650", "-extfile", "ext",
                "-out", name + ".pem")


def client_context(folder):
    context = ssl.create_default_context(cafile=os.path.join(folder, "ca.pem"))
    context.load_cert_chain(os.path.join(folder, "client.pem"), os.path.join(folder, "client.key"))
    return context
