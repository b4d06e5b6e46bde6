//! What a browser asks of a host.

use crate::machine::Running;
use crate::served::Served;

impl Served {
    /// Runs the agent until all is as desired and its journal was checked.
    pub(crate) fn run_checked(&self) -> Running<'_> {
        let running = self.run();
        running.until("the check", |_| {
            self.place.get("/audit", &[]).is_ok_and(|reply| reply.body.contains("\">whole</span>"))
        });
        running
    }

    /// The address of a page.
    pub(crate) fn page(&self, path: &str) -> String {
        format!("http://{}{path}", self.place.listen())
    }

    /// The commit that is followed.
    pub(crate) fn commit(&self) -> String {
        self.machine.standing().unwrap().0.unwrap()
    }

    /// One of each view.
    pub(crate) fn views(&self) -> Vec<String> {
        let commit = format!("/commits/{}", self.commit());
        let fixed = ["/", "/history", "/objects/statefulset/data/pg", "/volumes", "/audit", "/nothing"];
        fixed.into_iter().map(str::to_owned).chain([commit]).collect()
    }
}
