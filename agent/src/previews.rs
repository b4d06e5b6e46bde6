//! Plans what open requests would come to on this host, and tells it: a status on the head of each, and a comment.
//!
//! Invariant: nothing is applied, decrypted or fetched for a request but its head, and nothing that is made of it can be applied.
//! Invariant: no pass waits for this or fails by it. What a pass may have changed meanwhile is not told.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;
use writ_core::dialect::Files;
use writ_core::holdings::Holdings;
use writ_core::model::Desired;
use writ_core::plan::{Input, Setbacks, Template, earlier, plan};
use writ_core::preview::{About, Outlook, Request, chosen, recognized, said};
use writ_core::status::CommitStatus;
use writ_core::time::{Seconds, Timestamp};
use writ_core::trust::{Admitted, CommitId};

use crate::agent::{Agent, Unit};
use crate::cycle::CycleError;
use crate::error::chain;
use crate::git::{GitError, Proposals, Proposed};
use crate::guard;
use crate::limits::REQUESTS_SECONDS;
use crate::record::{RecordError, Standing};
use crate::report::{Forge, Listed};
use crate::settings;
use crate::sight::look;
use crate::source::{Lookout, Source, remote};
use crate::target::Depth;
use crate::trace;
use crate::wanted::{Unopened, Wanted, WantedError, grants, unopened};

/// Time until something is looked at again that a pass is in the way of.
const SOON: Duration = Duration::from_secs(1);

/// The requests of a source, and what was told of them.
pub struct Previews<'a> {
    agent: &'a Agent,
    source: settings::Source,
    lookout: Lookout,
    forge: Rc<Forge>,
    proposals: Arc<Proposals>,
    /// The last listing.
    listed: Listed,
    /// When there is to be another one.
    next: Timestamp,
    /// On which ground each unit's preview of each request stands.
    grounds: BTreeMap<(String, u32), Ground>,
    /// What units want by the commits that they follow, read as requests are.
    before: BTreeMap<String, (Admitted, Rc<Unopened>)>,
}

/// All that a preview depends on.
#[derive(Debug, Clone, PartialEq)]
struct Ground {
    head: CommitId,
    follows: CommitId,
    held: Holdings,
    standing: Option<Standing>,
}

/// Why there is no outlook.
enum Blind {
    /// The record cannot be read.
    Record(RecordError),
    /// The files are not right, or could not be looked at.
    Told(Outlook),
}

impl<'a> Previews<'a> {
    /// The requests of a source; none if no unit asks for previews of it.
    #[must_use]
    pub fn of(agent: &'a Agent, source: &Source) -> Option<Self> {
        let settings = &source.settings;
        let forge = agent.requests.get(&settings.name)?;
        let folder = agent.settings.host.state.join("requests").join(&settings.name);
        Some(Self {
            agent,
            source: settings.clone(),
            lookout: source.lookout(),
            forge: Rc::clone(forge),
            proposals: Arc::new(Proposals::new(folder, remote(settings), forge.request_refs()?)),
            listed: Listed { requests: Vec::new(), tag: None },
            next: Timestamp(0),
            grounds: BTreeMap::new(),
            before: BTreeMap::new(),
        })
    }

    /// Lists the requests if that is due, fetches their heads where they changed, and plans and tells of those whose ground did.
    /// Gives the time until there may be more to do.
    ///
    /// # Errors
    /// If the record cannot be read or written.
    pub async fn round(&mut self, random: u64) -> Result<Duration, RecordError> {
        let now = self.agent.clock.now();
        // A host that follows nothing yet has nothing to plan beside.
        if self.units().all(|unit| unit.wanted.admitted().is_none()) {
            return Ok(SOON);
        }
        if self.next <= now {
            self.list(now, random).await?;
        }
        let wanted = self.wanted(now);
        self.forget(now, &wanted).await?;
        let mut is_done = true;
        for (number, head) in wanted {
            let Some(proposed) = self.fetched(number, &head, now).await? else { continue };
            for unit in self.units_for(number, now) {
                is_done &= self.preview(unit, number, &proposed).await?;
            }
        }
        // What was read is let go of, and the next listing may be far.
        writ_heap::give_back();
        let until_next = u64::try_from(self.next.millis_since(self.agent.clock.now())).unwrap_or_default();
        Ok(if is_done { Duration::from_millis(until_next).max(SOON) } else { SOON })
    }

    /// The units that ask for previews.
    fn units(&self) -> impl Iterator<Item = &'a Unit> + use<'a> {
        let (agent, name) = (self.agent, self.source.name.clone());
        agent.units().iter().filter(move |unit| unit.settings.source == name && unit.settings.previews.is_some())
    }

    /// Those that plan a request.
    fn units_for(&self, number: u32, now: Timestamp) -> Vec<&'a Unit> {
        self.units().filter(|unit| self.chosen_by(unit, now).iter().any(|request| request.number == number)).collect()
    }

    fn chosen_by(&self, unit: &Unit, now: Timestamp) -> Vec<Request> {
        let limits = unit.settings.previews;
        limits.map_or_else(Vec::new, |limits| chosen(&self.listed.requests, &self.source.branch, &limits, now))
    }

    /// The numbers of the requests that any unit plans, each with its head as it was listed.
    fn wanted(&self, now: Timestamp) -> BTreeMap<u32, String> {
        let chosen = self.units().flat_map(|unit| self.chosen_by(unit, now));
        chosen.map(|request| (request.number, request.head)).collect()
    }

    /// Lists the requests. What keeps it from that is told once in the record, and the last listing stands until then.
    async fn list(&mut self, now: Timestamp, random: u64) -> Result<(), RecordError> {
        let (store, id) = (&self.agent.store, self.forge.requests_id());
        let held = store.hold(&id)?;
        if let Some(hold) = held.as_ref().filter(|hold| now < hold.until) {
            self.next = hold.until;
            return Ok(());
        }
        let failures = held.as_ref().map_or(0, |hold| hold.failures);
        let limits = self.units().filter_map(|unit| unit.settings.previews);
        let oldest = limits.map(|limits| limits.oldest(now)).min().unwrap_or(now);
        let known_by = self.listed.tag.as_deref();
        match self.forge.requests(&self.source.branch, oldest, known_by, (now, failures, random)).await {
            Ok(listed) => {
                if held.is_some() {
                    store.forge_answered(&id)?;
                }
                self.listed = listed.unwrap_or_else(|| self.listed.clone());
                let poll = self.source.poll.as_secs().max(REQUESTS_SECONDS);
                self.next = now.plus(Seconds(u32::try_from(poll).unwrap_or(u32::MAX)));
            }
            Err(unlisted) => {
                tracing::warn!(source = self.source.name, why = unlisted.reason, "requests cannot be listed");
                store.forge_postponed(now, &id, unlisted.until, &unlisted.reason)?;
                self.next = unlisted.until;
            }
        }
        Ok(())
    }

    /// Forgets what is known of requests that nobody plans any more.
    async fn forget(&mut self, now: Timestamp, wanted: &BTreeMap<u32, String>) -> Result<(), RecordError> {
        let (proposals, numbers) = (Arc::clone(&self.proposals), wanted.keys().copied().collect::<BTreeSet<u32>>());
        let mut over = match blocking(move || proposals.keep_only(&numbers)).await {
            Ok(over) => over,
            Err(error) => {
                tracing::warn!(source = self.source.name, error = chain(&error), "heads of requests cannot be removed");
                BTreeSet::new()
            }
        };
        over.extend(self.grounds.keys().map(|(_, number)| *number).filter(|number| !wanted.contains_key(number)));
        self.grounds.retain(|(_, number), _| wanted.contains_key(number));
        for number in over {
            for unit in self.units() {
                let context = format!("{}/{number}", self.context(unit));
                self.agent.store.forget_remark(now, &self.forge.remarks_id(), &context)?;
            }
        }
        Ok(())
    }

    /// The head of a request, fetched if it is not the one that is there. What is wrong with the request is told on its head; that the
    /// remote cannot be asked is told in the log.
    async fn fetched(&self, number: u32, head: &str, now: Timestamp) -> Result<Option<Proposed>, RecordError> {
        let Ok(listed) = head.parse::<CommitId>() else {
            tracing::warn!(source = self.source.name, number, head = %head.escape_debug(), "a request's head is no commit");
            return Ok(None);
        };
        let proposals = Arc::clone(&self.proposals);
        let fetched = blocking(move || match proposals.fetched(number) {
            Ok(Some(proposed)) if proposed.commit() == listed => Ok(Some(proposed)),
            Ok(_) | Err(_) => proposals.fetch(number),
        });
        match fetched.await {
            Ok(proposed) => Ok(proposed),
            Err(
                error @ (GitError::TooMuch { .. }
                | GitError::TooLarge { .. }
                | GitError::TooHeavy { .. }
                | GitError::Content { .. }),
            ) => {
                let outlook = Outlook::Unknown(chain(&error));
                for unit in self.units_for(number, now) {
                    if let Some((follows, _)) = unit.wanted.admitted() {
                        self.tell(unit, number, (&listed, &follows.commit()), &outlook, &[])?;
                    }
                }
                Ok(None)
            }
            Err(error) => {
                tracing::warn!(source = self.source.name, number, error = chain(&error), "a request cannot be fetched");
                Ok(None)
            }
        }
    }

    /// Plans a request for a unit and tells of it, unless what it was planned on before still stands. False if a pass was in the way.
    async fn preview(&mut self, unit: &'a Unit, number: u32, proposed: &Proposed) -> Result<bool, RecordError> {
        let Some((follows, known)) = unit.wanted.admitted() else { return Ok(true) };
        let ground = self.ground(unit, proposed, &follows)?;
        let key = (unit.settings.name.clone(), number);
        if self.grounds.get(&key) == Some(&ground) {
            return Ok(true);
        }
        if self.agent.is_passing() {
            return Ok(false);
        }
        let mut notes = Vec::new();
        let span = trace::preview(&unit.settings.name, number, &proposed.commit().to_string());
        let outlook = match self.outlook(unit, proposed, (&follows, &known), &mut notes).instrument(span).await {
            Ok(outlook) | Err(Blind::Told(outlook)) => outlook,
            Err(Blind::Record(error)) => return Err(error),
        };
        if self.agent.is_passing() || self.ground(unit, proposed, &follows)? != ground {
            return Ok(false);
        }
        self.tell(unit, number, (&proposed.commit(), &follows.commit()), &outlook, &notes)?;
        self.grounds.insert(key, ground);
        Ok(true)
    }

    fn ground(&self, unit: &Unit, proposed: &Proposed, follows: &Admitted) -> Result<Ground, RecordError> {
        let (store, name) = (&self.agent.store, &unit.settings.name);
        let (held, standing) = (store.holdings(name)?, store.standing(name)?);
        Ok(Ground { head: proposed.commit(), follows: follows.commit(), held, standing })
    }

    /// What would be done if the head of a request were what the unit follows.
    async fn outlook(
        &mut self,
        unit: &Unit,
        proposed: &Proposed,
        (follows, known): (&Admitted, &Wanted),
        notes: &mut Vec<String>,
    ) -> Result<Outlook, Blind> {
        let before = self.before(unit, follows).await?;
        let (proposals, wanted, folders) =
            (Arc::clone(&self.proposals), proposed.clone(), unit.settings.folders.clone());
        let files =
            blocking(move || proposals.files(&wanted, &folders)).await.map_err(|error| Blind::Told(tree(&error)))?;
        let asked = self.unopened(unit, &files).await.map_err(|error| Blind::Told(wrong(&error)))?;
        if asked.is_sealed {
            notes.push("Encrypted values count by how they are written.".to_owned());
        }
        if asked.unfetched > 0 {
            notes.push("Contents of other servers count by their addresses.".to_owned());
        }
        let desired = recognized(asked.desired, &before.desired, &known.desired);
        self.plan(unit, proposed, follows, &files, &desired).await
    }

    async fn plan(
        &self,
        unit: &Unit,
        proposed: &Proposed,
        follows: &Admitted,
        files: &Files,
        desired: &Desired,
    ) -> Result<Outlook, Blind> {
        // Closely enough to see what runs by which revision; what drifted is the business of passes.
        let observed = match look(self.agent, unit, desired, Depth::List).await {
            Ok(observed) => observed,
            Err(CycleError::Record(error)) => return Err(Blind::Record(error)),
            Err(CycleError::Target { unit: _, source }) => {
                return Ok(Outlook::Unknown(format!("could not look: {}", chain(&source))));
            }
        };
        let held = self.agent.store.holdings(&unit.settings.name)?;
        let around = self.agent.around(unit, desired, &held)?;
        let lost = |(object, _)| (object, Template::Lost("a preview reads no earlier commit".to_owned()));
        let templates = earlier(desired, &observed, &held).into_iter().map(lost).collect();
        let (now, commit) = (self.agent.clock.now(), proposed.commit().to_string());
        let input = Input {
            now,
            commit: Some(&commit),
            desired,
            observed: &observed,
            held: &held,
            policy: &unit.settings.policy(),
            seed: 0,
            setbacks: &Setbacks::default(),
            templates: &templates,
            ingress: &around,
        };
        let granted = grants(follows, &unit.settings, files, desired);
        Ok(Outlook::Foreseen(guard::foresee(unit, plan(&input), desired, &granted)))
    }

    /// What a unit wants by the commit that it follows, read as a request is.
    async fn before(&mut self, unit: &Unit, follows: &Admitted) -> Result<Rc<Unopened>, Blind> {
        let name = &unit.settings.name;
        if let Some((_, before)) = self.before.get(name).filter(|(known, _)| known == follows) {
            return Ok(Rc::clone(before));
        }
        let unknown = |why: String| {
            Blind::Told(Outlook::Unknown(format!("the commit that is followed cannot be compared with: {why}")))
        };
        let files =
            self.lookout.files(follows, &unit.settings.folders).await.map_err(|error| unknown(chain(&error)))?;
        let before = self.unopened(unit, &files).await.map_err(|error| unknown(error.in_short()))?;
        let before = Rc::new(before);
        self.before.insert(name.clone(), (follows.clone(), Rc::clone(&before)));
        Ok(before)
    }

    async fn unopened(&self, unit: &Unit, files: &Files) -> Result<Unopened, WantedError> {
        unopened(&self.agent.child, self.agent.store.folder(), &unit.settings, files).await
    }

    /// Has what is foreseen stand on the head of a request and below it, where it does not yet.
    fn tell(
        &self,
        unit: &Unit,
        number: u32,
        (head, follows): (&CommitId, &CommitId),
        outlook: &Outlook,
        notes: &[String],
    ) -> Result<(), RecordError> {
        let (host, name) = (&self.agent.settings.host.name, &unit.settings.name);
        let (head, follows) = (head.to_string(), follows.to_string());
        let said = said(&About { host, unit: name, head: &head, follows: &follows, notes }, outlook);
        let (store, now, context) = (&self.agent.store, self.agent.clock.now(), self.context(unit));
        let of_request = CommitStatus {
            commit: String::new(),
            context: format!("{context}/{number}"),
            state: said.state,
            description: format!("{head:.8}: {}", said.line),
        };
        let status = CommitStatus { commit: head, context, state: said.state, description: said.line };
        let is_news = store.enqueue(now, &self.forge.id(), &status)?
            | store.enqueue_remark(now, &self.forge.remarks_id(), &of_request, &said.comment)?;
        if is_news {
            self.agent.news.notify_one();
        }
        Ok(())
    }

    /// Who says it: `writ/<host>/<unit>/preview`.
    fn context(&self, unit: &Unit) -> String {
        format!("writ/{}/{}/preview", self.agent.settings.host.name, unit.settings.name)
    }
}

impl From<RecordError> for Blind {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

/// What is said of a tree whose files cannot be taken.
fn tree(error: &GitError) -> Outlook {
    let why = chain(error);
    if matches!(error, GitError::Content { .. }) {
        Outlook::Wrong { short: why.clone(), whole: why }
    } else {
        Outlook::Unknown(why)
    }
}

/// What is said of files that are not right.
fn wrong(error: &WantedError) -> Outlook {
    if error.is_refusal() {
        Outlook::Wrong { short: error.in_short(), whole: error.to_string() }
    } else {
        Outlook::Unknown(error.in_short())
    }
}

/// Runs a blocking call beside everything else.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    tokio::task::spawn_blocking(call).await.expect("a call on heads of requests neither panics nor is cancelled")
}
