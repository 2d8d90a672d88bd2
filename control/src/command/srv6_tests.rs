//! Commands about SIDs and policies, in words and in JSON.

use super::*;

fn parse(words: &str) -> Result<Command, String> {
    Command::parse(&words.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>())
}

/// A command is what it says in words and in JSON.
#[track_caller]
fn reads(words: &str, canonical: &str) -> Command {
    let command = parse(words).unwrap();
    assert_eq!(command.to_string(), canonical);
    assert_eq!(parse(canonical).as_ref(), Ok(&command));
    let json = serde_json::to_string(&command).unwrap();
    assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), command, "{json}");
    command
}

#[test]
fn sids() {
    let words = "sid add fc00:0:1:100:: behavior End.X flavors PSP,USD via 2001:db8:a::2 dev isp-a";
    let Command::SidAdd(sid) = reads(words, words) else { panic!("{words}") };
    assert_eq!((sid.behavior, sid.flavors.names()), (Behavior::EndX, vec!["PSP", "USD"]));
    assert_eq!(sid.via.as_ref().and_then(|via| via.port.as_deref()), Some("isp-a"));
    reads(
        "sid replace fc00:0:1::/48 hmac verify block-length 16 behavior uN",
        "sid replace fc00:0:1::/48 behavior End flavors NEXT-CSID block-length 16 hmac verify",
    );
    let words = "sid add fc00::2 behavior End.DX2 dev p";
    let Command::SidAdd(sid) = reads(words, words) else { panic!("{words}") };
    assert_eq!((sid.port.as_deref(), sid.via), (Some("p"), None));
    reads("sid add fc00::3 behavior End.DT4 vrf red", "sid add fc00::3 behavior End.DT4 vrf red");
    reads("sid delete fc00::3 behavior End.DT4 vrf red", "sid del fc00::3");
    reads("route add 10.0.0.0/8 policy gold vrf red", "route add 10.0.0.0/8 vrf red policy gold");
}

#[test]
fn policies() {
    let words = "policy add gold mode encap source 2001:db8::1 binding-sid fc00::b hmac-key 7 hop-limit copy \
                 traffic-class 46 flow-label 5 segments fc00::1,fc00::2 weight 3 preference 200 segments fc00::4 preference 200 \
                 segments fc00::3";
    let Command::PolicyAdd(policy) = reads(words, words) else { panic!("{words}") };
    let paths: Vec<_> =
        policy.candidate_path.iter().map(|path| (path.preference, path.segment_list.len())).collect();
    assert_eq!(paths, [(200, 2), (100, 1)]);
    reads(
        "policy replace x segments fc00::1 weight 1 preference 100 mode insert",
        "policy replace x mode insert segments fc00::1",
    );
    reads("policy del gold", "policy del gold");
}

#[test]
fn what_is_wrong() {
    let wrong = |words: &str, message: &str| assert_eq!(parse(words), Err(message.to_owned()), "{words}");
    wrong("sid add fc00::1", "the SID has no behavior; add behavior End, or another");
    wrong("sid add ff02::1 behavior End", "ff02::1 is multicast; a SID is a unicast address");
    wrong("sid add fc00::1 behavior End.DT7", "unknown word \"End.DT7\"; did you mean \"End.DT6\"?");
    wrong(
        "sid add fc00::1 behavior End flavors PSP,X",
        "unknown word \"X\"; \"PSP\", \"USP\", \"USD\", \"NEXT-CSID\" or \"REPLACE-CSID\" is possible here",
    );
    wrong("sid add fc00::1 behavior End behavior End", "\"behavior\" is given twice; remove one");
    wrong("sid add fc00::1 behavior End.DT6", "End.DT6 needs vrf, the table that it looks up in; add it");
    wrong("sid add fc00::1 behavior End via fe80::1 dev a", "via has no meaning for End; remove it");
    wrong("sid add fc00::1 behaviour End", "unknown word \"behaviour\"; did you mean \"behavior\"?");
    wrong(
        "policy add gold mode encap segments fc00::1",
        "mode encap pushes a header and needs source, its address; add it",
    );
    wrong(
        "policy add g%d mode insert segments fc00::1",
        "policy name \"g%d\" is not possible; use 1 to 64 letters, digits and -_., the first a letter or digit",
    );
    wrong("policy add gold segments fc00::1", "the policy has no mode; add mode encap, or another");
    wrong("policy add gold mode insert", "the policy has no segment list; add segments SID,SID,...");
    wrong(
        "policy add gold mode insert weight 3",
        "\"weight\" speaks of the segments before it, and there are none",
    );
    wrong("policy add gold mode insert segments fc00::1,x", "\"x\" is not an IPv6 address");
    wrong(
        "policy add gold mode insert segments fc00::1,ff02::1",
        "ff02::1 is a multicast address; a segment is a unicast address",
    );
    wrong(
        "policy add gold mode insert segments fc00::1 weight 0",
        "weight is \"0\"; it must be an integer from 1 to 255",
    );
    let many = vec!["fc00::1"; 65].join(",");
    wrong(
        &format!("policy add gold mode insert segments {many}"),
        "65 segments; at most 64 are possible in a list",
    );
    wrong("route add ::/0 policy a dev b", "the route has a next hop and another action; remove one");
    wrong("route add ::/0 policy a policy b", "\"policy\" is one action too many; a route has one");
}

#[test]
fn values_that_only_json_can_carry_are_checked() {
    let check = |json: &str| serde_json::from_str::<Command>(json).map(|command| command.check());
    let policy = |paths: &str| {
        check(&format!(r#"{{"command":"policy-add","name":"p","mode":"insert","candidate-path":[{paths}]}}"#))
            .unwrap()
    };
    assert!(policy("").is_err() && policy(r#"{"segment-list":[]}"#).is_err());
    assert!(policy(r#"{"segment-list":[{"segments":[]}]}"#).is_err());
    assert!(policy(r#"{"segment-list":[{"segments":["fc00::1"],"weight":0}]}"#).is_err());
    let list = r#"{"segment-list":[{"segments":["fc00::1"]}]}"#;
    assert_eq!(policy(list), Ok(()));
    assert!(policy(&format!("{list},{list}")).is_err(), "one preference twice");
    assert!(check(r#"{"command":"sid-add","sid":"fc00::1","behavior":"End","flavor":"PSP"}"#).is_err());
    assert!(check(r#"{"command":"sid-add","sid":"fc00::1/48","behavior":"End"}"#).is_err());
    assert_eq!(check(r#"{"command":"sid-add","sid":"fc00::1","behavior":"End"}"#).unwrap(), Ok(()));
}
