"""The SRv6 and IPv4 cases: a reference node after the RFCs, and the packets that go through it."""

from srv6 import binding, csids, decap, ends, errors, headends, ip4, mexes, pings, replace, security


def build():
    modules = (ends, decap, binding, csids, replace, headends, errors, pings, security, mexes, ip4)
    return [case for module in modules for case in module.build()]
