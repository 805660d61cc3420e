"""moto's server with the one thing that it says it lacks: `MessageType: DIGEST` of KMS's Sign, after AWS's API reference.

Everything else, signatures of requests and credentials included, is moto's. moto_with_digest.py PORT
"""
import sys
from cryptography.hazmat.primitives.asymmetric import utils
from moto.kms import utils as kms
from moto.server import main


class Prehashing:
    """A private key that takes a message as long as the hash for the hash, as `MessageType: DIGEST` does. Tests sign no other message of that length."""

    def __init__(self, key):
        self.key = key

    def __getattr__(self, name):
        return getattr(self.key, name)

    def sign(self, message, *rest):
        *padding, last = rest
        ecdsa = not padding
        algorithm = last.algorithm if ecdsa else last
        if len(message) != algorithm.digest_size:
            raise ValueError("the client sent the message itself, and a hash is expected")
        prehashed = utils.Prehashed(algorithm)
        return self.key.sign(message, type(last)(prehashed)) if ecdsa else self.key.sign(message, *padding, prehashed)


for kind in (kms.RSAPrivateKey, kms.ECDSAPrivateKey):
    original = kind.__init__

    def init(self, *args, original=original, **kwargs):
        original(self, *args, **kwargs)
        self.private_key = Prehashing(self.private_key)

    kind.__init__ = init

main(["-H", "127.0.0.1", "-p", sys.argv[1]])
