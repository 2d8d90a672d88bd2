//! A worker that is polled by hand: who asks for a change hears of it when the worker has it, and not before.

use std::sync::Arc;

use dataplane::buffer::HeapBuf;
use dataplane::fib::FibError;
use dataplane::id::{NextHopId, PortId};
use dataplane::table::{Liveness, NextHop};
use dataplane::update::Rings;
use dataplane::wire::ethernet::Mac;
use dataplane::worker::{Arrivals, PacketIo, Worker};
use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::ask;
use crate::program::ProgramError;
use crate::router::{Buffers, Mode};

struct Heap;

impl Buffers<HeapBuf> for Heap {
    fn make(&mut self, frame: &[u8]) -> Option<HeapBuf> {
        Some(HeapBuf::new(frame, 0))
    }
}

struct Silence;

impl PacketIo<HeapBuf> for Silence {
    fn receive_queues(&self) -> usize {
        1
    }

    fn receive(&mut self, _queue: usize, _arrivals: &mut Arrivals<'_, HeapBuf>) {}

    fn transmit(&mut self, _port: PortId, frames: &mut [Option<HeapBuf>]) {
        for frame in frames {
            drop(frame.take());
        }
    }
}

struct Node {
    router: Router<HeapBuf>,
    workers: [Worker<HeapBuf>; 2],
    unanswered: Unanswered,
    now_ns: u64,
}

type Reply = oneshot::Receiver<Answer>;

const PORTS: &str = "[[port]]\nname = \"a\"\naddress = [\"2001:db8:a::1/64\"]\n\
    [[neighbor]]\nport = \"a\"\naddress = \"2001:db8:a::2\"\nmac = \"02:00:00:00:00:a2\"\n\
    [[route]]\nprefix = \"3fff::/20\"\nvia = [{ address = \"2001:db8:a::2\", port = \"a\" }]\n";

impl Node {
    /// With its first tables in effect.
    fn new() -> Node {
        let (config, _) = crate::config::parse("a.toml", PORTS).unwrap();
        let liveness = Arc::<Liveness>::default();
        let rings = [Arc::<Rings<HeapBuf>>::default(), Arc::default()];
        let workers = rings.clone().map(|rings| Worker::new(rings, Arc::clone(&liveness)));
        let macs = [Mac([2, 0, 0, 0, 0, 1])];
        let router =
            Router::new(config, &macs, liveness, rings.to_vec(), Mode::REPLAY, &mut Heap, 0).unwrap();
        let mut node = Node { router, workers, unanswered: Unanswered::default(), now_ns: 0 };
        let mut mark = Mark::default();
        for _ in 0..100 {
            node.poll(0);
            node.poll(1);
            node.turn();
            if node.router.is_in_effect(&mut mark) {
                return node;
            }
        }
        panic!("the first tables are not in effect");
    }

    fn command(words: &str) -> Command {
        Command::parse(&words.split(' ').collect::<Vec<_>>()).unwrap()
    }

    fn ask(&mut self, ask: &Ask) -> Reply {
        let answer = ask::answer(&mut self.router, ask, &mut Heap, self.now_ns);
        let (reply, receiver) = oneshot::channel();
        self.unanswered.add(ask, answer, reply, &self.router, self.now_ns);
        self.turn();
        receiver
    }

    fn change(&mut self, words: &str) -> Reply {
        self.ask(&Ask::Change(Node::command(words)))
    }

    fn batch(&mut self, words: &[&str]) -> Reply {
        let commands = words.iter().map(|words| Node::command(words)).collect();
        self.ask(&Ask::Batch { commands, force: false })
    }

    fn poll(&mut self, worker: usize) {
        self.workers[worker].poll(&mut Silence, self.now_ns);
    }

    /// One turn of the loop.
    fn turn(&mut self) {
        self.router.push();
        self.unanswered.turn(&self.router, self.now_ns);
    }

    /// What a worker does with a destination.
    fn seen_by(&self, worker: usize, address: &str) -> NextHop {
        let address: std::net::Ipv6Addr = address.parse().unwrap();
        let tables = self.workers[worker].tables();
        let found = tables.fib(VrfId(0)).map_or(NextHopId::NO_ROUTE, |fib| fib.lookup(address.to_bits()));
        tables.next_hops.entry(found)
    }

    /// Polls the first worker often and the second not at all, then both; the reply came when both had it. `is_there` is asked
    /// of each worker at that time.
    fn assert_answered_when_there(&mut self, mut reply: Reply, is_there: impl Fn(&Node, usize) -> bool) {
        for _ in 0..10 {
            self.poll(0);
            self.turn();
            assert_eq!(reply.try_recv(), Err(TryRecvError::Empty), "the second worker does not have it");
        }
        for _ in 0..10 {
            self.poll(0);
            self.poll(1);
            self.turn();
            match reply.try_recv() {
                Ok(answer) => {
                    assert!(answer.as_ref().is_ok_and(|a| a.get("warning").is_none()), "{answer:?}");
                    assert!(is_there(self, 0) && is_there(self, 1));
                    return;
                }
                Err(error) => assert_eq!(error, TryRecvError::Empty),
            }
        }
        panic!("no answer");
    }
}

#[test]
fn a_new_next_hop_is_answered_when_the_last_worker_has_it() {
    let mut node = Node::new();
    let reply = node.change("route add 4000::/16 via 2001:db8:a::3");
    let is_there = |node: &Node, worker| matches!(node.seen_by(worker, "4000::1"), NextHop::Adjacency(_));
    node.assert_answered_when_there(reply, is_there);
}

#[test]
fn a_port_that_comes_back_is_answered_when_its_routes_are_there() {
    let mut node = Node::new();
    let is_there = |node: &Node, worker| matches!(node.seen_by(worker, "3fff::1"), NextHop::Adjacency(_));
    assert!(is_there(&node, 1));
    let reply = node.change("port set a down");
    node.assert_answered_when_there(reply, |node, worker| !is_there(node, worker));
    let reply = node.change("port set a up");
    node.assert_answered_when_there(reply, is_there);
}

#[test]
fn what_workers_get_through_their_rings_alone_is_waited_for() {
    let mut node = Node::new();
    let reply = node.change("mex set max-prefixes 3");
    node.assert_answered_when_there(reply, |node, worker| {
        node.workers[worker].tables().mex.max_prefixes == 3
    });
    // The first route of a VRF makes its table.
    let reply = node.change("route add blackhole 4000::/16 vrf red");
    node.assert_answered_when_there(reply, |node, worker| {
        node.workers[worker].tables().fib(VrfId(1)).is_some()
    });
}

#[test]
fn a_batch_is_answered_when_its_last_route_is_there() {
    let mut node = Node::new();
    let reply = node.batch(&[
        "route add 4000::/16 via 2001:db8:a::3",
        "route del 3fff::/20",
        "route add 5000::/16 via 2001:db8:a::4",
    ]);
    let is_there = |node: &Node, worker| {
        matches!(node.seen_by(worker, "4000::1"), NextHop::Adjacency(_))
            && matches!(node.seen_by(worker, "5000::1"), NextHop::Adjacency(_))
            && node.seen_by(worker, "3fff::1") == NextHop::NoRoute
    };
    node.assert_answered_when_there(reply, is_there);
}

#[test]
fn what_changes_nothing_and_what_is_there_at_once_is_answered_at_once() {
    let mut node = Node::new();
    let shown = node.ask(&Ask::Show("routes".to_owned())).try_recv().unwrap();
    assert_eq!(shown.unwrap().as_array().map(Vec::len), Some(1));
    assert!(node.change("route add blackhole 3fff::/20").try_recv().unwrap().is_err());
    let refused = node.batch(&["route del 5000::/16"]).try_recv().unwrap().unwrap();
    assert_eq!((&refused["done"], &refused["failures"][0]["refused"]), (&json!(0), &json!(true)));
    // Workers read an entry without a new next hop at once.
    assert_eq!(node.change("route add blackhole 4000::/16").try_recv(), Ok(Ok(json!({}))));
    assert_eq!(node.seen_by(1, "4000::1"), NextHop::Blackhole);
}

#[test]
fn a_worker_that_is_stuck_costs_a_warning_and_stops_nothing_else() {
    let mut node = Node::new();
    let mut one = node.change("route add 4000::/16 via 2001:db8:a::3");
    let mut many = node.batch(&["route add 5000::/16 via 2001:db8:a::4"]);
    assert!(node.ask(&Ask::Show("routes".to_owned())).try_recv().is_ok(), "others are answered");
    node.now_ns += EFFECT_LIMIT.as_nanos() as u64 - 1;
    node.turn();
    assert_eq!((one.try_recv(), many.try_recv()), (Err(TryRecvError::Empty), Err(TryRecvError::Empty)));
    node.now_ns += 1;
    node.turn();
    let (one, many) = (one.try_recv().unwrap().unwrap(), many.try_recv().unwrap().unwrap());
    for answer in [&one, &many] {
        assert!(answer["warning"].as_str().unwrap().contains("not in effect on all workers after 5 s"));
    }
    assert_eq!((&many["done"], &many["failures"]), (&json!(1), &json!([])));
}

#[test]
fn who_has_gone_is_not_kept() {
    let mut node = Node::new();
    drop(node.change("route add 4000::/16 via 2001:db8:a::3"));
    node.turn();
    assert!(node.unanswered.0.is_empty());
}

#[test]
fn changes_that_come_later_are_not_waited_for() {
    let mut node = Node::new();
    let mut reply = node.change("mex set max-prefixes 3");
    for round in 0..10 {
        // Always something that no worker has yet.
        drop(node.change(&format!("mex set max-prefixes {}", 4 + round % 2)));
        if reply.try_recv().is_ok() {
            return;
        }
        node.poll(0);
        node.poll(1);
    }
    panic!("no answer");
}

/// What fails only when its turn has come.
fn failure(prefix: &str, vrf: u16) -> Unprogrammed {
    let prefix = family::prefix(prefix.parse().unwrap());
    let error = ProgramError::Fib(FibError::OutOfLines { max: 20, retired: 0 });
    Unprogrammed { vrf: VrfId(vrf), prefix, error }
}

#[test]
fn a_failure_that_comes_late_is_the_answer() {
    let mut node = Node::new();
    let mut one = node.change("route add 4000::/16 via 2001:db8:a::3");
    let mut other = node.change("route add blackhole 4000::/16 vrf red");
    let mut many = node.batch(&[
        "route add 5000::/16 via 2001:db8:a::4",
        "route add mex 5001::/16",
        "route del 3fff::/20",
    ]);
    let failures =
        [failure("4000::/16", 0), failure("5001::/16", 0), failure("5000::/16", 0), failure("3fff::/20", 0)];
    node.unanswered.turn_with(&failures, |_| true, 0);
    let failed = one.try_recv().unwrap().unwrap_err();
    assert!(failed.message.starts_with("4000::/16: not programmed: "), "{failed}");
    assert_eq!(failed.kind, ask::AskErrorKind::Failed);
    assert_eq!(other.try_recv(), Ok(Ok(json!({}))), "of another VRF");
    let many = many.try_recv().unwrap().unwrap();
    let indices: Vec<_> = many["failures"].as_array().unwrap().iter().map(|f| &f["index"]).collect();
    assert_eq!(indices, [0, 1, 2]);
    assert_eq!(many["failures"][1]["refused"], false);
}
