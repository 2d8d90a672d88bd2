//! SRv6: what is accepted, and the exact lines for what is not.

mod accepted;
mod policies;
mod sids;
