//! Scripts of commands: any text is a list of commands or a list of problems.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match control::command::parse_script("script", text) {
        Ok(commands) => assert!(commands.is_sorted_by_key(|(before, _)| *before)),
        Err(problems) => assert!(!problems.is_empty()),
    }
});
