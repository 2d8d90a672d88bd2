"""What the TRex profiles of this directory share: a stream for each flow, and one with TRex's time stamps.

Tunables (after `-t`, as `--size 512 --flows 64 --latency-pps 1000`):
  --size         octets of a frame, without the frame check sequence; the shortest of the scenario by default
  --flows        streams, each with its own destination and ports
  --latency-pps  packets a second with a time stamp, in frames of 16 octets more; 0: none
"""

import argparse

from trex_stl_lib.api import STLFlowLatencyStats, STLPktBuilder, STLStream, STLTXCont

import packets

FLOWS = 64
LATENCY_PPS = 1000
LATENCY_GROUP = 7
# What TRex writes at the end of a packet that it times.
LATENCY_OCTETS = 16


def arguments(scenario: str, tunables) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=scenario, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=packets.shortest(scenario))
    parser.add_argument("--flows", type=int, default=FLOWS)
    parser.add_argument("--latency-pps", type=float, default=LATENCY_PPS)
    options = parser.parse_args(list(tunables))
    if options.flows < 1 or options.latency_pps < 0:
        parser.error("--flows is at least 1, --latency-pps not negative")
    if options.size < packets.shortest(scenario):
        parser.error(f"--size is at least {packets.shortest(scenario)}")
    return options


class Profile:
    """One scenario. The rate of all streams together is one packet a second: `start -m 5mpps` makes it what is wanted."""

    def __init__(self, scenario: str):
        self.scenario = scenario

    def get_streams(self, direction=0, tunables=(), port_id=0, **_kwargs):
        options = arguments(self.scenario, tunables)
        # Packets come back on the other port: it sends nothing.
        if direction:
            return []
        pps = 1.0 / options.flows
        streams = []
        for number in range(options.flows):
            frame = STLPktBuilder(pkt=self.scapy(options.size, number))
            # One after the other, not all at once.
            streams.append(STLStream(packet=frame, mode=STLTXCont(pps=pps), isg=number * 1.0))
        if options.latency_pps > 0:
            frame = STLPktBuilder(pkt=self.scapy(options.size + LATENCY_OCTETS, 0))
            group = STLFlowLatencyStats(pg_id=LATENCY_GROUP + port_id)
            streams.append(STLStream(packet=frame, mode=STLTXCont(pps=options.latency_pps), flow_stats=group))
        return streams

    def scapy(self, size: int, number: int):
        """A frame as a scapy packet, its octets fixed: TRex computes no checksum of its own."""
        from scapy.layers.l2 import Ether

        return Ether(packets.sent(self.scenario, size, number))
