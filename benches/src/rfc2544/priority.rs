//! The best priority that there is below real time, for both sides: what else runs on the machine gets little, and often
//! nothing, while polling threads have their cores.

use std::fs;

use rustix::process::{getpriority_process, setpriority_process};

/// The highest one (nice).
const HIGHEST: i32 = -20;
/// Where the kernel groups tasks by session, this counts between groups, and the above within them.
const GROUP: &str = "/proc/self/autogroup";

/// The raised priority of this process and of those that it starts from now on; what was before comes back at the end.
#[derive(Debug)]
pub struct Priority {
    nice: i32,
    group: Option<String>,
}

impl Priority {
    /// Raises it. `None` where that is not allowed: only root may.
    pub fn raise() -> Option<Priority> {
        let nice = getpriority_process(None).ok()?;
        setpriority_process(None, HIGHEST).ok()?;
        // "/autogroup-123 nice 0"
        let group =
            fs::read_to_string(GROUP).ok().and_then(|text| Some(text.split_whitespace().last()?.to_owned()));
        let group = group.filter(|_| fs::write(GROUP, HIGHEST.to_string()).is_ok());
        Some(Priority { nice, group })
    }
}

impl Drop for Priority {
    fn drop(&mut self) {
        let _ = setpriority_process(None, self.nice);
        if let Some(group) = &self.group {
            let _ = fs::write(GROUP, group);
        }
    }
}
