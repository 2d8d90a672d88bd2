"""SRv6 of mexfwd and of the Linux kernel, octet by octet, and TCP through chains of both."""
