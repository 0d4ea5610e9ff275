"""What may be said without TLS: only what never leaves the machine.

A name is judged as it is written and not looked up: whoever answers for names
could otherwise say that a broker of theirs is this machine.
"""

from ipaddress import ip_address


def stays_here(host: str) -> bool:
    """Whether an address is this machine's own, so that nobody on a network hears what is said.

    >>> stays_here("127.0.0.1"), stays_here("::1"), stays_here("localhost"), stays_here("broker.lan")
    (True, True, True, False)
    """
    name = host.strip("[]").lower()
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
