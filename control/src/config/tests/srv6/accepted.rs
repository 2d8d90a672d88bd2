//! Good SRv6 sections and what they mean.

use crate::config::srv6::{
    Behavior, FlowLabel, HmacMode, HopLimit, LocatorFormat, Mode, OamTarget, TrafficClass, UpperLayers,
};
use crate::config::tests::{PORTS, accepted};
use crate::config::{Prefix6, RouteAction};

const WHOLE: &str = "\
[srv6]
upper-layer = ['icmpv6', 'tcp']
edge-filter = ['5f00::/16', 'fc00::/16']
[srv6.oam]
rate = 7
sink = '[2001:db8::9]:9000'
[[srv6.hmac-key]]
id = 7
secret = 'sesame'
[[srv6.locator]]
name = 'main'
prefix = 'fc00:0:1::/48'
[[srv6.locator]]
name = 'u'
prefix = 'fcbb:0:1::/48'
format = 'usid-f3216'
[[srv6.sid]]
sid = 'fc00:0:1:100::'
behavior = 'End.X'
flavors = ['PSP', 'USD']
via = { address = '2001:db8:a::2', port = 'isp-a' }
[[srv6.sid]]
sid = 'fcbb:0:1::/48'
behavior = 'uN'
hmac = 'require'
[[srv6.sid]]
sid = 'fcbb:0:e001::/48'
behavior = 'uA'
via = { address = '2001:db8:f::2' }
[[srv6.sid]]
sid = 'fc00:0:1:d6::'
behavior = 'End.DT46'
vrf = 'red'
[[srv6.sid]]
sid = '2001:db8:a::1'
behavior = 'End'
[[srv6.sid]]
sid = 'fc00:0:1:2::/80'
behavior = 'End'
flavors = ['REPLACE-CSID', 'PSP']
csid-length = 16
[[srv6.policy]]
name = 'gold'
binding-sid = 'fc00:0:1:b::'
mode = 'encap'
source = '2001:db8::1'
hmac-key = 7
hop-limit = 'copy'
traffic-class = 0x2e
flow-label = 'copy'
candidate-path = [
  { preference = 5, segment-list = [{ segments = ['fc00:0:2::'] }] },
  { preference = 50, segment-list = [{ weight = 3, segments = ['fc00:0:2::', 'fc00:0:3::'] }, { segments = ['fc00:0:4::'] }] },
]
[[srv6.policy]]
name = 'wire'
mode = 'l2-encap-red'
source = '2001:db8::1'
segment-list = [{ segments = ['fc00:0:2:2::'] }]
[[port]]
name = 'access'
sr-domain = true
hmac = 'verify'
policy = 'wire'
[[route]]
prefix = '2001:db8:7::/48'
policy = 'gold'
";

#[test]
fn every_section_is_what_it_says() {
    let (config, warnings) = accepted(&format!("{PORTS}{WHOLE}"));
    let srv6 = &config.srv6;
    assert_eq!(srv6.upper_layers, UpperLayers { icmpv6: true, udp: false, tcp: true });
    let filter: Vec<_> = srv6.edge_filter.iter().map(ToString::to_string).collect();
    assert_eq!(filter, ["5f00::/16", "fc00::/16"]);
    let oam = srv6.oam.as_ref().unwrap();
    assert_eq!((oam.rate, oam.burst), (7, 10));
    assert_eq!(oam.target, OamTarget::Sink("[2001:db8::9]:9000".parse().unwrap()));
    assert_eq!((srv6.hmac_keys[0].id, srv6.hmac_keys[0].secret.as_str()), (7, "sesame"));
    assert!(!format!("{config:?}").contains("sesame"));
    assert_eq!(srv6.locators[1].format, LocatorFormat::UsidF3216);

    let sids = &srv6.sids;
    assert_eq!((sids[0].behavior, sids[0].flavors.names()), (Behavior::EndX, vec!["PSP", "USD"]));
    assert_eq!(sids[0].via_port(&config.ports).unwrap().unwrap().name, "isp-a");
    assert_eq!((sids[1].behavior, sids[1].hmac), (Behavior::End, HmacMode::Require));
    assert!(sids[1].flavors.next_csid && !sids[1].flavors.psp);
    assert_eq!(sids[2].via_port(&config.ports).unwrap().unwrap().name, "lan");
    assert_eq!((sids[2].behavior, sids[2].flavors.names()), (Behavior::EndX, vec!["NEXT-CSID"]));
    assert_eq!(sids[3].vrf.as_deref(), Some("red"));
    assert_eq!((sids[4].sid.prefix().length(), sids[4].sid.to_string().as_str()), (128, "2001:db8:a::1"));
    assert_eq!((sids[5].csid_length, sids[5].sid.to_string().as_str()), (Some(16), "fc00:0:1:2::/80"));
    assert_eq!(config.vrfs(), ["default", "red"]);

    let gold = srv6.policy("gold").unwrap();
    assert_eq!((gold.mode, gold.hmac_key, gold.hop_limit), (Mode::Encap, Some(7), HopLimit::Copy));
    assert_eq!((gold.traffic_class, gold.flow_label), (TrafficClass::Fixed(0x2e), FlowLabel::Copy));
    let paths: Vec<_> =
        gold.candidate_path.iter().map(|path| (path.preference, path.segment_list.len())).collect();
    assert_eq!(paths, [(50, 2), (5, 1)], "the best first");
    assert_eq!(gold.candidate_path[0].segment_list[0].weight, 3);
    let wire = srv6.policy("wire").unwrap();
    assert_eq!((wire.hop_limit, wire.flow_label), (HopLimit::Fixed(64), FlowLabel::Flow));
    assert_eq!(wire.candidate_path[0].preference, 100);
    let access = config.port("access").unwrap();
    assert_eq!((access.sr_domain, access.hmac), (true, HmacMode::Verify));
    assert_eq!(access.policy.as_deref(), Some("wire"));
    assert_eq!(config.routes[0].action, RouteAction::Policy("gold".to_owned()));
    assert_eq!(warnings, ["t.toml:44:7: warning: SID 2001:db8:a::1 lies in no [[srv6.locator]]"]);
}

#[test]
fn without_srv6_only_its_reserved_block_is_filtered() {
    let (config, warnings) = accepted("");
    assert_eq!(
        config.srv6.edge_filter,
        ["5f00::".parse().map(|a| Prefix6::covering(a, 16).unwrap()).unwrap()]
    );
    assert!(config.srv6.sids.is_empty() && config.srv6.oam.is_none() && warnings.is_empty());
    assert_eq!(accepted("[srv6]\nedge-filter=[]").0.srv6.edge_filter, []);
}

#[test]
fn warnings() {
    let warnings = |text: &str| accepted(text).1;
    assert_eq!(
        warnings("[[port]]\nname='a'\n[[srv6.sid]]\nsid='fc00::1'\nbehavior='End'\n"),
        [
            "t.toml:4:5: warning: SID fc00::1 lies in no [[srv6.locator]]",
            "t.toml:4:5: warning: no [[port]] has sr-domain = true: packets that arrive for a SID are dropped",
        ]
    );
    assert_eq!(
        warnings(
            "[[srv6.policy]]\nname='p'\nmode='insert'\nsource='2001:db8::1'\nhop-limit=3\nsegment-list=[{segments=['fc00::1']}]"
        ),
        [
            "t.toml:4:8: warning: mode insert pushes no header: source has no effect",
            "t.toml:5:11: warning: mode insert pushes no header: hop-limit has no effect",
        ]
    );
}

#[test]
fn limits_hold_what_they_say() {
    let segments = |count: usize| {
        let list: Vec<_> = (1..=count).map(|index| format!("'fc00::{index:x}'")).collect();
        format!(
            "[[srv6.policy]]\nname='p'\nmode='encap'\nsource='2001:db8::1'\nsegment-list=[{{segments=[\n{}]}}]",
            list.join(",\n")
        )
    };
    assert_eq!(
        accepted(&segments(64)).0.srv6.policies[0].candidate_path[0].segment_list[0].segments.len(),
        64
    );
    super::super::refused(&segments(65), &["70:1: 65 segments; at most 64 are possible in a list"]);
}
