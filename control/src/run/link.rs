//! Links that come and go: the kernel says so at once for its interfaces, devices are asked again and again.
//!
//! A thread of its own watches them: control may have a full table to program when a link ends, and packets must not go
//! there until it is through. The thread marks the neighbors on the link itself ([`Links`]), then tells control.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use dataplane::id::PortId;
use dpdk::PortHandle;
use futures_util::{StreamExt, TryStreamExt};
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};

use crate::program::Links;

/// How often devices are asked: the reaction time of those whose driver alone knows.
const DEVICE_INTERVAL: Duration = Duration::from_millis(1);
/// Devices that are interfaces of the kernel, which says by itself what happens to them, are asked once in so many times.
const KERNELS_DEVICE_EVERY: u32 = 20;
/// A link that is down is asked for once in so many times: some drivers try to connect then, and complain.
const DOWN_EVERY: u32 = 100;
/// The kernel's interfaces are looked at once in so many times, in case that a message was lost.
const KERNEL_EVERY: u32 = 1000;
/// Changes that control has not seen yet, at most.
const CHANGES_LEN: usize = 256;

/// A port and its two sources of truth.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
pub struct Watched {
    /// The port.
    pub port: PortId,
    /// Its device.
    pub handle: PortHandle,
    /// The kernel's interface behind it.
    pub interface_index: Option<u32>,
    /// Packets pass even when the interface is moved to another network namespace.
    pub survives_moves: bool,
    /// It was: nobody here can see its state any more, and it counts as up.
    has_moved: bool,
    device_is_up: bool,
    kernel_is_up: bool,
    /// What was told last.
    told: bool,
}

impl Watched {
    /// A port whose link counts as up until it is looked at.
    pub fn new(
        port: PortId,
        handle: PortHandle,
        interface_index: Option<u32>,
        survives_moves: bool,
    ) -> Watched {
        Watched {
            port,
            handle,
            interface_index,
            survives_moves,
            has_moved: false,
            device_is_up: true,
            kernel_is_up: true,
            told: true,
        }
    }

    fn is_up(&self) -> bool {
        self.has_moved || (self.device_is_up && self.kernel_is_up)
    }

    fn ask_device(&mut self) {
        // A driver without an answer says nothing against the link.
        if let Ok(link) = self.handle.link() {
            self.device_is_up = link.up;
        }
    }
}

type Messages = futures_util::stream::BoxStream<'static, NetlinkMessage<RouteNetlinkMessage>>;

/// The thread that watches links; dropped, it ends, and with it its handles of ports.
#[derive(Debug)]
pub struct LinkThread {
    changes: mpsc::Receiver<(PortId, bool)>,
    thread: Option<JoinHandle<()>>,
}

impl LinkThread {
    /// Takes the state of every link, and goes on watching. Returns the ports whose links are not up, too. The kernel is
    /// asked in the network namespace of the calling thread.
    ///
    /// # Errors
    /// No thread, or no runtime for it.
    pub async fn start(
        ports: Vec<Watched>,
        links: Arc<Links>,
    ) -> io::Result<(LinkThread, Vec<(PortId, bool)>)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, changes) = mpsc::channel(CHANGES_LEN);
        let (told, first) = oneshot::channel();
        let watch = async move {
            let mut watch = LinkWatch::start(ports, links).await;
            if told.send(watch.changes()).is_ok() {
                watch.go_on(sender).await;
            }
        };
        let thread =
            std::thread::Builder::new().name("links".to_owned()).spawn(move || runtime.block_on(watch))?;
        let thread = LinkThread { changes, thread: Some(thread) };
        // A thread that ends before it has told is one that panicked.
        let first = first.await.map_err(io::Error::other)?;
        Ok((thread, first))
    }

    /// The next change.
    pub async fn recv(&mut self) -> Option<(PortId, bool)> {
        self.changes.recv().await
    }
}

impl Drop for LinkThread {
    fn drop(&mut self) {
        self.changes.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that watches links panicked");
        }
    }
}

/// Watches links.
struct LinkWatch {
    ports: Vec<Watched>,
    links: Arc<Links>,
    kernel: Option<(rtnetlink::Handle, Messages)>,
}

impl LinkWatch {
    /// Takes the state of every link. The kernel is asked in the network namespace of the calling thread.
    async fn start(ports: Vec<Watched>, links: Arc<Links>) -> LinkWatch {
        let needs_kernel = ports.iter().any(|port| port.interface_index.is_some());
        let kernel = if needs_kernel { open() } else { None };
        let mut watch = LinkWatch { ports, links, kernel };
        watch.ask_devices(0);
        watch.ask_kernel().await;
        watch
    }

    /// The ports whose links changed since the last call (at first: since they counted as up). What is behind a link that
    /// has ended is marked dead.
    fn changes(&mut self) -> Vec<(PortId, bool)> {
        let changed = self.ports.iter_mut().filter(|port| port.told != port.is_up());
        let links = &self.links;
        changed
            .map(|port| {
                port.told = port.is_up();
                if port.told {
                    links.mend(port.port);
                } else {
                    links.cut(port.port);
                }
                (port.port, port.told)
            })
            .collect()
    }

    /// Goes on watching until nobody listens any more.
    async fn go_on(mut self, sender: mpsc::Sender<(PortId, bool)>) {
        let mut ticks = interval(DEVICE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut turn = 0_u32;
        loop {
            tokio::select! {
                message = next(&mut self.kernel) => self.kernel_says(message),
                _ = ticks.tick() => {
                    turn = turn.wrapping_add(1);
                    self.ask_devices(turn);
                    if turn.is_multiple_of(KERNEL_EVERY) {
                        self.ask_kernel().await;
                    }
                }
                () = sender.closed() => return,
            }
            for change in self.changes() {
                if sender.send(change).await.is_err() {
                    return;
                }
            }
        }
    }

    fn ask_devices(&mut self, turn: u32) {
        let is_due = |port: &Watched| {
            turn.is_multiple_of(match (port.device_is_up, port.interface_index) {
                (false, _) => DOWN_EVERY,
                (true, Some(_)) => KERNELS_DEVICE_EVERY,
                (true, None) => 1,
            })
        };
        for port in self.ports.iter_mut().filter(|port| !port.has_moved && is_due(port)) {
            port.ask_device();
        }
    }

    async fn ask_kernel(&mut self) {
        let Some((kernel, _)) = &self.kernel else { return };
        for port in &mut self.ports {
            let Some(index) = port.interface_index else { continue };
            let mut answer = std::pin::pin!(kernel.link().get().match_index(index).execute());
            // No such interface any more is a link that is down; any other failure says nothing.
            port.kernel_is_up = match answer.try_next().await {
                Ok(Some(link)) => has_carrier(&link),
                Ok(None) | Err(rtnetlink::Error::NetlinkError(_)) => port.has_moved,
                Err(_) => port.kernel_is_up,
            };
        }
    }

    fn kernel_says(&mut self, message: Option<NetlinkMessage<RouteNetlinkMessage>>) {
        let Some(message) = message else {
            tracing::warn!(
                "the kernel's messages about interfaces ended: link states come from the devices alone"
            );
            self.kernel = None;
            return;
        };
        let (link, is_there) = match message.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => (link, true),
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link)) => (link, false),
            _ => return,
        };
        let index = link.header.index;
        for port in self.ports.iter_mut().filter(|port| port.interface_index == Some(index)) {
            port.kernel_is_up = is_there && has_carrier(&link);
            port.has_moved = !is_there && port.survives_moves && has_moved(&link);
        }
    }
}

/// Administratively up, and with a carrier.
fn has_carrier(link: &LinkMessage) -> bool {
    link.header.flags.contains(LinkFlags::Up | LinkFlags::LowerUp)
}

/// A message about an interface that went away says where to, if it still exists.
fn has_moved(link: &LinkMessage) -> bool {
    let is_new_place =
        |a: &LinkAttribute| matches!(a, LinkAttribute::NewNetnsId(_) | LinkAttribute::NewIfIndex(_));
    link.attributes.iter().any(is_new_place)
}

/// The next message; never when there is nobody to send one.
async fn next(
    kernel: &mut Option<(rtnetlink::Handle, Messages)>,
) -> Option<NetlinkMessage<RouteNetlinkMessage>> {
    match kernel {
        Some((_, messages)) => messages.next().await,
        None => std::future::pending().await,
    }
}

fn open() -> Option<(rtnetlink::Handle, Messages)> {
    match rtnetlink::new_multicast_connection(&[rtnetlink::MulticastGroup::Link]) {
        Ok((connection, handle, messages)) => {
            tokio::spawn(connection);
            Some((handle, messages.map(|(message, _)| message).boxed()))
        }
        Err(error) => {
            tracing::warn!("no messages about interfaces from the kernel: {error}");
            None
        }
    }
}
