//! A described host whose agent answers those who ask, with a workload without and one with a volume.

use crate::ask::{Place, Reply};
use crate::machine::{Machine, Origin, Running};

/// A manifest of a pod with a volume.
pub(crate) const PG: &str = "statefulset \"data\" \"pg\" {\n  image = \"postgres:15\"\n  replicas = 1\n  volume_claim \"data\" {\n    mount_path = \"/data\"\n  }\n}\n";

pub(crate) struct Served {
    pub(crate) origin: Origin,
    pub(crate) machine: Machine,
    pub(crate) place: Place,
}

impl Served {
    pub(crate) fn new() -> Self {
        let (origin, place) = (Origin::new(), Place::own());
        origin.deploy(&[("web.hcl", &crate::machine::web("1")), ("pg.hcl", PG)]);
        let machine = Machine::new(&origin, &format!("[web]\nlisten = \"{}\"\n", place.listen()));
        Self { origin, machine, place }
    }

    /// Runs the agent until everything is as desired and was looked at after that.
    pub(crate) fn run(&self) -> Running<'_> {
        let running = self.machine.run();
        let is_healthy = |reply: Reply| reply.body.contains("\"health\":\"healthy\",\"host\"");
        running.until("health", |_| self.place.get("/api/v1/units", &[]).is_ok_and(is_healthy));
        running
    }
}
