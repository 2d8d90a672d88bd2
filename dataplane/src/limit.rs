//! Token buckets, kept as one "theoretical arrival time" each (GCRA, ITU-T I.371): no division, no timer.

const NS_PER_SECOND: u64 = 1_000_000_000;

/// Lets `rate` events a second through, `burst` at once.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    /// Time that one event costs, ns.
    cost_ns: u64,
    /// How far ahead of time the bucket may run, ns.
    tolerance_ns: u64,
    /// When the bucket will be full again, ns.
    full_at_ns: u64,
    is_closed: bool,
}

impl TokenBucket {
    /// A full bucket. With `rate` 0 nothing passes, with `burst` 0 one at a time. A rate above 10^9 is without limit.
    pub fn new(rate: u64, burst: u64) -> TokenBucket {
        let cost_ns = NS_PER_SECOND.checked_div(rate).unwrap_or(0);
        let tolerance_ns = cost_ns.saturating_mul(burst.saturating_sub(1));
        TokenBucket { cost_ns, tolerance_ns, full_at_ns: 0, is_closed: rate == 0 }
    }

    /// A bucket that lets everything through.
    pub fn unlimited() -> TokenBucket {
        TokenBucket { cost_ns: 0, tolerance_ns: 0, full_at_ns: 0, is_closed: false }
    }

    /// True when an event at `now_ns` passes; it is then accounted for.
    pub fn take(&mut self, now_ns: u64) -> bool {
        let full_at_ns = self.full_at_ns.max(now_ns);
        if self.is_closed || full_at_ns - now_ns > self.tolerance_ns {
            return false;
        }
        self.full_at_ns = full_at_ns.saturating_add(self.cost_ns);
        true
    }
}

/// Rate and burst of the `ICMPv6` errors of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpLimits {
    /// Errors a second; 0: none.
    pub rate: u64,
    /// Errors at once.
    pub burst: u64,
}

impl Default for IcmpLimits {
    fn default() -> Self {
        IcmpLimits { rate: 1000, burst: 100 }
    }
}

/// A worker's buckets.
#[derive(Clone, Debug)]
pub struct Limits {
    /// By `ICMPv6` type, 1 to 4 (index 0 unused).
    pub icmp: [TokenBucket; 5],
    /// Packets that MEX examines.
    pub mex: TokenBucket,
    /// Copies of packets with the O-flag (RFC 9259).
    pub samples: TokenBucket,
}

impl Limits {
    /// Full buckets.
    pub fn new(icmp: IcmpLimits) -> Limits {
        Limits {
            icmp: std::array::from_fn(|_| TokenBucket::new(icmp.rate, icmp.burst)),
            mex: TokenBucket::unlimited(),
            samples: TokenBucket::new(0, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_then_rate() {
        let mut bucket = TokenBucket::new(1000, 3);
        let passed = |bucket: &mut TokenBucket, now| (0..10).filter(|_| bucket.take(now)).count();
        assert_eq!(passed(&mut bucket, 5_000_000_000), 3);
        assert_eq!(passed(&mut bucket, 5_000_999_999), 0);
        assert_eq!(passed(&mut bucket, 5_001_000_000), 1);
        assert_eq!(passed(&mut bucket, 5_003_000_000), 2);
        assert_eq!(passed(&mut bucket, 9_000_000_000), 3, "never more than the burst");
        assert_eq!(passed(&mut bucket, 1_000_000_000), 0, "time that runs backwards gives nothing");
    }

    #[test]
    fn closed_and_open() {
        assert!(!TokenBucket::new(0, 100).take(1));
        let mut open = TokenBucket::unlimited();
        assert!((0..1000).all(|_| open.take(0)));
    }
}
