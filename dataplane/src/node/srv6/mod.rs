//! What the SRv6 nodes share: the step from segment to segment, decapsulation, and the changes that are made at last.

pub mod admit;
pub mod advance;
pub mod commit;
pub mod expose;
