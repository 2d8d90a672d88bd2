//! mexfwd.

fn main() {}
