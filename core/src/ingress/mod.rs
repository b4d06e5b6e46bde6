//! The one ingress of a host: the container that it is, and what all units together lead through it.
//!
//! Each unit asks for routes; the container and its configuration belong to the host. What other units lead through it is
//! known from what they hold, so that a pass over one unit takes nothing from another.
//!
//! Invariant: a pure function of its input; the configuration holds no secret (keys of certificates are files beside it).

mod caddy;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use crate::hash::{SpecHash, spec_hash};
use crate::holdings::Holdings;
use crate::model::{
    ContainerSpec, Extras, Hooks, Kind, Mount, MountSource, ObjectId, PodIndex, PodSpec, Port, Protocol, Publish,
    PullPolicy, Resources, Route, Security, Terminal, VolumeSpec,
};
use crate::observed::ObservedIngress;
use crate::text::SecretText;
use crate::time::Seconds;

/// The name of the container.
pub const CONTAINER: &str = "voodu-caddy";

/// What its labels name in the place of a unit; no unit can be called so.
pub const OWNER: &str = "(ingress)";

/// The name of the volume that holds its certificates and the configuration that it was given last.
pub const VOLUME: &str = "voodu-caddy-data";

/// Where that volume is mounted.
pub const FOLDER: &str = "/data";

/// The folder of certificates from Secrets in it.
pub const PAIRS: &str = "writ";

/// The file in it that holds the configuration that was loaded last, and that a restart goes on with.
pub const LOADED: &str = "config/caddy/autosave.json";

/// The ports on which it listens in its container.
const PORTS: (u16, u16) = (80, 443);

/// Time that it lets requests end when it is asked to stop.
const GRACE: Seconds = Seconds(10);

/// Digits of a digest in the name of a file of roots.
const ROOTS_DIGITS: usize = 12;

/// What the host's settings say about its ingress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The image.
    pub image: String,
    /// Addresses of the host on which it listens.
    pub addresses: BTreeSet<IpAddr>,
    /// Ports of the host for HTTP and for HTTPS.
    pub ports: (u16, u16),
    /// Who is told about certificates where a manifest names nobody.
    pub email: Option<String>,
    /// Who issues certificates.
    pub issuer: Issuer,
}

/// Who issues certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issuer {
    /// An authority that speaks ACME: this one, or else the program's own choice.
    Acme(Option<Directory>),
    /// The ingress itself, by an authority of its own.
    Internal,
}

/// An authority that speaks ACME.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// The address of its directory, by https.
    pub address: String,
    /// Certificates in PEM, one of which must vouch for that address; none: those that the image trusts.
    pub roots: Option<String>,
}

impl Directory {
    /// The name under which `roots` is kept in the ingress's volume. No certificate of a Secret is called so: scopes begin
    /// with a letter or digit. Another content has another name, so that the configuration tells of it.
    fn name(roots: &str) -> String {
        let digest = spec_hash(&BTreeMap::from([("roots".to_owned(), roots.to_owned())])).to_string();
        let digits: String = digest.chars().skip_while(|it| *it != ':').skip(1).take(ROOTS_DIGITS).collect();
        format!("_roots-{digits}")
    }
}

/// The routes of units, by unit and Ingress.
pub type Routes = BTreeMap<String, BTreeMap<ObjectId, Vec<Route>>>;

/// What a plan for one unit must know of the host's ingress.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Around {
    /// The unit.
    pub unit: String,
    /// What the host's settings say.
    pub settings: Settings,
    /// What every unit of the host holds, this one included.
    pub held: Routes,
}

/// The ingress as it must be: what is needed to make it so, whatever is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Serving {
    /// Its container.
    pub pod: PodSpec,
    /// Certificates from Secrets of the unit at hand, by name, and those that vouch for the authority. Those of other
    /// units are there already.
    pub pairs: BTreeMap<String, SecretText>,
    /// What it serves.
    routes: Routes,
    /// What was held before.
    before: Routes,
    unit: String,
    settings: Settings,
    seen: Option<ObservedIngress>,
}

/// Why the ingress is not as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It is not there.
    Absent {
        /// It was, or should have been, before this plan.
        missing: bool,
    },
    /// It runs from other settings.
    Outdated,
    /// It does not run.
    Stopped,
    /// It leads elsewhere.
    Elsewhere {
        /// What is wanted is what was wanted before.
        moved: bool,
    },
    /// Nothing asks for it any more.
    Needless,
}

impl Default for Settings {
    /// Loopback alone, as for ports of pods: to be reached from elsewhere is for the host to say.
    fn default() -> Self {
        Self {
            image: "caddy:2".to_owned(),
            addresses: BTreeSet::from([IpAddr::V4(Ipv4Addr::LOCALHOST)]),
            ports: PORTS,
            email: None,
            issuer: Issuer::Acme(None),
        }
    }
}

/// The identity under which the ingress stands in plans and in the record.
#[must_use]
pub fn identity() -> ObjectId {
    ObjectId::new(Kind::IngressClass, "", CONTAINER)
}

/// The routes that holdings speak of.
#[must_use]
pub fn held(holdings: &Holdings) -> BTreeMap<ObjectId, Vec<Route>> {
    let entrances = holdings.objects.iter().filter(|(id, _)| id.kind.is_entrance());
    entrances.filter_map(|(id, held)| Some((id.clone(), held.routes()?))).collect()
}

/// A digest by which two configurations are told apart; none if the text is no configuration.
#[must_use]
pub fn digest(configuration: &str) -> Option<SpecHash> {
    let value: serde_json::Value = serde_json::from_str(configuration).ok()?;
    // Names are in order then, however they were written.
    Some(spec_hash(&BTreeMap::from([("configuration".to_owned(), value.to_string())])))
}

/// The names on the host's network that a configuration leads to.
#[must_use]
pub fn names(configuration: &str) -> BTreeSet<String> {
    let Ok(value) = serde_json::from_str(configuration) else { return BTreeSet::new() };
    caddy::names(&value)
}

/// Why `routes` may not be served for a unit: another one serves that host name.
pub(crate) fn conflict(around: &Around, routes: &[Route]) -> Option<String> {
    let others = around.held.iter().filter(|(unit, _)| **unit != around.unit);
    let others = others
        .flat_map(|(unit, held)| held.iter().flat_map(move |(id, held)| held.iter().map(move |it| (unit, id, it))));
    let taken: BTreeMap<Option<&str>, (&String, &ObjectId)> =
        others.map(|(unit, id, route)| (route.host.as_deref(), (unit, id))).collect();
    let (host, (unit, id)) = routes.iter().find_map(|route| {
        let host = route.host.as_deref();
        Some((host, taken.get(&host)?))
    })?;
    let host = host.map_or_else(|| "any host".to_owned(), |host| format!("the host {host}"));
    Some(format!("{host} is served by {id} of unit {unit}; each host name belongs to one unit"))
}

impl Serving {
    /// What `around` comes to once `own` is what the unit leads through it.
    #[must_use]
    pub(crate) fn new(
        around: &Around,
        own: BTreeMap<ObjectId, Vec<Route>>,
        pairs: BTreeMap<String, SecretText>,
        seen: Option<&ObservedIngress>,
    ) -> Self {
        let Around { unit, settings, held } = around;
        let (mut routes, mut pairs) = (held.clone(), pairs);
        routes.insert(unit.clone(), own);
        if let Issuer::Acme(Some(Directory { address: _, roots: Some(roots) })) = &settings.issuer {
            pairs.insert(Directory::name(roots), SecretText::new(roots.as_str()));
        }
        let (pod, seen) = (pod(settings), seen.cloned());
        Self { pod, pairs, routes, before: held.clone(), unit: unit.clone(), settings: settings.clone(), seen }
    }

    /// True if nothing is led through it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routes().next().is_none()
    }

    /// Its configuration.
    #[must_use]
    pub fn configuration(&self) -> String {
        let mut routes: Vec<&Route> = self.routes().collect();
        routes.sort_by(|one, other| one.order().cmp(&other.order()));
        routes.dedup();
        caddy::configuration(&routes, &self.settings)
    }

    /// How many host names and routes it has, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let hosts: BTreeSet<Option<&str>> = self.routes().map(|route| route.host.as_deref()).collect();
        let count = |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
        format!("{} of {}", count(self.routes().count(), "route"), count(hosts.len(), "host"))
    }

    /// Leaves an Ingress as it was: what it asks for is refused.
    pub(crate) fn withdraw(&mut self, object: &ObjectId) {
        let before = self.before.get(&self.unit).and_then(|own| own.get(object)).cloned();
        let own = self.routes.entry(self.unit.clone()).or_default();
        match before {
            Some(routes) => drop(own.insert(object.clone(), routes)),
            None => drop(own.remove(object)),
        }
    }

    /// What of it is not as it must be; none if nothing is.
    #[must_use]
    pub fn need(&self) -> Option<Need> {
        let is_led_through = |routes: &Routes| routes.values().flat_map(BTreeMap::values).any(|it| !it.is_empty());
        match (&self.seen, self.is_empty()) {
            (None, true) => None,
            (Some(_), true) => Some(Need::Needless),
            (None, false) => Some(Need::Absent { missing: is_led_through(&self.before) }),
            (Some(seen), false) => {
                let ObservedIngress { container: _, running, revision, configuration } = seen;
                if revision.as_ref() != Some(&self.pod.revision) {
                    Some(Need::Outdated)
                } else if !running {
                    Some(Need::Stopped)
                } else if *configuration != digest(&self.configuration()) {
                    Some(Need::Elsewhere { moved: self.routes == self.before })
                } else {
                    None
                }
            }
        }
    }

    fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.values().flat_map(BTreeMap::values).flatten()
    }
}

/// The container of an ingress with these settings.
#[must_use]
pub fn pod(settings: &Settings) -> PodSpec {
    let Settings { image, addresses, ports: (http, https), email: _, issuer: _ } = settings;
    let mut ports = Vec::new();
    for address in addresses {
        for (container, host, protocol) in [
            (PORTS.0, *http, Protocol::Tcp),
            (PORTS.1, *https, Protocol::Tcp),
            // The third version of HTTP.
            (PORTS.1, *https, Protocol::Udp),
        ] {
            let publish = Some(Publish { address: *address, port: Some(host) });
            ports.push(Port { name: None, container, protocol, publish });
        }
    }
    let published: Vec<String> = addresses.iter().map(|address| format!("{address} {http} {https}")).collect();
    let parts = [("image", image.clone()), ("published", published.join(", ")), ("version", VERSION.to_owned())];
    let parts = parts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
    let object = identity();
    let volume = VolumeSpec { name: VOLUME.to_owned(), object: object.clone(), claim: "data".to_owned(), ordinal: 0 };
    PodSpec {
        name: CONTAINER.to_owned(),
        object,
        index: PodIndex::Ordinal(0),
        revision: spec_hash(&parts),
        hostname: CONTAINER.to_owned(),
        init: Vec::new(),
        main: container(image, ports),
        beside: Vec::new(),
        default_container: None,
        share_processes: false,
        sandboxed: false,
        late: None,
        volumes: vec![volume],
        own_names: Vec::new(),
        shared_names: Vec::new(),
        publish_not_ready: false,
        fs_group: None,
        extras: Extras::default(),
        ends: false,
        grace: GRACE,
        min_ready: Seconds(0),
        progress_deadline: Seconds(60),
    }
}

/// Changed with what [`container`] says beyond the settings, so that an ingress of an older version is made anew.
const VERSION: &str = "1";

fn container(image: &str, ports: Vec<Port>) -> ContainerSpec {
    let folder = |name: &str, below: &str| (name.to_owned(), SecretText::new(format!("{FOLDER}{below}")));
    ContainerSpec {
        name: "caddy".to_owned(),
        sidecar: false,
        image: image.to_owned(),
        pull: PullPolicy::IfNotPresent,
        entrypoint: Some(vec!["caddy".to_owned()]),
        // With the configuration that was loaded last, so that a restart by the engine needs no agent.
        arguments: Some(vec!["run".to_owned(), "--resume".to_owned()]),
        working_dir: Some(FOLDER.to_owned()),
        env: BTreeMap::from([folder("HOME", ""), folder("XDG_CONFIG_HOME", "/config"), folder("XDG_DATA_HOME", "")]),
        ports,
        mounts: vec![Mount {
            path: FOLDER.to_owned(),
            source: MountSource::Volume(VOLUME.to_owned()),
            read_only: false,
        }],
        resources: Resources::default(),
        readiness: None,
        liveness: None,
        startup: None,
        hooks: Hooks::default(),
        terminal: Terminal::default(),
        security: Security {
            read_only_root: true,
            allow_privilege_escalation: Some(false),
            capabilities_add: vec!["NET_BIND_SERVICE".to_owned()],
            capabilities_drop: vec!["ALL".to_owned()],
            ..Security::default()
        },
    }
}
