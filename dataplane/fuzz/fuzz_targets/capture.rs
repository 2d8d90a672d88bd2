//! Captures: any octets are frames or an error, in bounded memory and time.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    if let Ok(frames) = control::replay::capture::parse(octets) {
        let total: usize = frames.iter().map(|frame| frame.octets.len()).sum();
        assert!(total <= octets.len(), "more octets than the file has");
    }
});
