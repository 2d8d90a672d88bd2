"""SRv6 End.DT6: IPv6 in IPv6, to a SID that decapsulates."""

from mexfwd import Profile


def register():
    return Profile("sr-decap")
