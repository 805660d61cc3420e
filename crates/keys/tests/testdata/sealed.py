"""Cosign's encrypted key format by other people's code: hashlib.scrypt and libsodium (PyNaCl). See README.md.

sealed.py open PASSWORD FILE               prints the PKCS#8 key as PEM
sealed.py seal PASSWORD N LABEL FILE       prints the PKCS#8 PEM in FILE as an encrypted key
"""
import base64, hashlib, json, os, sys, textwrap
from nacl.secret import SecretBox


def pem(label, data):
    body = "\n".join(textwrap.wrap(base64.b64encode(data).decode(), 64))
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"


def unpem(path):
    lines = open(path).read().splitlines()
    return base64.b64decode("".join(line for line in lines if not line.startswith("-----")))


def key(password, salt, n, r, p):
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 << 20, dklen=32)


if sys.argv[1] == "open":
    box = json.loads(unpem(sys.argv[3]))
    kdf, params = box["kdf"], box["kdf"]["params"]
    secret = key(sys.argv[2], base64.b64decode(kdf["salt"]), params["N"], params["r"], params["p"])
    plain = SecretBox(secret).decrypt(base64.b64decode(box["ciphertext"]), base64.b64decode(box["cipher"]["nonce"]))
    sys.stdout.write(pem("PRIVATE KEY", plain))
else:
    password, n, label, path = sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
    salt, nonce = os.urandom(32), os.urandom(24)
    sealed = SecretBox(key(password, salt, n, 8, 1)).encrypt(unpem(path), nonce).ciphertext
    b64 = lambda data: base64.b64encode(data).decode()
    box = {
        "kdf": {"name": "scrypt", "params": {"N": n, "r": 8, "p": 1}, "salt": b64(salt)},
        "cipher": {"name": "nacl/secretbox", "nonce": b64(nonce)},
        "ciphertext": b64(sealed),
    }
    sys.stdout.write(pem(label, json.dumps(box, separators=(",", ":")).encode()))
