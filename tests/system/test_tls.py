#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS as openssl and curl see it: versions, suites, the chain, and client certificates that are good, foreign, expired, of the
future or meant for something else. The node runs with a CA that this test made, so that it can sign what the node never would."""
import hashlib
import os
import re
import ssl
import subprocess
import sys
import tempfile

from lib.node import program

FOLDER = tempfile.TemporaryDirectory(prefix="caisson-tls-")
FAR = ("20200101000000Z", "20400101000000Z")


def path(name):
    return os.path.join(FOLDER.name, name)


def openssl(*args, stdin=b""):
    return subprocess.run(["openssl", *args], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False).stdout.decode(
        "utf-8", "replace")


def make_ca(name, subject):
    openssl("req", "-x509", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path(name + ".key"), "-out",
            path(name + ".pem"), "-subj", "/CN=" + subject, "-days", "3650", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
            "keyUsage=critical,keyCertSign,cRLSign")


def make_client(name, ca, usage="clientAuth", dates=FAR):
    """name.pem and name.key, signed by ca with the given dates (openssl ca can set both)."""
    with open(path("ca.cnf"), "w", encoding="ascii") as f:
        f.write("[ca]\ndefault_ca=c\n[c]\ndatabase=%s\nnew_certs_dir=%s\nrand_serial=yes\ndefault_md=sha256\npolicy=p\nunique_subject=no\n"
                "[p]\ncommonName=supplied\n[x]\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\n" % (path("index"), FOLDER.name, usage))
    with open(path("index"), "w", encoding="ascii"):
        pass
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path(name + ".key"), "-out", path(name + ".csr"),
            "-subj", "/CN=" + name)
    said = openssl("ca", "-batch", "-config", path("ca.cnf"), "-extensions", "x", "-cert", path(ca + ".pem"), "-keyfile", path(ca + ".key"), "-in",
                   path(name + ".csr"), "-out", path(name + ".pem"), "-notext", "-startdate", dates[0], "-enddate", dates[1])
    assert os.path.getsize(path(name + ".pem")), said


def s_client(node, *args, stdin=b""):
    return openssl("s_client", "-connect", "127.0.0.1:%d" % node.port, "-CAfile", path("ca.pem"), *args, stdin=stdin)


def curl(node, *args, where="/v1/health"):
    """Exit code, what it printed, and the HTTP status at the end."""
    done = subprocess.run(["curl", "-sS", "--max-time", "60", "--cacert", path("ca.pem"), "-w", "\n%{http_code}", *args, node.url + where],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def given_ca(node):
    """The CA that lay beside the configuration is the node's, and the fingerprint is its"""
    with open(path("ca.pem"), encoding="ascii") as f:
        der = ssl.PEM_cert_to_DER_cert(f.read())
    want = "SHA256:" + hashlib.sha256(der).hexdigest()
    assert node.fingerprint == want, "%s, expected %s" % (node.fingerprint, want)


def versions(node):
    """TLS 1.3 and 1.2 are spoken, with a chain that verifies"""
    for option, version in (("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")):
        said = s_client(node, option)
        assert "New, %s, Cipher is " % version in said and "Verify return code: 0 (ok)" in said, said


def old_versions(node):
    """TLS 1.1 and 1.0 are refused with an alert that says so"""
    for option in ("-tls1_1", "-tls1"):
        said = s_client(node, option, "-cipher", "ALL:@SECLEVEL=0")
        assert "alert protocol version" in said and "Cipher is (NONE)" in said, said


def old_suites(node):
    """In TLS 1.2 nothing without ECDHE and AEAD is taken"""
    for suite in ("AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "DHE-RSA-AES256-GCM-SHA384", "NULL", "aNULL"):
        said = s_client(node, "-tls1_2", "-cipher", suite + ":@SECLEVEL=0")
        assert "Cipher is (NONE)" in said, suite + "\n" + said
    for suite in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"):
        said = s_client(node, "-tls1_2", "-cipher", suite)
        assert "Cipher is " + suite in said, said


def new_suites(node):
    """In TLS 1.3 every suite and every group that the node names is spoken, in an exchange of whole answers"""
    ask = b"GET /v1/health HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n"
    for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"):
        for group in ("X25519", "P-256", "P-384"):
            said = s_client(node, "-tls1_3", "-ciphersuites", suite, "-groups", group, "-ign_eof", stdin=ask)
            assert "Cipher is " + suite in said and "Verify return code: 0 (ok)" in said and "HTTP/1.1 200" in said, group + "\n" + said


def chain(node):
    """The server shows its certificate and the CA, for its name and addresses, for servers alone"""
    said = s_client(node, "-showcerts")
    certs = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", said, re.S)
    assert len(certs) == 2, "%d certificates" % len(certs)
    text = openssl("x509", "-noout", "-text", stdin=certs[0].encode())
    for want in ("DNS:tls-test", "IP Address:127.0.0.1", "IP Address:10.0.2.15", "TLS Web Server Authentication", "CA:FALSE", "P-256"):
        assert want in text, want + " is missing\n" + text
    assert "TLS Web Client Authentication" not in text, text


def no_certificate(node):
    """Without a certificate: health, and nothing else"""
    code, said = curl(node)
    assert code == 0 and said.split() == ['{"status":"ok"}', "200"], said
    code, said = curl(node, where="/v1/node")
    assert code == 0 and said.endswith("\n401") and "unauthorized" in said, said


def good_certificate(node):
    """A certificate of the node's CA is let in, by both versions"""
    for option in (["--tlsv1.3"], ["--tls-max", "1.2"]):
        code, said = curl(node, *option, "--cert", path("good.pem"), "--key", path("good.key"), where="/v1/node")
        assert code == 0 and said.endswith("\n200"), said


def bad_certificate(node, name, alert):
    for option in (["--tlsv1.3"], ["--tls-max", "1.2"]):
        code, said = curl(node, "-v", *option, "--cert", path(name + ".pem"), "--key", path(name + ".key"), where="/v1/health")
        assert code and said.endswith("\n000") and re.search(r"\(IN\), TLS alert, " + alert, said, re.I), "%s %s: %s" % (name, option, said)


def foreign(node):
    """A certificate of another CA is refused with unknown_ca, even for health"""
    bad_certificate(node, "foreign", "unknown ca")


def namesake(node):
    """So is one of another CA with the same name"""
    bad_certificate(node, "namesake", "unknown ca")


def expired(node):
    """An expired one with certificate_expired"""
    bad_certificate(node, "expired", "certificate expired")


def not_yet(node):
    """One of the future with bad_certificate"""
    bad_certificate(node, "future", "bad certificate")


def other_use(node):
    """One that is meant for servers with unsupported_certificate"""
    bad_certificate(node, "server", "unsupported certificate")


def plain(node):
    """Plain HTTP gets no answer"""
    done = subprocess.run(["curl", "-sS", "--max-time", "60", node.url.replace("https", "http") + "/v1/health"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode and b"HTTP" not in done.stdout.replace(b"HTTP/0.9", b""), done.stdout


def counted(node):
    """The node still answers a good client afterwards"""
    good_certificate(node)


def prepare():
    make_ca("ca", "test CA")
    make_ca("other", "another CA")
    make_ca("twin", "test CA")
    make_client("good", "ca")
    make_client("foreign", "other")
    make_client("namesake", "twin")
    make_client("expired", "ca", dates=("20200101000000Z", "20210101000000Z"))
    make_client("future", "ca", dates=("20380101000000Z", "20390101000000Z"))
    make_client("server", "ca", usage="serverAuth")


if __name__ == "__main__":
    prepare()
    sys.exit(program([given_ca, versions, old_versions, old_suites, new_suites, chain, no_certificate, good_certificate, foreign, namesake, expired,
                      not_yet, other_use, plain, counted],
                     config="node:\n  name: tls-test\n", files={"ca.pem": path("ca.pem"), "ca.key": path("ca.key")}, pair=False, memory_mib=512))
