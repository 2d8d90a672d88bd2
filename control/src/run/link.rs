//! Links that come and go: the kernel says so at once for its interfaces, devices are asked again and again.

use std::time::Duration;

use dataplane::id::PortId;
use dpdk::PortHandle;
use futures_util::{StreamExt, TryStreamExt};
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// How often devices are asked: the reaction time of those whose driver alone knows.
const DEVICE_INTERVAL: Duration = Duration::from_millis(20);
/// A link that is down is asked for once in so many times: some drivers try to connect then, and complain.
const DOWN_EVERY: u32 = 5;
/// The kernel's interfaces are looked at once in so many times, in case that a message was lost.
const KERNEL_EVERY: u32 = 50;
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

/// Watches links.
pub struct LinkWatch {
    ports: Vec<Watched>,
    kernel: Option<(rtnetlink::Handle, Messages)>,
}

impl LinkWatch {
    /// Takes the state of every link. The kernel is asked in the network namespace of the calling thread.
    pub async fn start(ports: Vec<Watched>) -> LinkWatch {
        let needs_kernel = ports.iter().any(|port| port.interface_index.is_some());
        let kernel = if needs_kernel { open() } else { None };
        let mut watch = LinkWatch { ports, kernel };
        watch.ask_devices(0);
        watch.ask_kernel().await;
        watch
    }

    /// The ports whose links changed since the last call (at first: since they counted as up).
    pub fn changes(&mut self) -> Vec<(PortId, bool)> {
        let changed = self.ports.iter_mut().filter(|port| port.told != port.is_up());
        changed
            .map(|port| {
                port.told = port.is_up();
                (port.port, port.told)
            })
            .collect()
    }

    /// Goes on watching in a task of the current runtime; it ends when nobody listens any more.
    pub fn spawn(mut self) -> (mpsc::Receiver<(PortId, bool)>, JoinHandle<()>) {
        let (sender, changes) = mpsc::channel(CHANGES_LEN);
        let task = tokio::spawn(async move {
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
        });
        (changes, task)
    }

    fn ask_devices(&mut self, turn: u32) {
        let is_due = |port: &Watched| port.device_is_up || turn.is_multiple_of(DOWN_EVERY);
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
