//! Collects what tells, beside the record, which commits this host followed: labels of containers, and what it published.
//!
//! Invariant: what could not be looked at is told to whoever decides; it is never "no witness".

use std::collections::BTreeSet;

use writ_core::trust::{CommitId, Testimony, Witness, Witnesses};

use crate::agent::Agent;
use crate::error::chain;
use crate::git::{GitError, Mirror, SignedPublished};
use crate::record::RecordError;

/// Testimonies about commits that the record does not know to have been floors, and what could not be looked at.
#[derive(Debug, Default)]
pub(crate) struct Testimonies {
    said: BTreeSet<(CommitId, Testimony)>,
    let_back: Vec<CommitId>,
    unread: Vec<String>,
}

impl Testimonies {
    /// Asks every target that a unit of the source is applied to, and the record. What the host published is given.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub(crate) async fn collect(
        agent: &Agent,
        source: &str,
        published: Result<Vec<SignedPublished>, GitError>,
    ) -> Result<Self, RecordError> {
        let mut testimonies = Self::default();
        testimonies.ask_targets(agent, source).await;
        let host = &agent.settings.host.name;
        match published {
            Ok(all) => {
                let own = all.into_iter().filter(|it| it.published.host == *host && it.published.source == source);
                let own = own.map(|it| (it.published.floor, Testimony::Published { signer: it.signer }));
                testimonies.said.extend(own);
            }
            Err(error) => {
                testimonies.unread.push(format!("what this host published cannot be read: {}", chain(&error)));
            }
        }
        if testimonies.said.is_empty() {
            return Ok(testimonies);
        }
        let known = agent.store.floors_ever()?;
        testimonies.said.retain(|(commit, _)| !known.contains(&commit.to_string()));
        if !testimonies.said.is_empty() {
            let from = agent.store.let_back_from(source)?;
            testimonies.let_back = from.iter().filter_map(|commit| commit.parse().ok()).collect();
        }
        Ok(testimonies)
    }

    async fn ask_targets(&mut self, agent: &Agent, source: &str) {
        let units: BTreeSet<&str> = agent.units_of(source).map(|unit| unit.settings.name.as_str()).collect();
        for place in agent.places.iter().filter(|place| agent.units_of(source).any(|it| it.place.kind == place.kind)) {
            let in_cluster = place.target.cluster().is_some();
            let labelled = match place.target.commits().await {
                Ok(labelled) => labelled,
                Err(error) => {
                    self.unread.push(format!("which commit runs here cannot be looked at: {}", chain(&error)));
                    continue;
                }
            };
            for (unit, label) in labelled.into_iter().filter(|(unit, _)| units.contains(unit.as_str())) {
                match label.parse() {
                    Ok(commit) if in_cluster => drop(self.said.insert((commit, Testimony::Holds { unit }))),
                    Ok(commit) => drop(self.said.insert((commit, Testimony::Runs { unit }))),
                    Err(_) if in_cluster => self.unread.push(format!(
                        "the ConfigMap of unit {unit} in its cluster names {label:?} as its commit, which is none; remove that \
                         annotation if nobody of yours made it"
                    )),
                    Err(_) => self.unread.push(format!(
                        "a container of unit {unit} is labelled with {label:?} as its commit, which is none; remove that \
                         container if nobody of yours made it"
                    )),
                }
            }
        }
    }

    /// What the clone knows about them, for a head and a floor.
    ///
    /// # Errors
    /// If the clone cannot be read.
    pub(crate) fn witnesses(
        self,
        mirror: &Mirror,
        head: CommitId,
        floor: Option<CommitId>,
    ) -> Result<Witnesses, GitError> {
        let Self { said, let_back, unread } = self;
        if said.is_empty() {
            return Ok(Witnesses { unread, ..Witnesses::default() });
        }
        let repository = mirror.repository();
        let all =
            said.into_iter().map(|(commit, by)| Ok(Witness { commit, payload: repository.payload_of(commit)?, by }));
        let all = all.collect::<Result<Vec<_>, GitError>>()?;
        let wanted: BTreeSet<CommitId> = all.iter().map(|witness| witness.commit).collect();
        let roots: Vec<CommitId> = [head].into_iter().chain(wanted.iter().copied()).chain(let_back.clone()).collect();
        let wanted = wanted.into_iter().chain(floor).collect();
        Ok(Witnesses { lineage: repository.lineage(&roots, &wanted)?, all, let_back, unread })
    }
}
