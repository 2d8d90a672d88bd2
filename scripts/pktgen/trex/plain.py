"""Plain IPv6 forwarding."""

from mexfwd import Profile


def register():
    return Profile("plain")
