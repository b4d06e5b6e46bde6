//! The host's network, and the names and addresses of pods on it.
//!
//! Invariant: a pod that leaves the network and comes back has the same address, so that its connections last.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;

use bollard::models::{
    Ipam, IpamConfig, NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest, NetworkInspect,
};
use bollard::query_parameters::InspectNetworkOptions;
use writ_core::model::PodSpec;
use writ_core::observed::NetworkState;

use super::address::Subnet;
use super::connection::{ANSWER, WORK};
use super::execute::Ours;
use super::labels::{self, Asked, HOST};
use super::{Docker, NETWORK, asked, request, sent};
use crate::target::{Context, Published, TargetError};

/// A network that is made only to learn which addresses the engine would choose.
const TRIAL: &str = "voodu0-trial";

/// Tries to get the addresses that the engine chose a moment ago, should somebody else be faster.
const TRIES: usize = 3;

impl Docker {
    /// Makes the host's network, unless it is there.
    pub(super) async fn create_network(&self, context: &Context) -> Result<(), TargetError> {
        let operation = format!("create network {NETWORK}");
        let mut last = None;
        for _ in 0..TRIES {
            if self.subnet(&operation).await?.is_some() {
                return Ok(());
            }
            let subnet = self.free_subnet(context).await?;
            match self.make_network(&operation, context, NETWORK, Some(subnet)).await {
                Ok(()) => return Ok(()),
                Err(error @ TargetError::Refused { .. }) => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.expect("the loop ran"))
    }

    /// Whether the host's network is there.
    pub(super) async fn network_state(&self) -> Result<NetworkState, TargetError> {
        let found = self.network(NETWORK).await?;
        if self.note_network(found.as_ref()) {
            return Ok(NetworkState::Present);
        }
        let Some(found) = found else { return Ok(NetworkState::Absent) };
        let labels = found.labels.unwrap_or_default();
        Ok(NetworkState::Foreign(labels::holder(&self.host, "network", NETWORK, &labels)))
    }

    /// Remembers the host's network as it was found by its name; true if it is there, and ours.
    fn note_network(&self, found: Option<&NetworkInspect>) -> bool {
        let ours = found.filter(|found| self.is_ours(found));
        let mut memory = self.memory();
        memory.network_seen = ours.is_some();
        memory.subnet = ours.and_then(subnet_of);
        ours.is_some()
    }

    /// True for a network that bears this host's label.
    fn is_ours(&self, network: &NetworkInspect) -> bool {
        network.labels.as_ref().and_then(|labels| labels.get(HOST)) == Some(&self.host)
    }

    /// The addresses of the host's network; none if it is not there, an error if it is not ours.
    pub(super) async fn subnet(&self, operation: &str) -> Result<Option<Subnet>, TargetError> {
        let found = self.network(NETWORK).await?;
        let ours = self.note_network(found.as_ref());
        let Some(found) = found else { return Ok(None) };
        if !ours {
            let labels = found.labels.unwrap_or_default();
            return Err(TargetError::Held {
                operation: operation.to_owned(),
                name: NETWORK.to_owned(),
                holder: labels::holder(&self.host, "network", NETWORK, &labels).0,
            });
        }
        let subnet = subnet_of(&found).ok_or_else(|| TargetError::Failed {
            operation: operation.to_owned(),
            reason: format!("network {NETWORK} has no range of addresses that can be used"),
        })?;
        Ok(Some(subnet))
    }

    /// An address for a pod, which nobody else is given until it is released.
    pub(super) fn reserve(
        &self,
        pod: &str,
        subnet: Subnet,
        used: &BTreeSet<Ipv4Addr>,
    ) -> Result<Ipv4Addr, TargetError> {
        let mut memory = self.memory();
        let used: BTreeSet<Ipv4Addr> = used.union(&memory.addresses).copied().collect();
        let address = subnet.choose(pod, &used).ok_or_else(|| TargetError::Failed {
            operation: format!("create pod {pod}"),
            reason: format!("network {NETWORK} ({}) has no free address", subnet.text()),
        })?;
        memory.addresses.insert(address);
        Ok(address)
    }

    /// Lets the shared names of a pod lead to it, or not.
    ///
    /// # Errors
    /// If the names were not changed.
    pub async fn set_ready(&self, spec: &PodSpec, container: &str, ready: bool) -> Result<(), TargetError> {
        let change = if ready { "publish" } else { "withdraw" };
        let operation = format!("{change} the shared names of {}", spec.name);
        let found = self.ours(&operation, container).await?;
        let Some(asked) = found.asked else { return Ok(()) };
        {
            let mut memory = self.memory();
            if ready {
                memory.published.insert(container.to_owned())
            } else {
                memory.published.remove(container)
            };
        }
        let connected = asked::is_published(&asked, &found.inspect);
        let running = found.inspect.state.as_ref().and_then(|state| state.running).unwrap_or(false);
        let settled = asked.shared.is_empty() || spec.publish_not_ready || connected == ready;
        // One that somebody took off the network is drift, which a plan mends or reports.
        let settled = settled || !asked::is_connected(&asked, &found.inspect);
        if asked.address.is_none() || settled || !running {
            return Ok(());
        }
        self.reconnect(&operation, container, &asked, ready).await
    }

    /// Whether a container runs, since when, and whether the shared names lead to it.
    ///
    /// # Errors
    /// If it could not be looked at.
    pub async fn published(&self, container: &str) -> Result<Published, TargetError> {
        let found = self.ours("look at the names of a container", container).await?;
        let state = found.inspect.state.clone().unwrap_or_default();
        let moment = |text: &Option<String>| text.as_deref().and_then(writ_core::time::Timestamp::parse);
        // The engine writes the year 1 where no run has begun, or has ended.
        let started = moment(&state.started_at).filter(|at| at.0 > 0);
        if let (Some(started), Some(id)) = (started, &found.inspect.id) {
            self.memory().started.insert(id.clone(), started);
        }
        let is_shared = |found: &Ours| {
            let asked = found.asked.as_ref();
            asked.is_some_and(|asked| !asked.shared.is_empty() && asked::is_published(asked, &found.inspect))
        };
        // Names lead to the sandbox of a pod of several containers, and so to all of them.
        let shared = match found.joined_to() {
            Some(sandbox) => {
                self.ours("look at the names of a pod", sandbox).await.is_ok_and(|found| is_shared(&found))
            }
            None => is_shared(&found),
        };
        if shared && found.joined_to().is_none() {
            self.memory().published.insert(container.to_owned());
        }
        let lasts = found.asked.as_ref().is_some_and(|asked| !asked.ends);
        let (runs, restarts) = (state.running.unwrap_or(false), state.restarting.unwrap_or(false));
        Ok(Published {
            running: runs && !restarts,
            ended: !runs && !restarts,
            started: started.unwrap_or_default(),
            finished: moment(&state.finished_at).filter(|at| at.0 > 0),
            shared,
            ailment: self.ailment(container, &state, lasts).await,
        })
    }

    /// Takes a container off the network and puts it back under its names, at its address.
    pub(super) async fn reconnect(
        &self,
        operation: &str,
        container: &str,
        asked: &Asked,
        ready: bool,
    ) -> Result<(), TargetError> {
        self.memory().reconnecting.insert(container.to_owned());
        let done = self.leave_and_return(operation, container, asked, ready).await;
        self.memory().reconnecting.remove(container);
        done
    }

    async fn leave_and_return(
        &self,
        operation: &str,
        container: &str,
        asked: &Asked,
        ready: bool,
    ) -> Result<(), TargetError> {
        let engine = self.engine().await?;
        let leave = NetworkDisconnectRequest { container: container.to_owned(), force: Some(false) };
        match self.ask(operation, WORK, engine.disconnect_network(NETWORK, leave)).await {
            Ok(()) => {}
            // A container that is not connected cannot leave; what counts is whether it can come back.
            Err(TargetError::Refused { reason, .. }) if reason.contains("is not connected") => {}
            Err(error) => return Err(error),
        }
        let back = NetworkConnectRequest {
            container: container.to_owned(),
            endpoint_config: Some(request::endpoint(Some(asked), ready)),
        };
        let back = sent::connection(back).map_err(|refused| refused.of(operation))?;
        self.ask(operation, WORK, back.send(&engine)).await
    }

    /// Addresses that the engine would choose now: free of its other networks and of the host's routes.
    async fn free_subnet(&self, context: &Context) -> Result<Subnet, TargetError> {
        let operation = "find free addresses for the host's network";
        self.remove_trial(operation).await?;
        self.make_network(operation, context, TRIAL, None).await?;
        let found = self.network(TRIAL).await?;
        self.remove_trial(operation).await?;
        found.as_ref().and_then(subnet_of).ok_or_else(|| TargetError::Failed {
            operation: operation.to_owned(),
            reason: "the engine chose none that can be used".to_owned(),
        })
    }

    async fn remove_trial(&self, operation: &str) -> Result<(), TargetError> {
        if self.network(TRIAL).await?.is_some_and(|found| self.is_ours(&found)) {
            let engine = self.engine().await?;
            self.find(operation, WORK, engine.remove_network(TRIAL)).await?;
        }
        Ok(())
    }

    async fn make_network(
        &self,
        operation: &str,
        context: &Context,
        name: &str,
        subnet: Option<Subnet>,
    ) -> Result<(), TargetError> {
        let engine = self.engine().await?;
        let addresses = subnet.map(|subnet| Ipam {
            config: Some(vec![IpamConfig {
                subnet: Some(subnet.text()),
                ip_range: Some(subnet.upper()),
                gateway: Some(subnet.gateway()),
                ..IpamConfig::default()
            }]),
            ..Ipam::default()
        });
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            ipam: addresses,
            labels: Some(HashMap::from([(HOST.to_owned(), context.host.clone())])),
            ..NetworkCreateRequest::default()
        };
        let request = sent::network(request).map_err(|refused| refused.of(operation))?;
        self.ask(operation, WORK, request.send(&engine)).await.map(|_| ())
    }

    async fn network(&self, name: &str) -> Result<Option<NetworkInspect>, TargetError> {
        let engine = self.engine().await?;
        let question = engine.inspect_network(name, None::<InspectNetworkOptions>);
        // The engine finds a network by the start of its identifier too.
        let found = self.find(&format!("look at network {name}"), ANSWER, question).await?;
        Ok(found.filter(|found| found.name.as_deref() == Some(name)))
    }
}

fn subnet_of(network: &NetworkInspect) -> Option<Subnet> {
    let ranges = network.ipam.as_ref()?.config.as_ref()?;
    ranges.iter().find_map(|range| Subnet::parse(range.subnet.as_deref()?))
}

/// The addresses in use on the host's network, by every container that there is: as given to it, and as it has it now.
pub(super) fn used_addresses<'a>(
    containers: impl Iterator<Item = (Option<Asked>, Option<&'a bollard::models::EndpointSettings>)>,
) -> BTreeSet<Ipv4Addr> {
    let addresses = containers.flat_map(|(asked, endpoint)| {
        let given = asked.and_then(|asked| asked.address);
        let fixed = endpoint.and_then(|endpoint| endpoint.ipam_config.as_ref()?.ipv4_address.clone());
        let now = endpoint.and_then(|endpoint| endpoint.ip_address.clone());
        [given, fixed, now]
    });
    addresses.flatten().filter_map(|address| address.parse().ok()).collect()
}
