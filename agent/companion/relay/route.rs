//! What a relay is told to do, in words: `tcp/80/web.shop.endpoints.voodu/8080`, and before those `affinity/10800`.

use std::time::Duration;

/// What a relay does.
#[derive(Debug, PartialEq, Eq)]
pub struct Task {
    /// Where it listens, and where that leads.
    pub routes: Vec<Route>,
    /// How long a client that comes no more is led to the pod that it had; none for any pod each time.
    pub affinity: Option<Duration>,
}

/// One port that it listens on.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// How.
    pub protocol: Protocol,
    /// The port that it listens on.
    pub port: u16,
    /// The name of the pods.
    pub name: String,
    /// The port of the pods.
    pub target: u16,
}

/// What is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Connections.
    Tcp,
    /// Single messages.
    Udp,
}

impl Task {
    /// Reads the words. None if one of them is not understood, or none of them is a route.
    pub fn read(words: &[String]) -> Option<Self> {
        let mut task = Self { routes: Vec::new(), affinity: None };
        for word in words {
            let parts: Vec<&str> = word.split('/').collect();
            match parts.as_slice() {
                ["affinity", seconds] if task.affinity.is_none() => {
                    task.affinity = Some(Duration::from_secs(seconds.parse().ok().filter(|seconds| *seconds > 0)?));
                }
                [protocol, port, name, target] => {
                    let protocol = match *protocol {
                        "tcp" => Protocol::Tcp,
                        "udp" => Protocol::Udp,
                        _ => return None,
                    };
                    let number = |text: &str| text.parse().ok().filter(|port: &u16| *port > 0);
                    let sound = !name.is_empty() && name.split('.').all(|label| (1..=63).contains(&label.len()));
                    let name = Some((*name).to_owned()).filter(|name| sound && name.len() <= 253)?;
                    task.routes.push(Route { protocol, port: number(port)?, name, target: number(target)? });
                }
                _ => return None,
            }
        }
        Some(task).filter(|task| !task.routes.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Task> {
        Task::read(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn routes_and_how_long_a_client_stays_are_read() {
        let task = read("affinity/60 tcp/80/web.shop/8080 udp/53/dns.shop/5353").unwrap();
        assert_eq!(task.affinity, Some(Duration::from_secs(60)));
        let route = |protocol, port, name: &str, target| Route { protocol, port, name: name.to_owned(), target };
        let routes = [route(Protocol::Tcp, 80, "web.shop", 8080), route(Protocol::Udp, 53, "dns.shop", 5353)];
        assert_eq!(task.routes, routes);
        assert_eq!(read("tcp/80/web.shop/80").unwrap().affinity, None);
    }

    #[test]
    fn whatever_is_not_understood_is_refused() {
        let long = format!("tcp/80/{}/80", "a".repeat(64));
        for text in [
            "",
            "affinity/60",
            "affinity/0 tcp/1/a/1",
            "affinity/1 affinity/2 tcp/1/a/1",
            "sctp/1/a/1",
            "tcp/0/a/1",
            "tcp/1/a/65536",
            "tcp/1//1",
            "tcp/1/a..b/1",
            "tcp/1/a",
            "tcp/1/a/1/2",
            &long,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
