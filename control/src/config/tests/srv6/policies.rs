//! Policies, and what leads into them.

use crate::config::tests::refused;

fn policy(name: &str, rest: &str) -> String {
    format!("[[srv6.policy]]\nname='{name}'\n{rest}\n")
}

const LIST: &str = "segment-list=[{segments=['fc00::1']}]";

#[test]
fn what_a_mode_needs_and_what_it_does_not() {
    let text = [
        policy("a", &format!("mode='encap'\n{LIST}")),
        policy("b", &format!("mode='l2-encap'\n{LIST}\nbinding-sid='fc00::9'\nsource='2001:db8::1'")),
        policy("c", &format!("mode='encaps'\n{LIST}")),
        policy("d", LIST),
        policy("e", &format!("mode='encap'\n{LIST}\nsource='ff02::1'")),
        policy("f", &format!("mode='encap'\n{LIST}\nsource='192.0.2.1'")),
        policy("g", &format!("mode='encap'\n{LIST}\nsuorce='2001:db8::1'")),
        policy("h", "mode='insert'"),
    ];
    refused(
        &text.concat(),
        &[
            "3:6: mode encap pushes a header and needs source, its address; add it",
            "9:13: mode l2-encap takes frames, and a SID leads packets into it; remove binding-sid",
            "13:6: mode is \"encaps\"; did you mean \"encap\"?",
            "15:1: [[srv6.policy]] has no mode; add mode = \"encap\", or another",
            "22:8: ff02::1 is a multicast address; source must be a unicast address",
            "27:8: \"192.0.2.1\" is not an IPv6 address; write it like fc00:0:2:100::",
            "32:1: unknown key \"suorce\" in [[srv6.policy]]; did you mean \"source\"?",
            "33:1: [[srv6.policy]] has no segment-list; add segment-list = [{ segments = [\"...\"] }]",
        ],
    );
}

#[test]
fn segment_lists() {
    let text = [
        policy("a", "mode='insert'\nsegment-list=[]"),
        policy("b", "mode='insert'\nsegment-list=[{segments=[]}, {weight=0, segments=['fc00::/48']}, {}]"),
        policy("c", "mode='insert'\nsegment-list=[{weight=256, segments=['ff02::1', '::', 'fe80::1', 1]}]"),
        policy("d", "mode='insert'\nsegment-list=[{segments=['fc00::1']}]\ncandidate-path=[]"),
        policy(
            "e",
            "mode='insert'\ncandidate-path=[{preference=1, segment-list=[{segments=['fc00::1']}]},\n\
             {preference=1, segment-list=[]}, {preference=-1}]",
        ),
        policy("f", "mode='insert'\nsegment-list=3"),
    ];
    refused(
        &text.concat(),
        &[
            "4:14: segment-list is empty; list at least one",
            "8:25: a segment list has no segments; list at least one",
            "8:38: weight is 0; it must be an integer from 1 to 255",
            "8:51: \"fc00::/48\" is not an IPv6 address; write it like fc00:0:2:100::",
            "8:66: a segment list has no segments; add segments = [\"...\"]",
            "12:23: weight is 256; it must be an integer from 1 to 255",
            "12:38: ff02::1 is a multicast address; a segment is a unicast address",
            "12:49: :: is the unspecified address; a segment is a unicast address",
            "12:55: fe80::1 is link-local; a segment is a unicast address",
            "12:66: an item of segments is an integer; it must be a string",
            "17:1: segment-list is one candidate path of its own; move it into candidate-path, or remove one",
            "22:13: a candidate path has preference 1 already (line 21); give each its own",
            "22:29: segment-list is empty; list at least one",
            "22:34: a candidate path has no segment-list; add segment-list = [{ segments = [\"...\"] }]",
            "22:46: preference is -1; it must be an integer from 0 to 4294967295",
            "26:14: segment-list is an integer; it must be a list like [{ weight = 1, segments = [\"fc00:0:2:100::\"] }]",
        ],
    );
}

#[test]
fn outer_headers_and_keys() {
    let text = [
        "[[srv6.hmac-key]]\nid=1\nsecret='x'\n".to_owned(),
        policy(
            "a",
            &format!(
                "mode='encap'\nsource='2001:db8::1'\n{LIST}\nhop-limit=0\ntraffic-class=256\nflow-label=0"
            ),
        ),
        policy(
            "b",
            &format!(
                "mode='encap'\nsource='2001:db8::1'\n{LIST}\nhop-limit='cpy'\nflow-label=0x100000\nhmac-key=2"
            ),
        ),
        policy("c", &format!("mode='encap-red'\nsource='2001:db8::1'\n{LIST}\nhmac-key=1")),
        policy("d", &format!("mode='insert-red'\n{LIST}\nhmac-key=1")),
    ];
    refused(
        &text.concat(),
        &[
            "9:11: hop-limit is 0; it must be an integer from 1 to 255, or \"copy\"",
            "10:15: traffic-class is 256; it must be an integer from 0 to 255, or \"copy\"",
            "11:12: flow-label is 0; it must be an integer from 1 to 1048575, or \"flow\" or \"copy\"",
            "17:11: hop-limit is \"cpy\"; it must be an integer from 1 to 255, or \"copy\"",
            "18:12: flow-label is 1048576; it must be an integer from 1 to 1048575, or \"flow\" or \"copy\"",
            "19:10: there is no HMAC key 2; the keys are: 1",
            "25:10: mode encap-red adds no SRH for one segment, and hence no HMAC; use a mode that is not reduced",
        ],
    );
}

#[test]
fn what_leads_into_a_policy() {
    let text = [
        policy("encap", &format!("mode='encap'\nsource='2001:db8::1'\n{LIST}")),
        policy("insert", &format!("mode='insert'\n{LIST}")),
        policy("wire", &format!("mode='l2-encap'\nsource='2001:db8::1'\n{LIST}")),
        "[[route]]\nprefix='2001:db8::/32'\npolicy='wire'\n[[route]]\nprefix='2001:db8::/33'\npolicy='gold'\n".to_owned(),
        "[[port]]\nname='a'\npolicy='encap'\n[[port]]\nname='b'\npolicy='wires'\n".to_owned(),
        "[[srv6.sid]]\nsid='fc00::2'\nbehavior='End.B6.Encaps.Red'\npolicy='encap'\n".to_owned(),
        "[[srv6.sid]]\nsid='fc00::3'\nbehavior='End.B6.Insert'\npolicy='inser'\n".to_owned(),
        "[[srv6.sid]]\nsid='fc00::4'\nbehavior='End.B6.Insert'\npolicy='insert'\n".to_owned(),
    ];
    refused(
        &text.concat(),
        &[
            "17:8: policy \"wire\" has mode l2-encap, which takes frames and no routes; steer it by policy of a [[port]]",
            "20:8: there is no policy \"gold\"; the policies are: encap, insert, wire",
            "23:8: policy \"encap\" has mode encap; a port needs one of mode l2-encap or l2-encap-red",
            "26:8: there is no policy \"wires\"; did you mean \"wire\"?",
            "30:8: policy \"encap\" has mode encap; End.B6.Encaps.Red needs encap-red",
            "34:8: there is no policy \"inser\"; did you mean \"insert\"?",
        ],
    );
}

#[test]
fn ipv4_is_not_inserted_into() {
    let text = policy("insert", &format!("mode='insert'\n{LIST}"));
    refused(
        &format!("{text}[[route]]\nprefix='10.0.0.0/8'\npolicy='insert'\n"),
        &["7:8: policy \"insert\" has mode insert, which takes no IPv4; use a policy of mode encap"],
    );
}

#[test]
fn one_cause_is_one_problem() {
    // The policy's name, mode or key cannot be read: what refers to it is not wrong for that.
    refused(
        "[[srv6.hmac-key]]\nid='x'\nsecret='x'\n[[srv6.policy]]\nname=1\nmode='insert'\nhmac-key=3\nsegment-list=[{segments=['fc00::1']}]\n\
         [[srv6.sid]]\nsid='fc00::3'\nbehavior='End.B6.Insert'\npolicy='p'\n[[route]]\nprefix='::/0'\npolicy='p'\n",
        &[
            "2:4: id is \"x\"; it must be an integer from 1 to 4294967295",
            "5:6: name is an integer; it must be a string",
        ],
    );
    refused(
        "[[srv6.sid]]\nsid='fc00::3'\nbehavior='End.DT6'\nvrv='red'\n[[srv6.policy]]\nname='p'\nmode='encap'\nsource=1\nsegment-list=1\n",
        &[
            "4:1: unknown key \"vrv\" in [[srv6.sid]]; did you mean \"vrf\"?",
            "8:8: source is an integer; it must be a string like \"2001:db8::1\"",
            "9:14: segment-list is an integer; it must be a list like [{ weight = 1, segments = [\"fc00:0:2:100::\"] }]",
        ],
    );
}
