//! SIDs, locators, keys and `[srv6]` itself.

use crate::config::tests::{refused, refused_after_ports};

#[test]
fn what_is_no_sid() {
    let sid = |text: &str| format!("[[srv6.sid]]\nsid='{text}'\nbehavior='End'\n");
    let texts = [
        "fc00::1/48",
        "10.0.0.1",
        "10.0.0.0/8",
        "ff02::1",
        "::",
        "fe80::1",
        "fe80::/16",
        "::1",
        "::ffff:1.2.3.4",
        "fc00::/8",
        "x",
        "fc00::/129",
        "fc00::1",
        "fc00:0::1/128",
        "fc00:0:0:0::/64",
    ];
    refused(
        &texts.map(sid).concat(),
        &[
            "2:5: fc00::1/48 has bits set beyond its length; write fc00::/48: the argument of a SID is 0 here",
            "5:5: \"10.0.0.1\" is IPv4; a SID is an IPv6 address",
            "8:5: \"10.0.0.0/8\" is IPv4; a SID is an IPv6 address",
            "11:5: ff02::1 is multicast; a SID is a unicast address",
            "14:5: :: is unspecified; a SID is a unicast address",
            "17:5: fe80::1 is link-local; a SID is a unicast address",
            "20:5: fe80::/16 holds link-local addresses; a SID is a unicast address",
            "23:5: ::1 is loopback; a SID is a unicast address",
            "26:5: ::ffff:1.2.3.4 is IPv4-mapped; a SID is a unicast address",
            "29:5: fc00::/8 is shorter than /16; write the whole locator and function",
            "32:5: \"x\" is not a SID; write an address like fc00:0:1:100::, or a prefix like fc00:0:1::/48",
            "35:5: prefix length \"129\" is out of range; it must be from 0 to 128",
            "41:5: fc00:0::1/128 is a SID already (line 38); a SID has one behavior",
        ],
    );
}

#[test]
fn a_binding_sid_is_a_sid_too() {
    let policy =
        "mode='encap'\nsource='2001:db8::1'\nsegment-list=[{segments=['fc00::1']}]\nbinding-sid='fc00::9'\n";
    refused(
        &format!(
            "[[srv6.sid]]\nsid='fc00::9'\nbehavior='End'\n[[srv6.policy]]\nname='a'\n{policy}[[srv6.policy]]\nname='a'\n{policy}"
        ),
        &[
            "9:13: fc00::9 is a SID already (line 2); a SID has one behavior",
            "11:6: there is a policy \"a\" already (line 5); use another name",
            "15:13: fc00::9 is a SID already (line 9); a SID has one behavior",
        ],
    );
}

#[test]
fn flavors_that_a_behavior_does_not_have() {
    let text = "[[srv6.sid]]\nsid='fc00::1'\nbehavior='End.DT6'\nvrf='red'\nflavors=['PSP', 'USD', 'USP']\n\
        [[srv6.sid]]\nsid='fc00::2'\nbehavior='End'\nflavors=['PSP', 'PSP', 'UPS', 'NEXT', 'X']\n\
        [[srv6.sid]]\nsid='fc00:0:3::/48'\nbehavior='uN'\nflavors=['REPLACE-CSID']\n";
    let rule = "it is for End, End.X and End.T (RFC 8986, 4.16)";
    refused(
        text,
        &[
            &format!("5:9: PSP is not possible with End.DT6; {rule}"),
            &format!("5:9: USP is not possible with End.DT6; {rule}"),
            &format!("5:9: USD is not possible with End.DT6; {rule}"),
            "9:17: \"PSP\" is listed twice; remove one",
            "9:24: flavor is \"UPS\"; did you mean \"USP\"?",
            "9:31: flavor is \"NEXT\"; it must be \"PSP\", \"USP\", \"USD\", \"NEXT-CSID\" or \"REPLACE-CSID\"",
            "9:39: flavor is \"X\"; it must be \"PSP\", \"USP\", \"USD\", \"NEXT-CSID\" or \"REPLACE-CSID\"",
            "13:9: NEXT-CSID and REPLACE-CSID exclude each other; remove one",
        ],
    );
}

#[test]
fn lengths_of_compressed_sids() {
    let sid = |sid: &str, more: &str| format!("[[srv6.sid]]\nsid='{sid}'\nbehavior='End'\n{more}\n");
    let next = "flavors=['NEXT-CSID']";
    let replace = "flavors=['REPLACE-CSID']";
    let text = [
        sid("fc00::/32", next),
        sid("fc00:1::1", next),
        sid("fc00:2::/113", next),
        sid("fc00:3::/112", next),
        sid("fc00:4::/48", "flavors=['NEXT-CSID']\nblock-length=48"),
        sid("fc00:5::/48", "block-length=48\ncsid-length=16"),
        sid("fc00:6::/32", replace),
        sid("fc00:7::/127", replace),
        sid("fc00:8::/126", replace),
        sid("fc00:9::/126", "flavors=['REPLACE-CSID']\ncsid-length=16"),
        sid("fc00:a::/64", "flavors=['REPLACE-CSID']\ncsid-length=24"),
        sid("fc00:b::/48", "flavors=['NEXT-CSID']\nblock-length=0"),
    ];
    let next_rule =
        |block: u8| format!("with NEXT-CSID it must be longer than its block (/{block}) and at most /112");
    let replace_rule = |csid: u8, index: u8| {
        format!(
            "with REPLACE-CSID it must be longer than an identifier ({csid} bits) and leave {index} bits to the index"
        )
    };
    refused(
        &text.concat(),
        &[
            &format!("2:5: fc00::/32 is a /32; {}", next_rule(32)),
            &format!("6:5: fc00:1::1 is a /128; {}", next_rule(32)),
            &format!("10:5: fc00:2::/113 is a /113; {}", next_rule(32)),
            &format!("18:5: fc00:4::/48 is a /48; {}", next_rule(48)),
            "25:14: block-length has no meaning without NEXT-CSID; remove it",
            "26:13: csid-length has no meaning without REPLACE-CSID; remove it",
            &format!("28:5: fc00:6::/32 is a /32; {}", replace_rule(32, 2)),
            &format!("32:5: fc00:7::/127 is a /127; {}", replace_rule(32, 2)),
            &format!("40:5: fc00:9::/126 is a /126; {}", replace_rule(16, 3)),
            "48:13: csid-length is 24; it must be 16 or 32",
            "53:14: block-length is 0; it must be an integer from 1 to 111",
        ],
    );
}

#[test]
fn what_a_behavior_needs_and_what_it_does_not() {
    refused_after_ports(
        "[[srv6.sid]]\nsid='fc00::1'\nbehavior='End.X'\n\
         [[srv6.sid]]\nsid='fc00::2'\nbehavior='End.DT6'\nvia={address='2001:db8:a::2'}\n\
         [[srv6.sid]]\nsid='fc00::3'\nbehavior='End'\nvrf='red'\nport='lan'\npolicy='x'\n\
         [[srv6.sid]]\nsid='fc00::4'\nbehavior='End.DX2'\n[[srv6.sid]]\nsid='fc00::5'\nbehavior='End.B6.Encaps'\n\
         [[srv6.sid]]\nsid='fc00::6'\nbehavior='End.DT7'\n[[srv6.sid]]\nsid='fc00::7'\nbehavior='nothing'\n[[srv6.sid]]\n",
        &[
            "12:10: End.X needs via, the next hop that it sends to; add it",
            "15:10: End.DT6 needs vrf, the table that it looks up in; add it",
            "16:5: via has no meaning for End.DT6; remove it",
            "20:5: vrf has no meaning for End; remove it",
            "21:6: port has no meaning for End; remove it",
            "22:8: policy has no meaning for End; remove it",
            "25:10: End.DX2 needs port, the port that frames leave by; add it",
            "28:10: End.B6.Encaps needs policy, the policy that it applies; add it",
            "31:10: behavior is \"End.DT7\"; did you mean \"End.DT6\"?",
            "34:10: behavior is \"nothing\"; it must be \"End\", \"End.X\", \"End.T\", \"End.DX6\", \"End.DX4\", \"End.DX2\", \
             \"End.DT6\", \"End.DT4\", \"End.DT46\", \"End.B6.Encaps\", \"End.B6.Encaps.Red\", \"End.B6.Insert\", \
             \"End.B6.Insert.Red\", \"uN\", \"uA\", \"uDT6\", \"uDT4\" or \"uDT46\"",
            "35:1: [[srv6.sid]] has no sid; add sid = \"...\"",
            "35:1: [[srv6.sid]] has no behavior; add behavior = \"...\"",
        ],
    );
}

#[test]
fn next_hops_and_ports_of_sids() {
    let sid = |index: usize, behavior: &str, rest: &str| {
        format!("[[srv6.sid]]\nsid='fc00::{index}'\nbehavior='{behavior}'\n{rest}\n")
    };
    let text = [
        sid(1, "End.X", "via={address='2001:db8:a::2', port='ips-a'}"),
        sid(2, "End.X", "via={address='fe80::1'}"),
        sid(3, "End.X", "via={port='lan'}"),
        sid(4, "End.X", "via={address='2001:db8:a::1', port='isp-a'}"),
        sid(5, "End.X", "via={address='192.0.2.1', port='lan'}"),
        sid(6, "End.DX4", "via={address='192.0.2.1', port='lan'}"),
        sid(7, "End.DX6", "via={address='2001:db8:1::2'}"),
        sid(8, "End.DX2", "port='wan'"),
        sid(9, "End.X", "via={address='x'}"),
        sid(10, "End.X", "via='2001:db8:a::2'"),
        sid(11, "End.X", "via={address='2001:db8:a::2', dev='isp-a'}"),
    ];
    refused_after_ports(
        &text.concat(),
        &[
            "13:5: there is no port \"ips-a\"; did you mean \"isp-a\"?",
            "17:5: fe80::1 is link-local and could be on any link; name the port too",
            "21:5: a next hop of a SID needs an address; add the neighbor's",
            "25:5: 2001:db8:a::1 is this node's own address; the neighbor's address is needed",
            "29:5: 192.0.2.1 is an IPv4 address; End.X needs an IPv6 next hop",
            "37:5: no port of VRF \"default\" has a subnet with 2001:db8:1::2; name the port, or use an address on a link",
            "41:6: there is no port \"wan\"; did you mean \"lan\"?",
            "45:14: \"x\" is not an IP address; write it like 2001:db8::1",
            "49:5: via is a string; it must be a next hop, like { address = \"2001:db8:a::2\", port = \"isp-a\" }",
            "53:31: unknown key \"dev\" in a next hop; the keys are: address, port",
        ],
    );
}

#[test]
fn the_section_itself() {
    refused(
        "[srv6]\nupper-layer=['icmp', 'udp', 'udp']\nedge-filter=['5f00::/16','5f00::/16','10.0.0.0/8']\nlocators=1\n\
         [[srv6.locator]]\nname='a'\nprefix='fc00::/48'\n[[srv6.locator]]\nname='a'\nprefix='fc00::/48'\nformat='usid'\n\
         [[srv6.locator]]\nname='b'\nprefix='fc00:1::/64'\nformat='usid-f3216'\n[[srv6.locator]]\nname='c'\nprefix='ff00::/16'\n\
         [[srv6.hmac-key]]\nid=0\nsecret=''\n[[srv6.hmac-key]]\nid=2\nsecret='x'\n[[srv6.hmac-key]]\nid=2\nsecret=''\n\
         [srv6.oam]\nrate=0\n",
        &[
            "2:14: upper-layer is \"icmp\"; it must be \"icmpv6\", \"udp\" or \"tcp\"",
            "2:29: \"udp\" is listed twice; remove one",
            "3:26: 5f00::/16 is listed twice; remove one",
            "3:38: 10.0.0.0/8 is an IPv4 prefix; an IPv6 prefix is needed",
            "4:1: unknown key \"locators\" in [srv6]; did you mean \"locator\"?",
            "9:6: there is a locator \"a\" already (line 6); use another name",
            "10:8: fc00::/48 is a locator already (line 7); remove one",
            "11:8: format is \"usid\"; it must be \"full\" or \"usid-f3216\"",
            "14:8: fc00:1::/64 is a /64; with format usid-f3216 it must be from /32 to /48",
            "18:8: ff00::/16 holds multicast addresses; a SID is a unicast address",
            "20:4: id is 0; it must be an integer from 1 to 4294967295",
            "21:8: secret has 0 octets; it must have 1 to 64",
            "26:4: there is an HMAC key 2 already (line 23); use another id",
            "27:8: secret has 0 octets; it must have 1 to 64",
            "28:1: [srv6.oam] has neither capture nor sink; add one",
            "29:6: rate is 0; it must be an integer from 1 to 1000000",
        ],
    );
    refused(
        "srv6={oam={sink='x'}}",
        &["1:17: sink \"x\" is no address and port; write it like \"[2001:db8::1]:9000\""],
    );
    refused(
        "srv6={oam={sink='[::1]:1', capture='y'}}",
        &["1:17: [srv6.oam] has capture already; remove sink or capture"],
    );
    refused("srv6 = 1\n", &["1:8: srv6 is an integer; it must be the section [srv6]"]);
    refused("[[srv6]]\n", &["1:1: there is only one [srv6]; write [srv6], not [[srv6]]"]);
    refused(
        "[[port]]\nname='a'\nhmac='off'\npolicy=1\n",
        &[
            "3:6: hmac is \"off\"; it must be \"ignore\", \"verify\" or \"require\"",
            "4:8: policy is an integer; it must be a string, the name of a [[srv6.policy]]",
        ],
    );
}
