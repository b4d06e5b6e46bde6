//! Which of the pods a client is led to, and which one is tried when that fails.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

/// Clients whose pods are remembered. With more, those that came longest ago are forgotten.
const CLIENTS_MAX: usize = 65_536;

/// How pods are chosen: in turn, or each client stays with one.
pub struct Choice {
    turn: usize,
    affinity: Option<Duration>,
    clients: HashMap<(u16, IpAddr), (Ipv4Addr, Instant)>,
}

impl Choice {
    pub fn new(affinity: Option<Duration>) -> Self {
        Self { turn: 0, affinity, clients: HashMap::new() }
    }

    /// The pods in the order in which they are tried for a client of a port. `pods` are in a fixed order.
    pub fn order(&mut self, port: u16, client: IpAddr, pods: &[Ipv4Addr], now: Instant) -> Vec<Ipv4Addr> {
        let mut order = pods.to_vec();
        if order.is_empty() {
            return order;
        }
        let kept = self.affinity.and_then(|lasts| {
            let (pod, last) = *self.clients.get(&(port, client))?;
            (now.saturating_duration_since(last) < lasts).then_some(pod)
        });
        match kept.and_then(|pod| order.iter().position(|other| *other == pod)) {
            Some(at) => order.rotate_left(at),
            None => {
                order.rotate_left(self.turn % pods.len());
                self.turn = self.turn.wrapping_add(1);
            }
        }
        order
    }

    /// A client was led to a pod.
    pub fn took(&mut self, port: u16, client: IpAddr, pod: Ipv4Addr, now: Instant) {
        let Some(lasts) = self.affinity else { return };
        if self.clients.len() >= CLIENTS_MAX && !self.clients.contains_key(&(port, client)) {
            self.clients.retain(|_, (_, last)| now.saturating_duration_since(*last) < lasts);
            // All of them came of late: half of them go, the older ones.
            if self.clients.len() >= CLIENTS_MAX {
                let mut times: Vec<Instant> = self.clients.values().map(|(_, last)| *last).collect();
                times.sort_unstable();
                let middle = times[times.len() / 2];
                self.clients.retain(|_, (_, last)| *last > middle);
            }
        }
        self.clients.insert((port, client), (pod, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(count: u8) -> Vec<Ipv4Addr> {
        (1..=count).map(|at| Ipv4Addr::new(10, 0, 0, at)).collect()
    }

    fn client(at: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(at))
    }

    #[test]
    fn pods_are_taken_in_turn_and_the_others_are_tried_after_each() {
        let (mut choice, now) = (Choice::new(None), Instant::now());
        let firsts: Vec<Ipv4Addr> = (0..6).map(|_| choice.order(80, client(1), &pods(3), now)[0]).collect();
        assert_eq!(firsts, [pods(3), pods(3)].concat());
        let mut all = choice.order(80, client(1), &pods(3), now);
        all.sort();
        assert_eq!(all, pods(3));
        assert!(choice.order(80, client(1), &[], now).is_empty());
    }

    #[test]
    fn a_client_stays_with_its_pod_until_that_is_gone_or_its_time_is_over() {
        let lasts = Duration::from_secs(60);
        let (mut choice, now) = (Choice::new(Some(lasts)), Instant::now());
        choice.took(80, client(1), pods(3)[1], now);
        for _ in 0..4 {
            assert_eq!(choice.order(80, client(1), &pods(3), now)[0], pods(3)[1]);
        }
        // Others, and the same on another port, are led in turn.
        let others: Vec<Ipv4Addr> = (2..5).map(|at| choice.order(80, client(at), &pods(3), now)[0]).collect();
        assert_eq!(others, pods(3));
        assert_eq!(choice.order(81, client(1), &pods(3), now)[0], pods(3)[0]);
        assert_eq!(choice.order(80, client(1), &pods(1), now), pods(1), "its pod is gone");
        let first = |choice: &mut Choice, at| choice.order(80, client(1), &pods(3), now + at)[0];
        assert_eq!(first(&mut choice, lasts - Duration::from_millis(1)), pods(3)[1]);
        choice.turn = 2;
        assert_eq!(first(&mut choice, lasts), pods(3)[2], "its time is over");
    }

    #[test]
    fn no_number_of_clients_takes_more_than_a_bounded_memory() {
        let (mut choice, start) = (Choice::new(Some(Duration::from_secs(3_600))), Instant::now());
        for at in 0..u32::try_from(CLIENTS_MAX).unwrap() + 1_000 {
            choice.took(80, client(at), pods(1)[0], start + Duration::from_millis(at.into()));
            assert!(choice.clients.len() <= CLIENTS_MAX);
        }
        assert!(choice.clients.contains_key(&(80, client(u32::try_from(CLIENTS_MAX).unwrap() + 999))));
        assert!(!choice.clients.contains_key(&(80, client(0))));
    }
}
