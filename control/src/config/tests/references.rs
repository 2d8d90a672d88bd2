//! What names something else: ports, next hops, VRFs, prefixes that collide.

use super::{refused, refused_after_ports};

#[test]
fn ports_are_unique() {
    refused(
        "[[port]]\nname='a'\ndevice='net_tap0'\naddress=['2001:db8::1/64', '2001:db8::1/48']\n\
         [[port]]\nname='a'\ndevice='net_tap0'\n[[port]]\nname='c'\ndevice=' '\naddress=['2001:db8::1/64']\n",
        &[
            "4:28: 2001:db8::1 is listed twice; remove one",
            "6:6: there is a port \"a\" already (line 2); use another name",
            "7:8: device \"net_tap0\" is in use by another port (line 3); use another",
            "10:8: device \" \" is not possible; write \"0000:3b:00.0\" or \"net_af_packet0,iface=veth0\"",
            "11:10: 2001:db8::1 is an address of port \"a\" already (line 4); in one VRF it can be on one port only",
        ],
    );
}

#[test]
fn neighbors() {
    refused_after_ports(
        "[[neighbor]]\nport='ips-a'\naddress='2001:db8:a::/64'\nmac='03:00:00:00:00:01'\n\
         [[neighbor]]\nport='isp-a'\naddress='2001:db8:a::1'\nmac='02:00:00:00:00:01'\n\
         [[neighbor]]\nport='lan'\naddress='fe80::a'\nmac='02:00:00:00:00:01'\n\
         [[neighbor]]\nport='lan'\naddress='fe80::a'\nmac='02:00:00:00:00:02'\n\
         [[neighbor]]\nport='lan'\naddress='fe80::1%lan'\nmac='02:00:00:00:00:02'\n\
         [[neighbor]]\nport='nowhere'\naddress='ff02::1'\nmac='x'\n",
        &[
            "11:6: there is no port \"ips-a\"; did you mean \"isp-a\"?",
            "12:9: \"2001:db8:a::/64\" has a prefix length; write 2001:db8:a::",
            "13:5: \"03:00:00:00:00:01\" is a multicast MAC address; the first octet must be even",
            "16:9: 2001:db8:a::1 is this node's own address; the neighbor's address is needed",
            "24:9: fe80::a on port \"lan\" is listed twice; remove one",
            "28:9: \"fe80::1%lan\" has a zone; write fe80::1 and name the port",
            "31:6: there is no port \"nowhere\"; the ports are: isp-a, lan",
            "32:9: ff02::1 is a multicast address; a unicast address is needed",
            "33:5: \"x\" is not a MAC address; write it like 02:00:00:00:00:0a",
        ],
    );
}

#[test]
fn route_prefixes() {
    let route = |prefix: &str| format!("[[route]]\nprefix='{prefix}'\naction='blackhole'\n");
    refused(
        &[
            "2001:db8:1::1/48",
            "2001:db8::1",
            "default",
            "10.1.0.0/8",
            "2001:db8::/32",
            "2001:db8::/32",
            "ff00::/8",
        ]
        .map(route)
        .concat(),
        &[
            "2:8: 2001:db8:1::1/48 has bits set beyond its length; write 2001:db8:1::/48",
            "5:8: 2001:db8::1 has no prefix length; write 2001:db8::1/128 for this one address",
            "8:8: \"default\" is not ADDRESS/LENGTH; write ::/0 or 0.0.0.0/0",
            "11:8: 10.1.0.0/8 has bits set beyond its length; write 10.0.0.0/8",
            "17:8: 2001:db8::/32 is a route of VRF \"default\" already (line 14); a prefix has one route in a VRF",
        ],
    );
    refused(
        "[[route]]\nprefix='ff0e::/16'\naction='mex'\n[[route]]\nprefix='fe80::/64'\naction='mex'\n",
        &[
            "2:8: ff0e::/16 is multicast, which is not routed; a unicast prefix is needed",
            "5:8: fe80::/64 is link-local, which is not routed; a unicast prefix is needed",
        ],
    );
}

#[test]
fn one_action_per_route() {
    refused_after_ports(
        "[[route]]\nprefix='::/0'\naction='drop'\n[[route]]\nprefix='::/1'\naction='mx'\n\
         [[route]]\nprefix='::/2'\naction='mex'\nvia=[{port='lan'}]\n[[route]]\nprefix='::/3'\nvia=[]\n\
         [[route]]\nprefix='::/4'\npolicy='gold'\naction='mex'\nvia=3\n",
        &[
            "12:8: action is \"drop\"; it must be \"mex\", \"blackhole\" or \"unreachable\"",
            "15:8: action is \"mx\"; did you mean \"mex\"?",
            "19:1: the route has action already; remove via or action",
            "21:8: via lists no next hop; list at least one, or use action = \"blackhole\"",
            "26:1: the route has policy already; remove action or policy",
            "27:1: the route has policy already; remove via or policy",
            "27:5: via is an integer; it must be a list of next hops, like [{ address = \"2001:db8:a::2\", port = \"isp-a\" }]",
        ],
    );
}

#[test]
fn next_hops() {
    refused_after_ports(
        "[[port]]\nname='red-1'\nvrf='red'\n[[route]]\nprefix='::/0'\nvia=[\n{},\n{port='isp-b'},\n{address='fe80::1'},\n\
         {address='2001:db8:1::1'},\n{address='2001:db8:a::1'},\n{address='fe80::a',port='isp-a'},\n{port='red-1'},\n\
         {port='lan',weight=0},\n{port='lan',weight=256},\n{address='192.0.2.1',port='lan'},\n{address='::',port='lan'},\n\
         {address='2001:db8:a::9'},\n{address='2001:db8:a::9',port='isp-a'},\n{address='fe80::a',port='lan'},\n{adress=1},\n\
         {address=1,port=2},\n]\n",
        &[
            "16:1: a next hop needs an address, a port or both",
            "17:7: there is no port \"isp-b\"; did you mean \"isp-a\"?",
            "18:10: fe80::1 is link-local and could be on any link; name the port too",
            "19:10: no port of VRF \"default\" has a subnet with 2001:db8:1::1; name the port, or use an address on a link",
            "20:10: 2001:db8:a::1 is this node's own address; the neighbor's address is needed",
            "21:10: fe80::a is this node's own address; the neighbor's address is needed",
            "22:7: port \"red-1\" is in VRF \"red\" and the route in \"default\"; both must be in the same VRF",
            "23:20: weight is 0; it must be an integer from 1 to 255",
            "24:1: this next hop is listed twice; use weight to give it a greater share",
            "24:20: weight is 256; it must be an integer from 1 to 255",
            "25:10: 192.0.2.1 cannot be the next hop of ::/0; an IPv6 address is needed",
            "26:10: :: is the unspecified address; a unicast address is needed",
            "28:1: this next hop is listed twice; use weight to give it a greater share",
            "30:2: unknown key \"adress\" in a next hop; did you mean \"address\"?",
            "31:10: address is an integer; it must be a string like \"2001:db8:a::2\"",
            "31:17: port is an integer; it must be a string, the name of a [[port]]",
        ],
    );
}

#[test]
fn one_cause_is_one_problem() {
    // The port's name cannot be read: what refers to it is not wrong for that.
    refused(
        "[[port]]\nname = 5\naddress = ['2001:db8::1/64']\n[[neighbor]]\nport='a'\naddress='2001:db8::2'\nmac='2:0:0:0:0:1'\n\
         [[route]]\nprefix='::/0'\nvia=[{port='a'}]\n[[mex.site]]\ninside='a'\nprefixes=['2001:db8:1::/64']\n",
        &["2:8: name is an integer; it must be a string"],
    );
    // Its address cannot be read: a next hop may be on its subnet.
    refused(
        "[[port]]\nname = 'a'\naddress = ['2001:db8::1/640']\n[[route]]\nprefix='::/0'\nvia=[{address='2001:db8::2'}]\n",
        &["3:12: prefix length \"640\" is out of range; it must be from 0 to 128"],
    );
    // Its VRF cannot be read.
    refused(
        "[[port]]\nname = 'a'\nvrf = 1\n[[route]]\nprefix='::/0'\nvrf='red'\nvia=[{port='a'}]\n",
        &["3:7: vrf is an integer; it must be a string"],
    );
}

#[test]
fn without_ports() {
    refused(
        "[[neighbor]]\nport='a'\naddress='2001:db8::2'\nmac='2:0:0:0:0:1'\n",
        &["2:6: there is no port \"a\"; there is no [[port]]"],
    );
}

#[test]
fn egress_deny() {
    refused(
        "[[port]]\nname='a'\negress-deny=['2001:db8::/32', '2001:db8::/32', '2001:db8::1/64', '::']\n",
        &[
            "3:31: 2001:db8::/32 is listed twice; remove one",
            "3:48: 2001:db8::1/64 has bits set beyond its length; write 2001:db8::/64",
            "3:66: :: has no prefix length; write ::/128 for this one address",
        ],
    );
}

#[test]
fn mex_values() {
    refused(
        "[mex]\nnext-header=43\ntrigger=['no-rout', 'mex', 'mex', 'down']\ndeny=['10.0.0.0/8', '::/0', '::/0']\n\
         permit=[{from='2001:db8::1/32', to='x', via=1}, 5]\nenabled='on'\n",
        &[
            "2:13: next-header 43 is Routing; use 253 or 254 (RFC 4727), or another unassigned one",
            "3:10: trigger is \"no-rout\"; did you mean \"no-route\"?",
            "3:28: \"mex\" is listed twice; remove one",
            "3:35: trigger is \"down\"; it must be \"no-route\", \"unreachable\", \"blackhole\", \"mex\" or \"next-hop-down\"",
            "4:7: 10.0.0.0/8 is an IPv4 prefix; an IPv6 prefix is needed",
            "4:29: ::/0 is listed twice; remove one",
            "5:15: 2001:db8::1/32 has bits set beyond its length; write 2001:db8::/32",
            "5:36: \"x\" is not ADDRESS/LENGTH; write it like 2001:db8::/32",
            "5:41: unknown key \"via\" in a permit pair; the keys are: from, to",
            "5:49: an item of permit is an integer; it must be a table",
            "6:9: enabled is \"on\"; it must be true or false",
        ],
    );
}

#[test]
fn mex_sites_and_peers() {
    refused_after_ports(
        "[[mex.site]]\ninside='LAN'\nprefixes=[]\n[[mex.site]]\ninside='lan'\nprefixes=['2001:db8:1::/48', 'fe80::/64', '::/64', '5f00:1::/64']\n\
         [[mex.site]]\ninside='lan'\nprefixes=['2001:db8:1::/64', '2001:db8:1::/64']\n[[mex.site]]\ninside='isp-a'\nprefixes=['2001:db8:1::/64']\n\
         [[mex.peer]]\ninside='lan'\nprefixes=['2001:db8:2::/64']\n[[mex.peer]]\ninside='lan'\nprefixes=['2001:db8:2::/64','2001:db8:3::/64']\n\
         announce=true\n[[mex.peer]]\ninside='isp-a'\nprefixes=['2001:db8:2::/64','2001:db8:3::/64']\n",
        &[
            "11:8: there is no port \"LAN\"; did you mean \"lan\"?",
            "12:10: prefixes is empty; a site has one /64 per provider, at least one",
            "15:11: 2001:db8:1::/48 is not a /64; a site's prefix must be a /64, like 2001:db8:1::/64",
            "15:30: fe80::/64 is link-local; use a prefix that providers route",
            "15:43: ::/64 is reserved; use a prefix that providers route",
            "15:52: 5f00:1::/64 is for SRv6 SIDs (RFC 9602); use a prefix that providers route",
            "18:30: 2001:db8:1::/64 is listed twice; remove one",
            "21:11: 2001:db8:1::/64 belongs to another [[mex.site]] (line 18); a prefix is of one site",
            "24:10: prefixes has less than two; with one there is no alternative, list the /64 of each provider",
            "27:11: 2001:db8:2::/64 belongs to another [[mex.peer]] of this port (line 24); a prefix is of one peer",
            "28:1: unknown key \"announce\" in [[mex.peer]]; the keys are: inside, prefixes",
        ],
    );
}
