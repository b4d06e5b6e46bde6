//! Messages without connections: all that a client sends from one port goes to one pod, and what comes back goes to it.
//!
//! Invariant: what cannot be sent at once is lost, as messages may be; nothing piles up.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use crate::kernel::{Interest, Poll};

/// Time without a message after which a flow ends. Source: streams of UDP in Linux' table of connections.
const IDLE: Duration = Duration::from_secs(120);

/// Time after which it is asked again whether a pod that is sent to is there.
const RECHECK: Duration = Duration::from_secs(5);

/// Messages that wait for a pod, of one flow.
const HELD_MAX: usize = 16;

/// Longest message of UDP.
pub const MESSAGE_BYTES_MAX: usize = 65_535;

/// All flows.
pub struct Flows {
    flows: HashMap<u64, Flow>,
    by_client: HashMap<(usize, SocketAddr), u64>,
    most: usize,
}

struct Flow {
    route: usize,
    client: SocketAddr,
    /// The pod and the way to it, once there is one.
    pod: Option<(Ipv4Addr, UdpSocket)>,
    held: Vec<Vec<u8>>,
    last: Instant,
    asked: Instant,
    asking: bool,
}

impl Flows {
    pub fn new(most: usize) -> Self {
        Self { flows: HashMap::new(), by_client: HashMap::new(), most }
    }

    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// A message of a client. The number of its flow, if the pods must be asked for; `new` is the number of a new one.
    pub fn send(&mut self, route: usize, client: SocketAddr, message: &[u8], new: u64, now: Instant) -> Option<u64> {
        if let Some(id) = self.by_client.get(&(route, client)).copied() {
            let flow = self.flows.get_mut(&id)?;
            flow.last = now;
            let Some((_, socket)) = &flow.pod else {
                if flow.held.len() < HELD_MAX {
                    flow.held.push(message.to_vec());
                }
                return None;
            };
            match socket.send(message) {
                // The pod said to an earlier message that nobody is there, or is gone: another one is found for this one.
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => self.end(id),
                Ok(_) | Err(_) => {
                    let is_due = !flow.asking && now.saturating_duration_since(flow.asked) >= RECHECK;
                    flow.asking |= is_due;
                    return is_due.then_some(id);
                }
            }
        }
        if self.flows.len() >= self.most {
            return None;
        }
        let held = vec![message.to_vec()];
        self.flows.insert(new, Flow { route, client, pod: None, held, last: now, asked: now, asking: true });
        self.by_client.insert((route, client), new);
        Some(new)
    }

    /// The route and the client of a flow that has no pod yet; of one that has, whether that is still there is settled by
    /// the pods that there are.
    pub fn wants(&mut self, id: u64, pods: &[Ipv4Addr], now: Instant) -> Option<(usize, SocketAddr)> {
        let flow = self.flows.get_mut(&id)?;
        (flow.asking, flow.asked) = (false, now);
        match &flow.pod {
            None => Some((flow.route, flow.client)),
            Some((pod, _)) => {
                if !pods.is_empty() && !pods.contains(pod) {
                    self.end(id);
                }
                None
            }
        }
    }

    /// Leads a flow to a pod, and sends what waits.
    pub fn lead(&mut self, id: u64, key: u64, pod: Ipv4Addr, port: u16, poll: &Poll) -> io::Result<()> {
        let Some(flow) = self.flows.get_mut(&id) else { return Ok(()) };
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((pod, port))?;
        socket.set_nonblocking(true)?;
        poll.change(socket.as_raw_fd(), key, Interest::default(), Interest { read: true, write: false })?;
        for message in flow.held.drain(..) {
            drop(socket.send(&message));
        }
        flow.pod = Some((pod, socket));
        Ok(())
    }

    /// The route of a flow.
    pub fn route(&self, id: u64) -> Option<usize> {
        self.flows.get(&id).map(|flow| flow.route)
    }

    /// Passes on what a pod sent, from the port to which its client sends.
    pub fn receive(&mut self, id: u64, listener: Option<&UdpSocket>, scratch: &mut [u8], now: Instant) {
        let Some(flow) = self.flows.get_mut(&id) else { return };
        let (Some((_, socket)), Some(listener)) = (&flow.pod, listener) else { return };
        loop {
            match socket.recv(scratch) {
                Ok(count) => {
                    flow.last = now;
                    drop(listener.send_to(&scratch[..count], flow.client));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.end(id),
            }
        }
    }

    pub fn end(&mut self, id: u64) {
        if let Some(flow) = self.flows.remove(&id) {
            self.by_client.remove(&(flow.route, flow.client));
        }
    }

    /// Ends what is idle.
    pub fn tick(&mut self, now: Instant) {
        let is_idle = |flow: &Flow| now.saturating_duration_since(flow.last) >= IDLE;
        let idle: Vec<u64> = self.flows.iter().filter(|(_, flow)| is_idle(flow)).map(|(id, _)| *id).collect();
        for id in idle {
            self.end(id);
        }
    }
}
