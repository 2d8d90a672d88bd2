//! Single values: types, ranges, words, spelling of keys.

use super::{problems, refused};

#[test]
fn unknown_keys_with_the_nearest_known_one() {
    refused(
        "[[port]]\nname = 'a'\nadress = []\nspeed = 1\n\n[mexx]\n[dpdk]\nworker = [1]\n",
        &[
            "3:1: unknown key \"adress\" in [[port]]; did you mean \"address\"?",
            "4:1: unknown key \"speed\" in [[port]]; the keys are: name, device, queues, mac, mtu, vrf, address, \
             sr-domain, egress-deny, hmac, policy",
            "6:2: unknown key \"mexx\" in the file; did you mean \"mex\"?",
            "8:1: unknown key \"worker\" in [dpdk]; did you mean \"workers\"?",
        ],
    );
}

#[test]
fn snake_case_is_not_kebab_case() {
    refused(
        "[mex]\nnext_header = 253\n",
        &["2:1: unknown key \"next_header\" in [mex]; did you mean \"next-header\"?"],
    );
}

#[test]
fn every_wrong_type_at_once() {
    refused(
        "[[port]]\nname = 1\ndevice = true\nqueues = '1'\nmac = []\nmtu = 1500.0\nvrf = {}\naddress = 'x'\n\
         sr-domain = 'yes'\n  egress-deny = [1, 2]\n",
        &[
            "2:8: name is an integer; it must be a string",
            "3:10: device is a boolean; it must be a string: a PCI address or a DPDK vdev",
            "4:10: queues is \"1\"; it must be an integer from 1 to 64",
            "5:7: mac is a list; it must be a string like \"02:00:00:00:00:0a\"",
            "6:7: mtu is a floating-point number; it must be an integer from 1280 to 9600",
            "7:7: vrf is a table; it must be a string",
            "8:11: address is a string; it must be a list of strings like [\"2001:db8:a::1/64\"]",
            "9:13: sr-domain is \"yes\"; it must be true or false",
            "10:18: an item of egress-deny is an integer; it must be a string",
            "10:21: an item of egress-deny is an integer; it must be a string",
        ],
    );
}

#[test]
fn sections_of_the_wrong_kind() {
    refused(
        "icmp = 1\n[port]\nname = 'a'\n[[mex]]\n",
        &[
            "1:8: icmp is an integer; it must be the section [icmp]",
            "2:1: port is a table; it must be a list of sections, each written [[port]]",
            "4:1: there is only one [mex]; write [mex], not [[mex]]",
        ],
    );
}

#[test]
fn integers_out_of_range() {
    refused(
        "[[port]]\nname='a'\nmtu = 1279\n[[port]]\nname='b'\nmtu = 9601\nqueues = 0\n\
         [icmp]\nrate = -1\nburst = 0\n[mex]\nnext-header = 256\noption-type = 1\nmax-prefixes = 0\n\
         max-headers = 17\nmax-octets = 99999999999999999999999999999999999999999999\nburst = 0x0\n",
        &[
            "3:7: mtu is 1279; it must be an integer from 1280 to 9600",
            "6:7: mtu is 9601; it must be an integer from 1280 to 9600",
            "7:10: queues is 0; it must be an integer from 1 to 64",
            "9:8: rate is -1; it must be an integer from 0 to 10000000",
            "10:9: burst is 0, which never sends; use 1 or more, or rate = 0 to send none",
            "12:15: next-header is 256; it must be an integer from 0 to 255",
            "13:15: option-type is 1; it must be an integer from 2 to 255",
            "14:16: max-prefixes is 0; it must be an integer from 1 to 255",
            "15:15: max-headers is 17; it must be an integer from 1 to 16",
            "16:14: max-octets is out of range; it must be an integer from 8 to 2048",
            "17:9: burst is 0; it must be an integer from 1 to 1000000000",
        ],
    );
    assert!(
        problems("[[port]]\nname='a'\nmtu=1280\n[[port]]\nname='b'\nmtu=9_600\n[icmp]\nrate=0\nburst=0")
            .is_empty()
    );
}

#[test]
fn dpdk() {
    refused(
        "[dpdk]\nworkers = [1, 1024, 2, 1, 'x']\nmemory = '512'\nhugepages = 'of'\nidle = 'sleepy'\n",
        &[
            "2:15: an item of workers is 1024; it must be an integer from 0 to 1023",
            "2:24: core 1 is listed twice; a worker has a core to itself",
            "2:27: an item of workers is \"x\"; it must be an integer from 0 to 1023",
            "3:10: memory is \"512\"; it must be a number and K, M or G, like \"512M\"",
            "4:13: hugepages is \"of\"; did you mean \"off\"?",
            "5:8: idle is \"sleepy\"; it must be \"spin\" or \"adaptive\"",
        ],
    );
    refused("[dpdk]\nworkers=[]\n", &["2:9: workers names no core; name at least one, like [1]"]);
    for memory in ["1M", "2000G", "99999999999999999999G", "1152921504606846977G"] {
        let expected = format!("2:8: memory is \"{memory}\"; it must be from 16M to 1024G");
        refused(&format!("[dpdk]\nmemory='{memory}'"), &[&expected]);
    }
    for memory in ["M", "-1M", "1 M", "M512", "512m", ""] {
        assert_eq!(problems(&format!("[dpdk]\nmemory='{memory}'")).len(), 1, "{memory}");
    }
}

#[test]
fn addresses_of_a_port() {
    refused(
        "[[port]]\nname = 'a'\naddress = ['2001:db8::1', '2001:db8::1/129', 'x', 'ff02::1/64', '::/64', \
         '::1/128', '2001:db8::2/0', '::ffff:1.2.3.4/128', '255.255.255.255/32', '192.0.2.1/33']\n",
        &[
            "3:12: 2001:db8::1 has no prefix length; write 2001:db8::1/128 or the subnet's length",
            "3:27: prefix length \"129\" is out of range; it must be from 0 to 128",
            "3:46: \"x\" is not ADDRESS/LENGTH; write it like 2001:db8::/32",
            "3:51: ff02::1 is a multicast address; a port needs a unicast address",
            "3:65: :: is the unspecified address; a port needs a unicast address",
            "3:74: ::1 is a loopback address; a port needs a unicast address",
            "3:85: 2001:db8::2/0 makes every address a neighbor; write the subnet's length",
            "3:102: ::ffff:1.2.3.4 is an IPv4-mapped address; a port needs a unicast address",
            "3:124: 255.255.255.255 is the broadcast address; a port needs a unicast address",
            "3:146: prefix length \"33\" is out of range; it must be from 0 to 32",
        ],
    );
}

#[test]
fn ipv4_of_a_port() {
    refused(
        "[[port]]\nname = 'a'\naddress = ['192.0.2.0/24', '192.0.2.255/24', '192.0.2.3/30', '10.0.0.0/31', \
         '127.0.0.1/8']\n",
        &[
            "3:12: 192.0.2.0 is the address of its subnet itself; a port needs an address of its own",
            "3:28: 192.0.2.255 is the broadcast address of its subnet; a port needs an address of its own",
            "3:46: 192.0.2.3 is the broadcast address of its subnet; a port needs an address of its own",
            "3:77: 127.0.0.1 is a loopback address; a port needs a unicast address",
        ],
    );
}

#[test]
fn mac_addresses() {
    let port = |mac: &str| format!("[[port]]\nname='a'\nmac='{mac}'");
    let wrong = |mac: &str| format!("3:5: \"{mac}\" is not a MAC address; write it like 02:00:00:00:00:0a");
    for mac in [
        "",
        "02:00:00:00:00",
        "02:00:00:00:00:0a:0b",
        "0g:00:00:00:00:00",
        "002:0:0:0:0:0",
        "+2:0:0:0:0:0",
        "02:00-00:00:00:00",
    ] {
        refused(&port(mac), &[&wrong(mac)]);
    }
    refused(
        &port("01:00:5e:00:00:01"),
        &["3:5: \"01:00:5e:00:00:01\" is a multicast MAC address; the first octet must be even"],
    );
    refused(
        &port("00:00:00:00:00:00"),
        &["3:5: \"00:00:00:00:00:00\" is no station's MAC address; use one that is not all zeros"],
    );
    assert!(problems(&port("02-00-00-00-00-0A")).is_empty());
}

#[test]
fn names() {
    let rule = "use 1 to 64 letters, digits and -_., the first a letter or digit";
    refused(
        "[[port]]\nname = ''\n[[port]]\nname = 'a=b'\nvrf = '-x'\n",
        &[
            &format!("2:8: port name \"\" is not possible; {rule}"),
            &format!("4:8: port name \"a=b\" is not possible; {rule}"),
            &format!("5:7: VRF name \"-x\" is not possible; {rule}"),
        ],
    );
    let long = "x".repeat(65);
    refused(
        &format!("[[port]]\nname = '{long}'\n"),
        &[&format!("2:8: port name \"{long}\" is not possible; {rule}")],
    );
}

#[test]
fn missing_keys_at_the_section() {
    refused(
        "[[port]]\n[[neighbor]]\n[[route]]\n\n  [[mex.site]]\n[[mex.peer]]\n[mex]\npermit = [{}]\n",
        &[
            "1:1: [[port]] has no name; add name = \"...\"",
            "2:1: [[neighbor]] has no port; add port = \"...\"",
            "2:1: [[neighbor]] has no address; add address = \"...\"",
            "2:1: [[neighbor]] has no mac; add mac = \"...\"",
            "3:1: [[route]] has none of via, action and policy; add one",
            "3:1: [[route]] has no prefix; add prefix = \"...\"",
            "5:3: [[mex.site]] has no inside; add inside = \"...\"",
            "5:3: [[mex.site]] has no prefixes; add prefixes = [\"...\"]",
            "6:1: [[mex.peer]] has no inside; add inside = \"...\"",
            "6:1: [[mex.peer]] has no prefixes; add prefixes = [\"...\"]",
            "8:11: a permit pair has no from; add from = \"...\", or \"::/0\" for any",
            "8:11: a permit pair has no to; add to = \"...\", or \"::/0\" for any",
        ],
    );
}

#[test]
fn columns_count_characters() {
    refused(
        "[[port]] # é\nname = \"a\"\ndevice = \"été\u{1}\"\r\n\tmtu = 'ß' # x\r\nvrf = 'ééé', x = 1\n",
        &[
            "3:14: not TOML: invalid basic string; expected non-double-quote visible characters, `\\`",
            "5:12: not TOML: unexpected key or value; expected newline, `#`",
        ],
    );
    refused(
        "port = [{name = 'ü', mtu = 1}]\r\n\tbad = 1\r\n",
        &[
            "1:17: port name \"ü\" is not possible; use 1 to 64 letters, digits and -_., the first a letter or digit",
            "1:28: mtu is 1; it must be an integer from 1280 to 9600",
            "2:2: unknown key \"bad\" in the file; the keys are: port, neighbor, route, dpdk, icmp, mex, srv6",
        ],
    );
}

#[test]
fn a_misspelt_key_is_not_missing_too() {
    refused(
        "[[port]]\nnmae = 'a'\n[[route]]\nprefx = '::/0'\nacton = 'mex'\n",
        &[
            "2:1: unknown key \"nmae\" in [[port]]; did you mean \"name\"?",
            "4:1: unknown key \"prefx\" in [[route]]; did you mean \"prefix\"?",
            "5:1: unknown key \"acton\" in [[route]]; did you mean \"action\"?",
        ],
    );
}
