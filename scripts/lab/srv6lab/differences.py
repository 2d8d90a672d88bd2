"""Where the kernel does not do what the RFCs say. docs/interop.md is this table for people."""

DIFFERENCES = {
    "silent": (
        "A header that cannot be processed is dropped without a word",
        "RFC 8986 4.1 S10: Last Entry beyond the header, or Segments Left beyond Last Entry + 1, is ICMPv6 (4,0) with "
        "the pointer at Segments Left; 4.4 S03 and its likes say the same of Segments Left that is not 0.",
    ),
    "upper-layer": (
        "With Segments Left 0, and with an upper layer that the behavior does not take, the packet is dropped",
        "RFC 8986 4.1.1: the node serves what it allows (ping), and answers the rest with ICMPv6 (4,4).",
    ),
    "quote": (
        "Errors are made after the header was changed: they quote the next destination and Segments Left",
        "RFC 8986 4.1 S05 comes before S12 to S14, and RFC 4443 2.4 (c) quotes the packet as received.",
    ),
    "error-table": (
        "An error about a packet that End.DT6 has opened is routed by the main table",
        "RFC 8986 4.6: what was inside belongs to the table, and so does the way back to its source.",
    ),
    "hop-per-sid": (
        "Several SIDs of one node in a row count one hop together",
        "RFC 8986 4.1 S12: each SID decrements.",
    ),
    "tlv-check": (
        "A packet whose TLVs do not fit the header is dropped at End, End.X and End.T",
        "RFC 8754 2.1: a node that uses no TLV ignores them; mexfwd reads them where it verifies an HMAC.",
    ),
    "flavor-ignored": (
        "End.T takes the PSP flavor and does nothing about it; End.X refuses it, and End refuses USP and USD",
        "RFC 8986 4.16: all three on End, End.X and End.T.",
    ),
    "csid-psp": (
        "End takes PSP and NEXT-CSID together, and leaves the SRH where it is",
        "RFC 9800 4.1: with the argument 0 the SID does what it does without NEXT-CSID, PSP included.",
    ),
    "dx4-neighbor": (
        "End.DX4 to a next hop on the link resolves the inner destination there, not the next hop",
        "RFC 8986 4.5: the packet goes to the adjacency. With a next hop behind a gateway both agree.",
    ),
    "inner-hop-limit": (
        "The inner hop limit (TTL) is not decremented by the headend; the outer one is",
        "RFC 8986 5.1, after RFC 2473 3.1: the inner packet is decremented as when it is forwarded; the pushed header "
        "is sent as it was made.",
    ),
    "hop-limit-one": (
        "A packet that arrives with hop limit 1 is encapsulated, and dies then: the error goes to the outer source",
        "RFC 2473 3.1: the inner packet is forwarded, hence time exceeded goes to its source.",
    ),
    "traffic-class-4": (
        "The outer traffic class is 0 when IPv4 is inside",
        "RFC 8986 5.1 S06 leaves it to the node, RFC 2983 has both models; mexfwd copies the TOS or sets a value.",
    ),
    "label-zero": (
        "With seg6_flowlabel = 0 a flow label of 0 is copied",
        "RFC 6437 3: a node that finds 0 sets a label; mexfwd takes it from the flow, here as with `flow`.",
    ),
    "l2-fields": (
        "Hop limit and traffic class of an IPv6 packet in an Ethernet frame are copied to the outer header",
        "RFC 8986 5.3: the frame is opaque; the fields are the policy's.",
    ),
    "hmac-flag": (
        "The HMAC TLV is announced by flag 0x08, and looked at only with it",
        "RFC 8754 2.1.2: no flag; the TLV is found by walking the TLVs. The flags are hashed, hence another HMAC.",
    ),
    "hmac-reduced": (
        "The D bit is 0 with a reduced list, too, and not looked at",
        "RFC 8754 2.1.2: 1 says that the destination is not to be verified, because a reduced list does not have it; "
        "with 0 the destination has to be Segment List[Segments Left].",
    ),
    "hmac-error": (
        "An HMAC that is wrong is dropped without a word",
        "RFC 8754 2.1.2.1: ICMPv6 (4,0) with the pointer at the HMAC TLV.",
    ),
    "b6-insert": (
        "End.B6 inserts without moving on: the inserted list ends with the binding SID, which the packet comes back to",
        "No RFC has it (draft-filsfils-spring-srv6-net-pgm-insertion). mexfwd moves on first, as End.B6.Encaps does "
        "(RFC 8986 4.13): the inserted list ends with the next segment.",
    ),
    "insert-position": (
        "The SRH is inserted before a Hop-by-Hop Options header",
        "RFC 8200 4.1 and 4.3: Hop-by-Hop Options stand right behind the IPv6 header.",
    ),
    "headend-mtu": (
        "Too big after encapsulation: the error goes to the outer source, with the whole MTU",
        "RFC 2473 7.1: the source of the inner packet learns the MTU minus the overhead.",
    ),
}
