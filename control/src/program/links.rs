//! Which adjacencies are on which port: what dies with a link, for whoever learns of its end first.
//!
//! The thread that watches links must not wait for control, which may have a full table to program. So it marks the
//! adjacencies itself: [`Links::cut`] on a link's end, [`Links::mend`] when it is back. Control hears of both in order and
//! does the rest; until it has brought all tables to the workers, and while a link is cut, nothing on it comes to life.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dataplane::id::{AdjacencyId, MAX_ADJACENCIES, MAX_PORTS, PortId};
use dataplane::table::Liveness;

const WORDS: usize = MAX_ADJACENCIES.div_ceil(u64::BITS as usize);

/// The adjacencies on one port, a bit each: to visit them all costs a look at 2 KiB.
#[derive(Debug)]
struct OnPort {
    ids: Box<[u64; WORDS]>,
    is_cut: bool,
}

impl OnPort {
    fn ids(&self) -> impl Iterator<Item = AdjacencyId> {
        (0u32..).step_by(u64::BITS as usize).zip(self.ids.iter()).flat_map(|(first, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(AdjacencyId(first + bit))
            })
        })
    }

    fn put(&mut self, id: AdjacencyId, is_there: bool) {
        let bit = 1 << (id.0 % u64::BITS);
        if let Some(word) = self.ids.get_mut(id.index() / u64::BITS as usize) {
            *word = if is_there { *word | bit } else { *word & !bit };
        }
    }
}

/// See the module. Only control's threads take its lock, for microseconds; workers read [`Liveness`] alone.
#[derive(Debug)]
pub struct Links {
    liveness: Arc<Liveness>,
    ports: Mutex<Vec<OnPort>>,
}

impl Links {
    /// No adjacency, no link that is cut.
    pub fn new(liveness: Arc<Liveness>) -> Links {
        let none = || OnPort { ids: Box::new([0; WORDS]), is_cut: false };
        Links { liveness, ports: Mutex::new((0..MAX_PORTS).map(|_| none()).collect()) }
    }

    /// What is behind the lock is whole between any two of its stores: a panic elsewhere does no harm to it.
    fn ports(&self) -> MutexGuard<'_, Vec<OnPort>> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link has ended: every adjacency on the port is dead from now on, and stays so until [`Links::mend`].
    pub fn cut(&self, port: PortId) {
        if let Some(on_port) = self.ports().get_mut(port.index()) {
            on_port.is_cut = true;
            on_port.ids().for_each(|id| self.liveness.set(id, false));
        }
    }

    /// The link is back. Nothing lives yet: control says when.
    pub fn mend(&self, port: PortId) {
        if let Some(on_port) = self.ports().get_mut(port.index()) {
            on_port.is_cut = false;
        }
    }

    /// Every adjacency on the port is dead from now on, until control says otherwise.
    pub(super) fn kill(&self, port: PortId) {
        if let Some(on_port) = self.ports().get(port.index()) {
            on_port.ids().for_each(|id| self.liveness.set(id, false));
        }
    }

    /// A number for a neighbor on this port; it lives unless the link is cut.
    pub(super) fn add(&self, port: PortId, id: AdjacencyId) {
        if let Some(on_port) = self.ports().get_mut(port.index()) {
            on_port.put(id, true);
            self.liveness.set(id, !on_port.is_cut);
        }
    }

    /// The number names nobody any more.
    pub(super) fn remove(&self, port: PortId, id: AdjacencyId) {
        if let Some(on_port) = self.ports().get_mut(port.index()) {
            on_port.put(id, false);
        }
    }

    /// An adjacency on this port is dead, or lives: unless the link is cut.
    pub(super) fn set(&self, port: PortId, id: AdjacencyId, is_up: bool) {
        if let Some(on_port) = self.ports().get(port.index()) {
            self.liveness.set(id, is_up && !on_port.is_cut);
        }
    }

    /// True unless the adjacency is marked dead.
    pub(super) fn is_up(&self, id: AdjacencyId) -> bool {
        self.liveness.is_up(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_link_kills_what_is_on_it_and_nothing_lives_before_it_is_mended() {
        let liveness = Arc::<Liveness>::default();
        let links = Links::new(Arc::clone(&liveness));
        let (a, b) = (PortId(0), PortId(MAX_PORTS as u16 - 1));
        let on_a = [0, 63, 64, MAX_ADJACENCIES as u32 - 1].map(AdjacencyId);
        let on_b = [1, 65].map(AdjacencyId);
        for id in on_a {
            links.add(a, id);
        }
        for id in on_b {
            links.add(b, id);
        }
        let are_up = |ids: &[AdjacencyId]| -> Vec<_> { ids.iter().map(|id| liveness.is_up(*id)).collect() };
        links.cut(a);
        assert_eq!(are_up(&on_a), [false; 4]);
        assert_eq!(are_up(&on_b), [true; 2]);
        // Control has not heard of it yet.
        links.set(a, on_a[0], true);
        links.add(a, AdjacencyId(7));
        assert!(!liveness.is_up(on_a[0]) && !liveness.is_up(AdjacencyId(7)));
        links.mend(a);
        assert_eq!(are_up(&on_a), [false; 4], "the workers' tables may still say that the port is down");
        links.set(a, on_a[0], true);
        assert_eq!(are_up(&on_a), [true, false, false, false]);
        links.remove(b, on_b[0]);
        links.kill(b);
        assert_eq!(are_up(&on_b), [true, false], "who is not there any more is not killed");
        // No such port.
        links.cut(PortId(MAX_PORTS as u16));
    }
}
