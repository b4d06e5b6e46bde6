//! Which address of the host's network a pod gets.
//!
//! Every pod has a fixed address from its creation on, so that it can leave the network and come back while its
//! connections last, and so that no other container can get it while the pod is stopped. Pods take theirs from the
//! lower half; the engine gives from the upper half to whatever else is connected.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// A network's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subnet {
    base: u32,
    bits: u32,
}

/// Fewest addresses of a network that can be halved and still be of use.
const BITS_MAX: u32 = 28;

impl Subnet {
    /// Reads `172.18.0.0/16`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let (address, bits) = (address.parse::<Ipv4Addr>().ok()?, bits.parse::<u32>().ok()?);
        if !(8..=BITS_MAX).contains(&bits) {
            return None;
        }
        let base = u32::from(address) & (u32::MAX << (32 - bits));
        Some(Self { base, bits })
    }

    /// The written form.
    pub(super) fn text(self) -> String {
        format!("{}/{}", Ipv4Addr::from(self.base), self.bits)
    }

    /// The upper half, from which the engine gives.
    pub(super) fn upper(self) -> String {
        format!("{}/{}", Ipv4Addr::from(self.base + self.half()), self.bits + 1)
    }

    /// The gateway: the first address.
    pub(super) fn gateway(self) -> String {
        Ipv4Addr::from(self.base + 1).to_string()
    }

    const fn half(self) -> u32 {
        1 << (31 - self.bits)
    }

    /// A free address for the pod of that name: the same for the same name as long as it is free, so that a pod that
    /// is replaced keeps it and one that is new does not get one that was somebody else's a moment ago.
    pub(super) fn choose(self, pod: &str, used: &BTreeSet<Ipv4Addr>) -> Option<Ipv4Addr> {
        // The network's own address and the gateway are not to be had.
        let room = self.half() - 2;
        let start = spread(pod) % room;
        (0..room)
            .map(|step| Ipv4Addr::from(self.base + 2 + (start + step) % room))
            .find(|address| !used.contains(address))
    }
}

/// FNV-1a, 32 bits: spreads names over addresses; nothing rests on it. Source: draft-eastlake-fnv.
fn spread(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        Subnet::parse(text).unwrap()
    }

    #[test]
    fn a_subnet_is_halved() {
        let net = subnet("172.18.0.0/16");
        assert_eq!((net.text().as_str(), net.gateway().as_str()), ("172.18.0.0/16", "172.18.0.1"));
        assert_eq!(net.upper(), "172.18.128.0/17");
        assert_eq!(subnet("10.1.2.77/28").upper(), "10.1.2.72/29");
        for bad in ["10.0.0.0", "10.0.0.0/30", "10.0.0.0/x", "fd00::/64"] {
            assert_eq!(Subnet::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_pod_gets_an_address_of_its_own_from_the_lower_half_until_it_is_full() {
        let net = subnet("10.1.2.64/28");
        let mut used = BTreeSet::new();
        for number in 0..6 {
            let address = net.choose(&format!("data-pg.{number}"), &used).unwrap();
            assert!((Ipv4Addr::new(10, 1, 2, 66)..=Ipv4Addr::new(10, 1, 2, 71)).contains(&address), "{address}");
            assert!(used.insert(address));
        }
        assert_eq!(net.choose("data-pg.6", &used), None);
    }

    #[test]
    fn a_pod_gets_the_same_address_again() {
        let net = subnet("172.18.0.0/16");
        let first = net.choose("data-pg.0", &BTreeSet::new()).unwrap();
        assert_eq!(net.choose("data-pg.0", &BTreeSet::from([Ipv4Addr::LOCALHOST])), Some(first));
        assert_ne!(net.choose("data-pg.0", &BTreeSet::from([first])), Some(first));
        assert_ne!(net.choose("data-pg.1", &BTreeSet::new()), Some(first));
    }
}
