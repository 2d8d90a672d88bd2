"""Everything that is compared, and what of it runs through the daemon as well."""

from . import compressed, endpoints, hashed, headend

GROUPS = [
    endpoints.walking, endpoints.opening, endpoints.on_link, endpoints.binding,
    *headend.GROUPS, *compressed.GROUPS, *hashed.GROUPS,
]  # fmt: skip
ON_WIRE = {"walk", "open", "binding", "headend", "flow-label", "l2encap-3"}
