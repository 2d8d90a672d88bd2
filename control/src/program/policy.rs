//! The MEX policy for the workers, from the configuration and what is this node's own.

use dataplane::fib::Prefix6;
use dataplane::table::{MexPolicy, Peer, Site, mex};
use dataplane::wire::ext::WalkBounds;

use crate::config;
use crate::family;

/// The high halves of /64 prefixes.
pub fn high_halves(prefixes: &[config::Prefix6]) -> Box<[u64]> {
    prefixes.iter().map(|prefix| (prefix.address() >> 64) as u64).collect()
}

fn prefix6(prefix: &config::Prefix6) -> Prefix6 {
    family::prefix((*prefix).into())
}

/// Compiles the policy; `own` are this node's addresses, `srv6` says where SIDs are: none of them is ever an alternative.
pub fn compile(mex: &config::Mex, srv6: &config::srv6::Srv6, own: impl Iterator<Item = u128>) -> MexPolicy {
    let refused = mex::UNUSABLE
        .into_iter()
        .chain(mex.deny.iter().map(prefix6))
        .chain(own.map(|address| Prefix6::new(address, 128)))
        .chain(srv6.space().map(|prefix| prefix6(&prefix)))
        .collect();
    let permit = mex.permit.as_ref().map(|pairs| {
        pairs.iter().map(|pair| mex::Permit { from: prefix6(&pair.from), to: prefix6(&pair.to) }).collect()
    });
    MexPolicy {
        triggers: mex.effective_triggers(),
        next_header: mex.next_header,
        max_prefixes: mex.max_prefixes,
        bounds: WalkBounds { max_headers: mex.max_headers, max_octets: mex.max_octets },
        refused,
        permit,
        rate: mex.rate,
        burst: mex.burst,
        sites: mex.sites.iter().map(|site| Site { prefixes: high_halves(&site.prefixes) }).collect(),
        peers: mex.peers.iter().map(|peer| Peer { prefixes: high_halves(&peer.prefixes) }).collect(),
    }
}
