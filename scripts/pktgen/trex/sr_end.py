"""SRv6 End: an SRH of three segments, of which two are left."""

from mexfwd import Profile


def register():
    return Profile("sr-end")
