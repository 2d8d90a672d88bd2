//! The oracle: longest-prefix match as RFC 4632, 5.1 says it, in the plainest way there is.

use dataplane::fib::Prefix6;
use hashbrown::HashMap;

use super::table::Route;

/// One hash map for each prefix length, asked from the longest to the shortest.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    /// Longest first; each with the routes of that length.
    lengths: Vec<(u8, HashMap<u128, u32>)>,
}

impl Oracle {
    /// An oracle for these routes; of two with one prefix the later one counts.
    pub fn new(routes: &[Route]) -> Oracle {
        let mut oracle = Oracle::default();
        for route in routes {
            oracle.announce(*route);
        }
        oracle
    }

    /// Adds a route, or changes its next hop.
    pub fn announce(&mut self, route: Route) {
        let len = route.prefix.len();
        let at = self.lengths.partition_point(|(other, _)| *other > len);
        if self.lengths.get(at).is_none_or(|(other, _)| *other != len) {
            self.lengths.insert(at, (len, HashMap::new()));
        }
        self.lengths[at].1.insert(route.prefix.address(), route.next_hop);
    }

    /// Takes a route away, if it is there.
    pub fn withdraw(&mut self, prefix: Prefix6) {
        if let Some((_, routes)) = self.lengths.iter_mut().find(|(len, _)| *len == prefix.len()) {
            routes.remove(&prefix.address());
        }
    }

    /// The next hop of the longest prefix that contains `address`; 0 when there is none.
    pub fn lookup(&self, address: u128) -> u32 {
        let of_length = |(len, routes): &(u8, HashMap<u128, u32>)| {
            routes.get(&Prefix6::new(address, *len).address()).copied()
        };
        self.lengths.iter().find_map(of_length).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins() {
        let route =
            |address: u128, len: u8, next_hop: u32| Route { prefix: Prefix6::new(address, len), next_hop };
        let host = 0x2001_0db8 << 96 | 1;
        let mut oracle =
            Oracle::new(&[route(0, 0, 9), route(host, 32, 1), route(host, 64, 2), route(host, 128, 3)]);
        let found =
            [host, host + 1, host + (1 << 64), host + (1 << 96)].map(|address| oracle.lookup(address));
        assert_eq!(found, [3, 2, 1, 9]);
        oracle.withdraw(Prefix6::new(host, 128));
        oracle.withdraw(Prefix6::new(0, 0));
        oracle.announce(route(host, 64, 5));
        assert_eq!([host, host + (1 << 96)].map(|address| oracle.lookup(address)), [5, 0]);
    }
}
