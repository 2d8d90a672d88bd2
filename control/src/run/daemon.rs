//! The control loop.

use std::hash::{BuildHasher, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dataplane::id::PortId;
use dataplane::table::Liveness;
use dataplane::update::Rings;
use dataplane::worker::Worker;
use dpdk::{Eal, Mbuf};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::clock::Clock;
use super::link::{LinkThread, Watched};
use super::packet::PoolBuffers;
use super::ports::{self, Device};
use super::show::{self, Loads};
use super::worker::{self, Duty, Orders, WorkerThread};
use super::{RunError, environment};
use crate::ask::{self, Answer, Ask, AskError};
use crate::config::{self, Config, Problem};
use crate::effect::Unanswered;
use crate::oam::Copies;
use crate::router::{Mode, Router};

/// How often control looks at its rings when nothing else wakes it.
const TURN_INTERVAL: Duration = Duration::from_millis(1);
/// Packets that control takes from the workers before it looks at anything else.
const PUNTS_PER_TURN: usize = 256;
/// How long the first tables may take to be in effect; then packets are received all the same. Workers do nothing else until
/// then.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long packets that are on their way may take to leave, at the end.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);
/// Then devices get so long to send what they have.
const LINGER: Duration = Duration::from_millis(20);

/// A question, and where its answer goes.
pub type Asked = (Ask, oneshot::Sender<Answer>);

/// The running daemon, in the order in which it is taken down.
pub struct Daemon {
    orders: Arc<Orders>,
    workers: Vec<WorkerThread>,
    router: Router<Mbuf>,
    /// Taken down before the devices: it has handles of the ports, which keep them from being closed.
    links: LinkThread,
    devices: Vec<Device>,
    /// What devices were told last: administrative state and MTU, by port.
    told: Vec<(bool, u16)>,
    buffers: PoolBuffers,
    /// Everything of DPDK keeps it alive; it ends last.
    _eal: Eal,
    signals: Signals,
    clock: Clock,
    loads: Loads,
    unanswered: Unanswered,
    copies: Copies,
    config_path: PathBuf,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn catch() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

/// Brings everything up; packets flow when this returns. Call it in a single-threaded runtime: devices are looked up in
/// the network namespace of the calling thread. `config_path` is what SIGHUP reads again.
///
/// # Errors
/// The first thing that cannot be had; nothing is left behind then.
pub async fn start(config: Config, config_path: PathBuf) -> Result<Daemon, RunError> {
    let copies = Copies::open(config.srv6.oam.as_ref(), true).map_err(RunError::Config)?;
    if let Some(problem) = config.problems_for_run().first() {
        return Err(RunError::Config(problem.to_string()));
    }
    let signals = Signals::catch().map_err(RunError::Signals)?;
    let dpdk = config.dpdk.clone();
    let is_pinned = worker::prepare_cores(&dpdk.workers, dpdk.idle)?;
    let (eal, pool) = environment::start(&config)?;
    let mut devices = ports::start_all(&eal, &pool, &config)?;
    let ios = ports::share_out(&mut devices, dpdk.workers.len())?;
    let clock = Clock::start();

    let rings: Vec<Arc<Rings<Mbuf>>> = ios.iter().map(|_| Arc::default()).collect();
    let liveness = Arc::<Liveness>::default();
    let mut buffers = PoolBuffers(pool);
    let mut router = router(config, &devices, &liveness, &rings, &mut buffers, clock)?;
    let started = LinkThread::start(watched(&devices), Arc::clone(router.links())).await;
    let (links, changes) = started.map_err(RunError::Links)?;
    for (port, is_up) in changes {
        router.set_link(port, is_up, &mut buffers, clock.now_ns());
    }

    let orders = Arc::<Orders>::default();
    let mut workers = Vec::new();
    for ((core, io), rings) in dpdk.workers.iter().zip(ios).zip(rings) {
        let worker = Worker::new(Arc::clone(&rings), Arc::clone(&liveness));
        let duty = Duty { core: *core, is_pinned, idle: dpdk.idle, clock, orders: Arc::clone(&orders) };
        match worker::spawn(&eal, duty, worker, io, rings) {
            Ok(thread) => workers.push(thread),
            Err(error) => {
                orders.stop();
                for worker in &mut workers {
                    worker.join();
                }
                return Err(error);
            }
        }
    }
    // No packet is received before every worker has all tables: the first one is forwarded like all others.
    let deadline = Instant::now() + START_LIMIT;
    while !router.push() || !router.is_settled() {
        check_alive(&workers).inspect_err(|_| orders.stop())?;
        if Instant::now() >= deadline {
            let limit = START_LIMIT.as_secs();
            tracing::warn!(
                "routes are not in effect on all workers after {limit} s; packets flow without them"
            );
            break;
        }
        sleep(TURN_INTERVAL).await;
    }
    orders.run();
    let told = router.ports().iter().map(|port| (port.is_admin_up, port.mtu)).collect();
    let loads = Loads::default();
    Ok(Daemon {
        orders,
        workers,
        router,
        links,
        devices,
        told,
        buffers,
        _eal: eal,
        signals,
        clock,
        loads,
        unanswered: Unanswered::default(),
        copies,
        config_path,
    })
}

fn router(
    config: Config,
    devices: &[Device],
    liveness: &Arc<Liveness>,
    rings: &[Arc<Rings<Mbuf>>],
    buffers: &mut PoolBuffers,
    clock: Clock,
) -> Result<Router<Mbuf>, RunError> {
    let macs: Vec<_> = devices.iter().map(|device| device.mac).collect();
    // Another number in every life of the daemon: nodes that start together must not speak together.
    let seed = std::hash::RandomState::new().build_hasher().finish();
    let (liveness, rings) = (Arc::clone(liveness), rings.to_vec());
    Router::new(config, &macs, liveness, rings, Mode::run(seed), buffers, clock.now_ns())
        .map_err(RunError::Config)
}

/// Workers end when they are told to, and not before.
fn check_alive(workers: &[WorkerThread]) -> Result<(), RunError> {
    match workers.iter().find(|worker| worker.has_died()) {
        None => Ok(()),
        Some(dead) => Err(RunError::Worker { core: dead.core, why: "it ended by itself".to_owned() }),
    }
}

fn watched(devices: &[Device]) -> Vec<Watched> {
    let ports = devices.iter().enumerate();
    ports
        .map(|(index, device)| {
            let (handle, interface) = (device.port.handle(), device.interface_index);
            Watched::new(PortId(index as u16), handle, interface, device.is_kernels_peer)
        })
        .collect()
}

fn refuse(path: &str, problems: &[Problem]) {
    for problem in problems {
        tracing::error!("{problem}");
    }
    tracing::error!("{path}: not reloaded; the running configuration stays");
}

/// Why the loop goes round.
enum Event {
    End,
    Reload,
    Link(PortId, bool),
    Asked(Asked),
    Turn,
}

impl Daemon {
    /// Serves until SIGTERM or SIGINT, then takes everything down. Questions come through `asks`; call this when they
    /// can.
    ///
    /// # Errors
    /// A worker ended by itself.
    pub async fn serve(mut self, mut asks: mpsc::Receiver<Asked>) -> Result<(), RunError> {
        let (ports, workers) = (self.devices.len(), self.workers.len());
        tracing::info!("mexfwd ready: {ports} ports, {workers} workers");
        let mut turns = interval(TURN_INTERVAL);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_busy = false;
        loop {
            let event = tokio::select! {
                biased;
                _ = self.signals.terminate.recv() => Event::End,
                _ = self.signals.interrupt.recv() => Event::End,
                _ = self.signals.hang_up.recv() => Event::Reload,
                Some((port, is_up)) = self.links.recv() => Event::Link(port, is_up),
                Some(asked) = asks.recv() => Event::Asked(asked),
                _ = turns.tick(), if !is_busy => Event::Turn,
                () = tokio::task::yield_now(), if is_busy => Event::Turn,
            };
            match event {
                Event::End => break,
                Event::Reload => self.reload(),
                Event::Link(port, is_up) => self.set_link(port, is_up),
                Event::Asked((ask, reply)) => {
                    let answer = self.answer(&ask);
                    self.unanswered.add(&ask, answer, reply, &self.router, self.clock.now_ns());
                }
                Event::Turn => {}
            }
            is_busy = self.turn();
            if let Err(error) = check_alive(&self.workers) {
                self.take_down().await;
                return Err(error);
            }
        }
        tracing::info!("mexfwd ends");
        self.take_down().await;
        Ok(())
    }

    /// Packets, timers, rings. True when there may be more packets.
    fn turn(&mut self) -> bool {
        let now_ns = self.clock.now_ns();
        let taken = self.router.take_punts(PUNTS_PER_TURN, &mut self.buffers, now_ns);
        self.router.tick(&mut self.buffers, now_ns);
        self.router.push();
        self.unanswered.turn(&self.router, now_ns);
        self.loads.measure(&self.workers, self.clock, now_ns);
        self.take_copies();
        self.report();
        taken >= PUNTS_PER_TURN
    }

    /// Copies of packets with the O-flag, at the time of now: a turn is a millisecond.
    fn take_copies(&mut self) {
        let copies = &mut self.copies;
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.router.take_samples(|sample| {
            if let Err(problem) = copies.take(sample, now()) {
                tracing::warn!("{problem}");
            }
        });
        copies.flush();
    }

    fn report(&mut self) {
        for problem in self.router.take_problems() {
            tracing::warn!("{problem}");
        }
    }

    fn set_link(&mut self, port: PortId, is_up: bool) {
        if let Some(device) = self.devices.get(port.index()) {
            tracing::info!("port \"{}\": link {}", device.name, if is_up { "up" } else { "down" });
        }
        self.router.set_link(port, is_up, &mut self.buffers, self.clock.now_ns());
    }

    /// An answer, whatever happens: a defect in one command must not end the daemon.
    fn answer(&mut self, ask: &Ask) -> Answer {
        let asked = match ask {
            Ask::Batch { commands, .. } => format!("a batch of {} changes", commands.len()),
            ask => format!("{ask:?}"),
        };
        let attempt = catch_unwind(AssertUnwindSafe(|| match ask {
            Ask::Show(topic) if topic == ask::WORKERS => {
                let idle = self.router.config().dpdk.idle;
                Ok(self.loads.show(&self.workers, idle, self.clock))
            }
            Ask::Show(topic) if topic == "ports" => {
                let mut ports = self.router.show_ports();
                show::add_devices(&mut ports, &self.devices);
                Ok(ports)
            }
            Ask::Show(_) | Ask::Fib { .. } | Ask::Lookup { .. } | Ask::Change(_) | Ask::Batch { .. } => {
                let is_change = matches!(ask, Ask::Change(_) | Ask::Batch { .. });
                let answer = ask::answer(&mut self.router, ask, &mut self.buffers, self.clock.now_ns());
                if is_change && answer.is_ok() {
                    self.tell_devices();
                }
                answer
            }
        }));
        attempt.unwrap_or_else(|_| {
            tracing::error!("a defect of mexfwd: {asked} panicked");
            Err(AskError::failed("internal error; see the daemon's log"))
        })
    }

    /// Reads the configuration again. One with a problem changes nothing.
    fn reload(&mut self) {
        let path = self.config_path.display().to_string();
        let (config, warnings) = match config::load(&self.config_path) {
            Ok(loaded) => loaded,
            Err(problems) => {
                refuse(&path, &problems);
                return;
            }
        };
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let problems = config.problems_for_run();
        if !problems.is_empty() {
            refuse(&path, &problems);
            return;
        }
        match self.router.reload(config, &mut self.buffers, self.clock.now_ns()) {
            Ok(()) => {
                self.tell_devices();
                if let Err(problem) = self.copies.reopen(self.router.config().srv6.oam.as_ref()) {
                    tracing::warn!("{problem}");
                }
                tracing::info!("{path}: reloaded");
            }
            Err(error) => tracing::error!("{path}: not reloaded: {error}"),
        }
    }

    /// Tells devices their administrative state and MTU where these have changed, as far as they care.
    fn tell_devices(&mut self) {
        for ((port, device), told) in self.router.ports().iter().zip(&self.devices).zip(&mut self.told) {
            if told.0 != port.is_admin_up {
                told.0 = port.is_admin_up;
                // So that the other end notices, too. Not every driver can; the graph drops in any case.
                if let Err(error) = device.port.set_link(port.is_admin_up) {
                    tracing::debug!("port \"{}\": {error}", device.name);
                }
            }
            if told.1 != port.mtu {
                told.1 = port.mtu;
                if let Err(error) = device.port.set_mtu(port.mtu) {
                    tracing::warn!("port \"{}\": the device's MTU stays: {error}", device.name);
                }
            }
        }
    }

    /// Nothing is received any more; what is on its way leaves; workers end; ports stop.
    async fn take_down(mut self) {
        self.orders.drain();
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        while Instant::now() < deadline {
            let is_busy = self.turn();
            let is_quiet = self.workers.iter().all(|worker| worker.activity.is_quiet() || worker.has_died());
            if !is_busy && is_quiet && self.router.is_settled() {
                break;
            }
            sleep(TURN_INTERVAL).await;
        }
        sleep(LINGER).await;
        self.orders.stop();
        for worker in &mut self.workers {
            if !worker.join() {
                tracing::error!("worker on core {}: it panicked", worker.core);
            }
        }
        drop(self.links);
        for (device, config) in self.devices.drain(..).zip(&self.router.config().ports) {
            device.end(config);
        }
    }
}
