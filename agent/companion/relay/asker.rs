//! Asks the engine which pods a name leads to, again for each who wants to know, so that nobody is led by what was so.
//!
//! Invariant: an address that is not on a network of the container itself is no pod, whoever says so: a name that leads to no
//! pod is asked of servers beyond the engine, too.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use super::question::{ANSWER_BYTES_MAX, answer, question};

/// Time after which a question is asked again, and how often it is.
const PATIENCE: Duration = Duration::from_secs(2);
const TRIES: u32 = 3;

/// The server of names that the engine gives to every container, should the container not say so.
const SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
const SERVERS: &str = "/etc/resolv.conf";
const ROUTES: &str = "/proc/net/route";
const PORT: u16 = 53;

/// Who wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A connection, by its number.
    Stream(u64),
    /// A flow of messages, by its number.
    Flow(u64),
}

/// The names that are asked for, and who waits for each.
pub struct Names {
    pub socket: UdpSocket,
    names: Vec<Name>,
    id: u16,
}

struct Name {
    name: String,
    asked: Option<Asked>,
    waiting: Vec<Asker>,
}

/// A question under way.
struct Asked {
    id: u16,
    at: Instant,
    tries: u32,
}

/// The pods that a name leads to, and who wanted to know.
pub type Answer = (Vec<Asker>, Vec<Ipv4Addr>);

impl Names {
    pub fn new() -> io::Result<Self> {
        let text = fs::read_to_string(SERVERS).unwrap_or_default();
        let servers = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse().ok());
        let server: Ipv4Addr = servers.into_iter().next().unwrap_or(SERVER);
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((server, PORT))?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, names: Vec::new(), id: 0 })
    }

    /// Asks for a name. Whoever comes while a question is under way has its answer.
    pub fn ask(&mut self, name: &str, who: Asker, now: Instant) {
        let at = self.names.iter().position(|known| known.name == name).unwrap_or_else(|| {
            self.names.push(Name { name: name.to_owned(), asked: None, waiting: Vec::new() });
            self.names.len() - 1
        });
        self.names[at].waiting.push(who);
        if self.names[at].asked.is_none() {
            self.send(at, 1, now);
        }
    }

    fn send(&mut self, at: usize, tries: u32, now: Instant) {
        self.id = self.id.wrapping_add(1);
        let name = &mut self.names[at];
        name.asked = Some(Asked { id: self.id, at: now, tries });
        // One that is lost is asked again.
        drop(self.socket.send(&question(self.id, &name.name)));
    }

    /// True while somebody waits.
    pub fn is_asking(&self) -> bool {
        self.names.iter().any(|name| name.asked.is_some())
    }

    /// The answers that came.
    pub fn receive(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        let mut bytes = vec![0; usize::from(ANSWER_BYTES_MAX)];
        loop {
            let count = match self.socket.recv(&mut bytes) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Nothing more; or nobody serves there, and is asked again.
                Err(_) => return answers,
            };
            let Some((id, mut pods)) = answer(&bytes[..count]) else { continue };
            let is_asked = |name: &&mut Name| name.asked.as_ref().is_some_and(|asked| asked.id == id);
            if let Some(name) = self.names.iter_mut().find(is_asked) {
                name.asked = None;
                let networks = fs::read_to_string(ROUTES).map_or_else(|_| Vec::new(), |text| networks(&text));
                pods.retain(|pod| networks.iter().any(|(network, mask)| u32::from(*pod) & mask == *network));
                answers.push((std::mem::take(&mut name.waiting), pods));
            }
        }
    }

    /// Asks again what nobody answered; what was asked often enough leads nowhere.
    pub fn tick(&mut self, now: Instant) -> Vec<Answer> {
        let mut answers = Vec::new();
        for at in 0..self.names.len() {
            let Some(Asked { id: _, at: since, tries }) = self.names[at].asked else { continue };
            if now.saturating_duration_since(since) < PATIENCE {
                continue;
            }
            if tries < TRIES {
                self.send(at, tries + 1, now);
            } else {
                self.names[at].asked = None;
                answers.push((std::mem::take(&mut self.names[at].waiting), Vec::new()));
            }
        }
        answers
    }
}

/// The networks that a container is on, each with its mask: those that are reached without a gateway.
/// Source: `/proc/net/route`, numbers in hexadecimal with their bytes in the machine's order.
fn networks(text: &str) -> Vec<(u32, u32)> {
    let number = |word: Option<&&str>| u32::from_str_radix(word?, 16).ok().map(u32::from_be);
    let network = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (network, gateway, mask) = (number(words.get(1))?, number(words.get(2))?, number(words.get(7))?);
        (gateway == 0 && mask != 0).then_some((network, mask))
    };
    text.lines().filter_map(network).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_networks_of_a_container_are_those_without_a_gateway() {
        let text = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                    eth0\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                    eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
        let wanted = (u32::from(Ipv4Addr::new(172, 18, 0, 0)), 0xffff_0000);
        assert_eq!(networks(text), [wanted]);
        assert_eq!(networks("eth0 x y"), []);
    }
}
