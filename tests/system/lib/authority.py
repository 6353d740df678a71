# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for tests (python3-cryptography): a node can be given its files (caisson/ca.pem, ca.key), and certificates
that the node itself would never issue can be made of it. Host only."""
import datetime
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None, microsecond=0)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def usage(**on):
    fields = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign",
              "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{f: on.get(f, False) for f in fields})


class Authority:
    def __init__(self, common_name="Test CA"):
        self.key, self.subject = ec.generate_private_key(ec.SECP256R1()), name(common_name)
        self.cert = (x509.CertificateBuilder().subject_name(self.subject).issuer_name(self.subject).public_key(self.key.public_key())
                     .serial_number(x509.random_serial_number()).not_valid_before(now() - 365 * DAY).not_valid_after(now() + 365 * DAY)
                     .add_extension(x509.BasicConstraints(True, 0), True)
                     .add_extension(usage(key_cert_sign=True, crl_sign=True), True)
                     .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)
                     .sign(self.key, hashes.SHA256()))

    def cert_pem(self):
        return self.cert.public_bytes(serialization.Encoding.PEM)

    def key_pem(self):
        return key_pem(self.key)

    def fingerprint(self):
        return "SHA256:" + self.cert.fingerprint(hashes.SHA256()).hex()

    def client(self, folder, file, begins=-DAY, ends=30 * DAY, purpose=ExtendedKeyUsageOID.CLIENT_AUTH):
        """Writes file.pem and file.key to folder, a client certificate that is valid from now+begins to now+ends; their paths."""
        key = ec.generate_private_key(ec.SECP256R1())
        cert = (x509.CertificateBuilder().subject_name(name(file)).issuer_name(self.subject).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(now() + begins).not_valid_after(now() + ends)
                .add_extension(x509.BasicConstraints(False, None), True).add_extension(usage(digital_signature=True), True)
                .add_extension(x509.ExtendedKeyUsage([purpose]), False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
                .sign(self.key, hashes.SHA256()))
        paths = os.path.join(folder, file + ".pem"), os.path.join(folder, file + ".key")
        for path, data in zip(paths, (cert.public_bytes(serialization.Encoding.PEM), key_pem(key))):
            with open(path, "wb") as f:
                f.write(data)
        return paths
