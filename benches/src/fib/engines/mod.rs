//! The engines: mexfwd's own tables, and what they are compared with.

pub mod dpdk;
mod mexfwd;
mod planb;

use super::engine::Kind;
use super::table::Family;

/// Every engine there is, mexfwd's default lookup first.
pub fn all() -> Vec<Kind> {
    [mexfwd::KINDS, dpdk::KINDS, planb::KINDS].concat()
}

/// The engines of a family whose names are among `names`, or all of the family if there are no names.
///
/// # Errors
/// A name that no engine has.
pub fn chosen(family: Family, names: &[String]) -> Result<Vec<Kind>, String> {
    let all = all();
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|kind| kind.name != name.as_str())) {
        let known: Vec<&str> = all.iter().map(|kind| kind.name).collect();
        return Err(format!("no engine is called {unknown:?}; there are {}", known.join(", ")));
    }
    let is_chosen = |kind: &Kind| names.is_empty() || names.iter().any(|name| name == kind.name);
    Ok(all.into_iter().filter(|kind| kind.family == family && is_chosen(kind)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fib::check::Check;
    use crate::fib::engine::DEFAULT_BATCH;
    use crate::fib::oracle::Oracle;
    use crate::fib::table::{Route, Table};
    use crate::fib::trace;
    use dataplane::fib::Prefix6;

    #[test]
    fn names_are_checked() {
        let names = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            chosen(Family::V6, &names)
                .map(|kinds| kinds.into_iter().map(|kind| kind.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["planb"]), Ok(vec!["planb"]));
        assert!(names(&[]).unwrap().len() >= 2);
        assert!(
            names(&["planc"]).unwrap_err().starts_with("no engine is called \"planc\"; there are mexfwd, ")
        );
    }

    #[test]
    fn engines_without_eal_agree_with_the_oracle() {
        let table = Table::synthetic(5000);
        let traces = trace::standard(&table, 1000);
        let traces: Vec<_> = traces.iter().collect();
        let check = Check::new(&table, &Oracle::new(table.routes()), &traces);
        for kind in [mexfwd::KINDS, planb::KINDS].concat() {
            if kind.family == Family::V6
                && let Ok(built) = (kind.build)(&table)
            {
                for batch in [1, 7, DEFAULT_BATCH] {
                    assert_eq!(check.mismatches(&*built.engine, batch), (0, None), "{}", kind.name);
                }
                assert!(built.engine.memory_bytes() > 0);
            }
        }
    }

    #[test]
    fn a_wrong_table_is_found_out() {
        let table = Table::synthetic(1000);
        let mut routes = table.routes().to_vec();
        let changed = routes[500];
        routes[500] = Route { next_hop: changed.next_hop + 1, ..changed };
        let check = Check::new(&table, &Oracle::new(&routes), &[]);
        for kind in mexfwd::KINDS.iter().filter(|kind| kind.family == Family::V6) {
            if let Ok(built) = (kind.build)(&table) {
                let (count, first) = check.mismatches(&*built.engine, DEFAULT_BATCH);
                assert!(count >= 1);
                let first = first.unwrap();
                assert!(Prefix6::new(changed.prefix.address(), changed.prefix.len()).contains(first.address));
                assert_eq!((first.expected, first.found), (changed.next_hop + 1, changed.next_hop));
            }
        }
    }

    #[test]
    fn planb_refuses_what_its_keys_cannot_hold() {
        let host = Route { prefix: Prefix6::new(1, 128), next_hop: 1 };
        let table = Table::new(Family::V6, "test", [host]);
        assert!((planb::KINDS[0].build)(&table).is_err());
    }
}
