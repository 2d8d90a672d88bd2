"""Everything that is compared."""

from . import compressed, endpoints, hashed, headend

GROUPS = [
    endpoints.walking, endpoints.opening, endpoints.on_link, endpoints.binding,
    *headend.GROUPS, *compressed.GROUPS, *hashed.GROUPS,
]  # fmt: skip
