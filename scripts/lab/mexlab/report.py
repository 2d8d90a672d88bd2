"""The story told: a timeline for people, the verdict, and the same as JSON."""

from .story import MILLISECONDS, PROVIDERS, Outcome, Plan
from .topology import HOST2_C, LINKS, SITE_D, drawing

MEBIBYTE = 1 << 20


def title(isp: str) -> str:
    """`isp-c` for people."""
    return isp.upper().replace("-", " ")


def mib(count: int) -> str:
    return f"{count / MEBIBYTE:.1f} MiB"


def opening(plan: Plan) -> str:
    """What the reader is about to see."""
    picture = drawing({link.name: "up" for link in LINKS})
    return f"""\
The network: host2's site has two providers, ISP C and ISP D, and a /64 from each.
{picture}
  *  mexfwd; the others are ordinary Linux machines that know nothing of MEX

host1 sends {mib(plan.total_bytes)} to host2 over TCP, to {HOST2_C}: ISP C's prefix, so by way of ISP C.
After {plan.cut_at_fraction:.0%} of it link3, between ISP C and the site, is cut. That happens twice:
first with MEX, then without.
"""


def timeline(outcome: Outcome) -> str:
    """One run, moment by moment, in seconds since the first octet reached host2."""
    cut, end = outcome.cut_s - outcome.start_s, outcome.end_s - outcome.start_s
    gap_to = outcome.cut_gap_from_s + outcome.cut_gap_s - outcome.start_s
    gap = f"{outcome.cut_gap_s * MILLISECONDS:.0f} ms"
    longest = f"{outcome.gap_s * MILLISECONDS:.0f} ms"
    ways = outcome.by_isp
    rows = [
        (0.0, "the first octet reaches host2"),
        (cut, f"link3 is cut: {mib(outcome.bytes_before)} have arrived, in {packets(ways, 'before')}"),
    ]
    if outcome.first_by_d_s:
        first = outcome.first_by_d_s - outcome.start_s
        soon = f"{outcome.first_by_d_ms:.1f} ms after the cut"
        rows.append((first, f"ISP C exchanges prefixes: the first packet reaches the site by ISP D, {soon}"))
    if outcome.finished:
        rows.append((gap_to, f"host2 receives again: nothing had come for {gap}"))
        rows.append((end, f"ISP C has exchanged the prefix of {outcome.exchanged} packets, by ISP B to {SITE_D}"))
        rows.append((end, f"the longest gap of the whole transfer was {longest}"))
        rows.append((end, f"the end: {mib(outcome.bytes_after)} more have arrived, in {packets(ways, 'after')}"))
        right = "right" if outcome.checksum_right else f"WRONG: {outcome.received_sha256}, sent {outcome.sent_sha256}"
        rows.append((end, f"SHA-256 {right}"))
    else:
        rows.append((end, f"given up: {mib(outcome.bytes_after)} more have arrived, then nothing for {longest}"))
        rows.append((end, "the connection is dead"))
    return "\n".join(f"  {at_s:8.3f} s  {text}" for at_s, text in sorted(rows, key=lambda row: row[0]))


def packets(ways: dict[str, dict[str, int]], when: str) -> str:
    """How many packets reached the site by which of its providers."""
    used = [f"{ways[isp][when]} packets by {title(isp)}" for isp in ("isp-c", "isp-d") if ways[isp][when]]
    return " and ".join(used) or "no packet"


def problems(with_mex: Outcome, without: Outcome) -> list[str]:
    """Why this is not the story it should be; empty when it is."""
    found = []
    if not with_mex.finished:
        found.append("with MEX: the transfer did not finish")
    elif not with_mex.checksum_right:
        found.append("with MEX: the SHA-256 is wrong")
    if with_mex.exchanged == 0:
        found.append("with MEX: ISP C exchanged nothing")
    by_c, by_d = with_mex.by_isp["isp-c"], with_mex.by_isp["isp-d"]
    if by_d["after"] == 0:
        found.append("with MEX: nothing came by ISP D after the cut")
    if with_mex.by_isp["isp-b"]["after"] == 0:
        found.append("with MEX: nothing went by ISP B after the cut")
    if by_c["before"] == 0 or by_d["before"] != 0:
        found.append("with MEX: before the cut the packets did not all come by ISP C")
    if by_d["isp-d-prefix"] != by_d["after"]:
        found.append("with MEX: a packet came by ISP D without ISP D's prefix")
    if without.bytes_before == 0:
        found.append("without MEX: nothing arrived before the cut")
    if without.finished:
        found.append("without MEX: the transfer finished, so the cut proves nothing")
    if without.exchanged != 0:
        found.append("without MEX: ISP C exchanged packets")
    found += [f"with MEX: {text}" for text in with_mex.complaints]
    found += [f"without MEX: {text}" for text in without.complaints]
    return found


def closing(with_mex: Outcome, without: Outcome) -> str:
    """The difference in one table, and the verdict."""
    rows = [("", "with MEX", "without")]
    both = (with_mex, without)
    rows.append(("the transfer", *("finished" if each.finished else "died" for each in both)))
    rows.append(("arrived before the cut", *(mib(each.bytes_before) for each in both)))
    rows.append(("arrived after the cut", *(mib(each.bytes_after) for each in both)))
    rows.append(("gap at the cut", *(f"{each.cut_gap_s * MILLISECONDS:.0f} ms" for each in both)))
    rows.append(("longest gap at host2", *(f"{each.gap_s * MILLISECONDS:.0f} ms" for each in both)))
    rows.append(("packets exchanged by ISP C", *(str(each.exchanged) for each in both)))
    for isp in PROVIDERS:
        for when in ("before", "after"):
            label = f"packets by {title(isp)}, {when}"
            rows.append((label, *(str(each.by_isp[isp][when]) for each in both)))
    table = "\n".join(f"  {label:28}{left:>12}{right:>12}" for label, left, right in rows)
    found = problems(with_mex, without)
    verdict = "\n".join(f"NOT AS IT SHOULD BE: {text}" for text in found) or (
        "The transfer survived the loss of a provider with MEX, and only with it."
    )
    where = f"Captures of every node: {with_mex.captures} and {without.captures}"
    return f"{table}\n\n{where}\n{verdict}"


def as_json(with_mex: Outcome, without: Outcome) -> dict:
    found = problems(with_mex, without)
    return {
        "ok": not found,
        "problems": found,
        "with-mex": with_mex.as_json(),
        "without-mex": without.as_json(),
    }
