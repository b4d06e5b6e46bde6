//! What is said of the hosts of a source: who lags, differs, drifts or fell silent.

use serde_json::{Value, json};
use writ_core::time::Timestamp;
use writ_core::trust::{HostState, Published};

use super::health::Health;
use super::moment;
use crate::fleet::{Member, Place};
use crate::split::Listed;

impl Member {
    /// The worst of what is known of it.
    #[must_use]
    pub fn health(&self) -> Health {
        let by_state = match self.published.state {
            Some(HostState::Success) => Health::Healthy,
            Some(HostState::Pending) | None => Health::Progressing,
            Some(HostState::Drifted) => Health::Drifted,
            Some(HostState::Failure | HostState::Error) => Health::Failing,
        };
        let by_place = match self.place {
            Place::Same => Health::Healthy,
            Place::Behind(_) | Place::Near | Place::Unknown => Health::Progressing,
            Place::Apart => Health::Failing,
        };
        let by_key = match self.listed {
            Listed::Yes | Listed::Nothing => Health::Healthy,
            Listed::Another => Health::Failing,
        };
        let by_silence = if self.silent { Health::Failing } else { Health::Healthy };
        by_state.max(by_place).max(by_key).max(by_silence)
    }

    /// What is to be said of it, the worst first.
    #[must_use]
    pub fn remarks(&self, now: Timestamp) -> Vec<String> {
        let Self { published: Published { host, head, floor, time, state, .. }, listed, place, silent } = self;
        let mut remarks = Vec::new();
        match listed {
            Listed::Yes => {}
            Listed::Nothing => remarks.push(format!("nobody vouches for its key: .writ/hosts/{host}.pub is not there")),
            Listed::Another => remarks.push(format!("its key is not the one that .writ/hosts/{host}.pub lists")),
        }
        if *place == Place::Apart {
            remarks.insert(0, "it was shown another history".to_owned());
        }
        if *silent {
            remarks.insert(0, format!("silent for {}", moment::age(*time, now)));
        }
        match place {
            Place::Behind(1) => remarks.push("1 commit behind".to_owned()),
            Place::Behind(commits) => remarks.push(format!("{commits} commits behind")),
            Place::Near => remarks.push("behind or ahead".to_owned()),
            Place::Unknown => remarks.push("its head is not here yet".to_owned()),
            Place::Same | Place::Apart => {}
        }
        if head != floor {
            remarks.push(format!("it applied {:.8} last", floor.to_string()));
        }
        match state {
            None => remarks.push("it does not say how it stands".to_owned()),
            Some(HostState::Success) => {}
            Some(state) => remarks.push(state.name().to_owned()),
        }
        remarks
    }

    /// The document of it.
    #[must_use]
    pub fn document(&self, now: Timestamp) -> Value {
        let Published { host, source, branch, head, floor, audit, time, state } = &self.published;
        let (place, behind) = match self.place {
            Place::Same => ("same", Some(0)),
            Place::Behind(commits) => ("behind", Some(commits)),
            Place::Near => ("near", None),
            Place::Apart => ("apart", None),
            Place::Unknown => ("unknown", None),
        };
        let vouched = match self.listed {
            Listed::Yes => "yes",
            Listed::Nothing => "nothing",
            Listed::Another => "another",
        };
        json!({
            "host": host, "source": source, "branch": branch, "head": head.to_string(), "floor": floor.to_string(), "audit": audit,
            "time": time.to_string(), "state": state.map(HostState::name), "place": place, "behind": behind, "vouched": vouched,
            "silent": self.silent, "health": self.health().name(), "remarks": self.remarks(now),
        })
    }
}
