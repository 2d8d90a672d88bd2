"""Packets with an AP header that is not needed."""

from mexfwd import Profile


def register():
    return Profile("mex-idle")
