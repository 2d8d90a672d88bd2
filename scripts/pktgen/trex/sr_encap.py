"""SRv6 H.Encaps: plain packets that the policy "one" takes; mexfwd runs with sr-encap.toml."""

from mexfwd import Profile


def register():
    return Profile("sr-encap")
