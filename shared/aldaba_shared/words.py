"""The four words both sides of a pairing show, for a person to compare.

Where neither public TLS nor the QR code vouches for the cloud, whoever sits in
between would have to show the same words on both sides, with keys of its own.
Each word is a proquint (Wilkerson, arXiv:0901.4016): sixteen bits that can be
read aloud in any of our languages. Four make 64 bits, too many to search for in
the ten minutes a code lives.
"""

from hashlib import sha256
from typing import Final

CONSONANTS: Final = "bdfghjklmnprstvz"
VOWELS: Final = "aiou"
WORDS: Final = 4


def four_words(controller_key: bytes, root_key: bytes) -> str:
    """Words for a controller's and a cloud's public keys (both SubjectPublicKeyInfo, DER).

    Each side computes them from the keys it holds; words that came over the wire prove nothing.

    >>> four_words(b"controller", b"cloud") == four_words(b"controller", b"another cloud")
    False
    """
    digest = sha256(b"aldaba/1/words" + sha256(controller_key).digest() + sha256(root_key).digest()).digest()
    return " ".join(proquint(int.from_bytes(digest[2 * i : 2 * i + 2], "big")) for i in range(WORDS))


def proquint(number: int) -> str:
    """Sixteen bits as five letters.

    >>> proquint(0x7F00), proquint(0x0001)
    ('lusab', 'babad')
    """
    return (
        CONSONANTS[number >> 12 & 15]
        + VOWELS[number >> 10 & 3]
        + CONSONANTS[number >> 6 & 15]
        + VOWELS[number >> 4 & 3]
        + CONSONANTS[number & 15]
    )
