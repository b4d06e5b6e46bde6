//! Passes on what comes to the ports of a Service to pods that are ready.
//!
//! It asks the engine's own DNS for the pods at each connection, so that it need not be told of any change, and nobody needs
//! to look after it. One thread waits for all sockets.
//!
//! Invariant: a connection from which a byte was passed on stays with its pod; only before that is another pod tried.

mod asker;
mod choice;
mod flow;
mod question;
mod route;
mod stream;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, RawFd};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use self::asker::{Answer, Asker, Names};
use self::choice::Choice;
use self::flow::{Flows, MESSAGE_BYTES_MAX};
use self::route::{Protocol, Route, Task};
use self::stream::{Course, Phase, Side, Stream};
use crate::kernel::{self, Interest, Poll};
use crate::signals::{Ask, Signals};

/// Most connections at a time. Further ones wait until one ends.
const STREAMS_MAX: u64 = 4_096;

/// Most clients whose messages are passed on at a time.
const FLOWS_MAX: u64 = 1_024;

/// Descriptors for all else.
const DESCRIPTORS_SPARE: u64 = 64;

/// Time for one pod to answer a call: a call that is lost is repeated by the kernel after one second.
const DIAL: Duration = Duration::from_secs(2);

/// Time in which some pod must have taken a connection, and after which the pods are asked for again if none could.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// Longest time between looks at what is late.
const TICK: Duration = Duration::from_millis(50);
const TICK_IDLE: Duration = Duration::from_secs(1);

/// Silence after which a connection is asked whether its other side is still there, and questions without an answer.
const KEEP_ALIVE: Duration = Duration::from_secs(300);
const KEEP_ALIVE_TRIES: i32 = 4;

/// Connections that wait to be taken, of one port.
const CALLERS_MAX: i32 = 4_096;

/// Connections and messages that are taken from one port before others have their turn.
const TAKEN_AT_ONCE: usize = 64;

/// What an event is about, in the highest bits of its key; its number is in the others.
const LISTENER: u64 = 0;
const ASKER: u64 = 1;
const CLIENT: u64 = 2;
const POD: u64 = 3;
const FLOW: u64 = 4;
const ABOUT: u32 = 56;

/// Passes on until it is asked to end.
pub fn run(words: &[String]) -> ExitCode {
    let Some(task) = Task::read(words) else {
        eprintln!("relay: its arguments are not understood");
        return ExitCode::FAILURE;
    };
    // Before the other thread begins, so that it hears none either.
    let signals = Signals::held_back();
    let mut relay = match Relay::new(task) {
        Ok(relay) => relay,
        Err(error) => {
            eprintln!("relay: {error}");
            return ExitCode::FAILURE;
        }
    };
    thread::spawn(move || {
        let error = relay.serve();
        eprintln!("relay: {error}");
        std::process::exit(1);
    });
    loop {
        match signals.next() {
            Ask::End => return ExitCode::SUCCESS,
            Ask::Bury => signals.bury(),
            Ask::Nothing => {}
        }
    }
}

enum Listener {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

struct Relay {
    poll: Poll,
    routes: Vec<Route>,
    listeners: Vec<Listener>,
    /// Connections are taken now.
    taking: bool,
    streams_max: usize,
    names: Names,
    choice: Choice,
    streams: HashMap<u64, Stream>,
    /// Those that do not stand yet.
    waiting: BTreeSet<u64>,
    flows: Flows,
    next: u64,
    /// When what is late was looked at.
    ticked: Instant,
    scratch: Vec<u8>,
}

impl Relay {
    fn new(task: Task) -> io::Result<Self> {
        let Task { routes, affinity } = task;
        let descriptors = kernel::descriptors();
        let flows_max = FLOWS_MAX.min(descriptors / 4);
        let streams_max = STREAMS_MAX.min(descriptors.saturating_sub(flows_max + DESCRIPTORS_SPARE) / 2).max(1);
        let (poll, names) = (Poll::new()?, Names::new()?);
        let read = Interest { read: true, write: false };
        poll.change(names.socket.as_raw_fd(), ASKER << ABOUT, Interest::default(), read)?;
        let mut listeners = Vec::with_capacity(routes.len());
        for (at, route) in routes.iter().enumerate() {
            let listener = listen(route).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot listen on port {}: {error}", route.port))
            })?;
            poll.change(listener.descriptor(), key(LISTENER, at as u64), Interest::default(), read)?;
            listeners.push(listener);
        }
        Ok(Self {
            poll,
            routes,
            listeners,
            taking: true,
            streams_max: streams_max as usize,
            names,
            choice: Choice::new(affinity),
            streams: HashMap::new(),
            waiting: BTreeSet::new(),
            flows: Flows::new(flows_max as usize),
            next: 0,
            ticked: Instant::now(),
            scratch: vec![0; MESSAGE_BYTES_MAX],
        })
    }

    /// Passes on without an end; why it cannot any more.
    fn serve(&mut self) -> io::Error {
        loop {
            let limit = if self.names.is_asking() || !self.waiting.is_empty() {
                Some(TICK)
            } else {
                (!self.flows.is_empty()).then_some(TICK_IDLE)
            };
            let events = match self.poll.wait(limit) {
                Ok(events) => events,
                Err(error) => return error,
            };
            let now = Instant::now();
            for event in events {
                let number = event & ((1 << ABOUT) - 1);
                match event >> ABOUT {
                    LISTENER => self.take(number as usize, now),
                    ASKER => {
                        let answers = self.names.receive();
                        self.answered(answers, now);
                    }
                    CLIENT => self.pass(number),
                    POD => self.pod_is_ready(number, now),
                    _ => self.receive(number, now),
                }
            }
            // With many events, not after each of them.
            if now.saturating_duration_since(self.ticked) >= TICK {
                self.ticked = now;
                self.tick(now);
            }
            if let Err(error) = self.take_or_not() {
                return error;
            }
        }
    }

    fn number(&mut self) -> u64 {
        self.next = (self.next + 1) & ((1 << ABOUT) - 1);
        self.next
    }

    /// Takes connections only while there is room for more.
    fn take_or_not(&mut self) -> io::Result<()> {
        let takes = self.streams.len() < self.streams_max;
        if takes == self.taking {
            return Ok(());
        }
        self.taking = takes;
        let interest = |read| Interest { read, write: false };
        for (at, listener) in self.listeners.iter().enumerate() {
            if let Listener::Tcp(listener) = listener {
                let key = key(LISTENER, at as u64);
                self.poll.change(listener.as_raw_fd(), key, interest(!takes), interest(takes))?;
            }
        }
        Ok(())
    }

    fn take(&mut self, route: usize, now: Instant) {
        for _ in 0..TAKEN_AT_ONCE {
            match &self.listeners[route] {
                Listener::Tcp(listener) => {
                    if self.streams.len() >= self.streams_max {
                        return;
                    }
                    match listener.accept() {
                        Ok((socket, client)) => self.begin(route, socket, client.ip(), now),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                        // The client is gone again, or there is no room; those that wait are told of again.
                        Err(_) => return,
                    }
                }
                Listener::Udp(socket) => match socket.recv_from(&mut self.scratch) {
                    Ok((count, client)) => {
                        self.next = (self.next + 1) & ((1 << ABOUT) - 1);
                        let message = &self.scratch[..count];
                        if let Some(flow) = self.flows.send(route, client, message, self.next, now) {
                            self.names.ask(&self.routes[route].name, Asker::Flow(flow), now);
                        }
                    }
                    Err(_) => return,
                },
            }
        }
    }

    fn begin(&mut self, route: usize, socket: TcpStream, client: std::net::IpAddr, now: Instant) {
        if socket.set_nonblocking(true).is_err() {
            return;
        }
        smooth(&socket);
        let id = self.number();
        let side = Side::new(socket, key(CLIENT, id));
        self.streams.insert(id, Stream::new(side, client, route, now + PATIENCE));
        self.waiting.insert(id);
        self.names.ask(&self.routes[route].name, Asker::Stream(id), now);
    }

    fn answered(&mut self, answers: Vec<Answer>, now: Instant) {
        for (askers, pods) in answers {
            for asker in askers {
                match asker {
                    Asker::Stream(id) => {
                        let Some(stream) = self.streams.get(&id) else { continue };
                        let port = self.routes[stream.route].port;
                        let order = self.choice.order(port, stream.address, &pods, now);
                        self.dial(id, order.into(), now);
                    }
                    Asker::Flow(id) => self.lead(id, &pods, now),
                }
            }
        }
    }

    /// Calls the first of some pods that can be called.
    fn dial(&mut self, id: u64, mut pods: VecDeque<Ipv4Addr>, now: Instant) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let target = self.routes[stream.route].target;
        while let Some(pod) = pods.pop_front() {
            let Ok(socket) = kernel::begin(pod, target) else { continue };
            let mut side = Side::new(socket, key(POD, id));
            if side.wait(&self.poll, Interest { read: false, write: true }).is_ok() {
                stream.phase = Phase::Dialing { side, pod, others: pods, until: now + DIAL };
                return;
            }
        }
        stream.phase = Phase::Resting { again: now + PAUSE };
    }

    fn pod_is_ready(&mut self, id: u64, now: Instant) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        match std::mem::replace(&mut stream.phase, Phase::Asking) {
            Phase::Dialing { side, pod, others, until: _ } => {
                if !matches!(side.socket.take_error(), Ok(None)) {
                    drop(side);
                    return self.dial(id, others, now);
                }
                smooth(&side.socket);
                let port = self.routes[stream.route].port;
                self.choice.took(port, stream.address, pod, now);
                stream.phase = Phase::Open { side };
                self.waiting.remove(&id);
            }
            other => stream.phase = other,
        }
        self.pass(id);
    }

    fn pass(&mut self, id: u64) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        match stream.pass(&self.poll, &mut self.scratch[..stream::BUFFER_BYTES]) {
            Course::On => {}
            Course::Ended => drop(self.streams.remove(&id)),
            Course::Broken => self.break_off(id),
        }
    }

    /// Ends a connection so that both sides see that it broke.
    fn break_off(&mut self, id: u64) {
        self.waiting.remove(&id);
        let Some(stream) = self.streams.remove(&id) else { return };
        kernel::breaks(&stream.client.socket);
        if let Phase::Open { side } = &stream.phase {
            kernel::breaks(&side.socket);
        }
    }

    fn lead(&mut self, id: u64, pods: &[Ipv4Addr], now: Instant) {
        let Some((route, client)) = self.flows.wants(id, pods, now) else { return };
        let Route { protocol: _, port, name: _, target } = self.routes[route];
        let led = self.choice.order(port, client.ip(), pods, now).into_iter().next().map(|pod| {
            self.choice.took(port, client.ip(), pod, now);
            self.flows.lead(id, key(FLOW, id), pod, target, &self.poll)
        });
        if !matches!(led, Some(Ok(()))) {
            self.flows.end(id);
        }
    }

    fn receive(&mut self, id: u64, now: Instant) {
        let listener = match self.flows.route(id).and_then(|route| self.listeners.get(route)) {
            Some(Listener::Udp(socket)) => Some(socket),
            Some(Listener::Tcp(_)) | None => None,
        };
        self.flows.receive(id, listener, &mut self.scratch, now);
    }

    /// Looks at what is late.
    fn tick(&mut self, now: Instant) {
        let answers = self.names.tick(now);
        self.answered(answers, now);
        self.flows.tick(now);
        for id in self.waiting.clone() {
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            if now >= stream.until {
                self.break_off(id);
                continue;
            }
            match &mut stream.phase {
                Phase::Dialing { side: _, pod: _, others, until } if now >= *until => {
                    let others = std::mem::take(others);
                    stream.phase = Phase::Asking;
                    self.dial(id, others, now);
                }
                Phase::Resting { again } if now >= *again => {
                    stream.phase = Phase::Asking;
                    self.names.ask(&self.routes[stream.route].name, Asker::Stream(id), now);
                }
                Phase::Asking | Phase::Dialing { .. } | Phase::Resting { .. } | Phase::Open { .. } => {}
            }
        }
    }
}

impl Listener {
    fn descriptor(&self) -> RawFd {
        match self {
            Self::Tcp(listener) => listener.as_raw_fd(),
            Self::Udp(socket) => socket.as_raw_fd(),
        }
    }
}

fn listen(route: &Route) -> io::Result<Listener> {
    let address = (Ipv4Addr::UNSPECIFIED, route.port);
    match route.protocol {
        Protocol::Tcp => {
            let listener = TcpListener::bind(address)?;
            kernel::let_wait(&listener, CALLERS_MAX)?;
            listener.set_nonblocking(true)?;
            Ok(Listener::Tcp(listener))
        }
        Protocol::Udp => {
            let socket = UdpSocket::bind(address)?;
            socket.set_nonblocking(true)?;
            Ok(Listener::Udp(socket))
        }
    }
}

/// Small writes are not held back, and what is gone without a word is found out.
fn smooth(socket: &TcpStream) {
    // What is not taken leaves the connection as it was.
    drop(socket.set_nodelay(true));
    kernel::keep_alive(socket, KEEP_ALIVE, KEEP_ALIVE_TRIES);
}

fn key(about: u64, number: u64) -> u64 {
    about << ABOUT | number
}
