"""MEX: the destination has no route, the alternative in the AP header has."""

from mexfwd import Profile


def register():
    return Profile("mex-exchange")
