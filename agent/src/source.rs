//! One source: from what its remote offers to a commit that may be applied.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use writ_core::time::Timestamp;
use writ_core::trust::{self, Admitted, CommitId, HostTrust, Introduction, Proceedings, Question, Witnesses};

use crate::agent::Agent;
use crate::bulletin::Stage;
use crate::error::chain;
use crate::folders::Folders;
use crate::git::{Bounds, Credentials, GitError, Mirror, Remote};
use crate::host_trust;
use crate::lookout::with;
pub use crate::lookout::{Lookout, Sight};
use crate::offered::{Fetched, fetch, renew};
use crate::record::{RecordError, Rewound, Store, TrustEvent};
use crate::rewind;
use crate::settings;
use crate::split::Split;
pub use crate::trouble::{Trouble, introduction};
use crate::trouble::{floor, told};
use crate::witnesses::Testimonies;

/// A source that is followed: its clone, and what was last thought of it.
#[derive(Debug)]
pub struct Source {
    /// Its settings.
    pub settings: settings::Source,
    pub(crate) mirror: Arc<Mutex<Mirror>>,
    /// Why it could not be published how far the host is, as it was told last.
    pub(crate) unpublished: RefCell<String>,
    /// The commit with which what other hosts say was compared last, unless they said something new since.
    pub(crate) compared: Option<CommitId>,
    /// Hosts that were shown another history, as that comparison found.
    pub(crate) splits: Vec<Split>,
    folder: PathBuf,
    /// The head that was judged last, and why it was refused, if it was.
    judged: Option<(CommitId, Option<trust::Refusal>)>,
    /// The commit that was admitted last.
    admitted: Option<Rc<Admitted>>,
    /// Where the trust in all this begins.
    introduction: Option<Introduction>,
    /// The settings of the host, which name its own files about trust.
    host: settings::Host,
    /// What those said at the last look.
    trust: Arc<HostTrust>,
    /// The commit that a unit applied before, where it cannot follow the one that was admitted last.
    before: RefCell<Option<Admitted>>,
    /// Heads for which the clone was made afresh, once for each.
    remade: RefCell<BTreeSet<CommitId>>,
    /// The head that was fetched last, for the lookout. Set and read only by whoever holds the mirror, so that a head
    /// that is being taken is never mistaken for one that came after it.
    offered: Arc<Mutex<Option<CommitId>>>,
}

/// What a look at a source came to.
#[derive(Debug)]
pub struct Offer {
    /// The commit that the host must follow: the head, or where the head is no good, what was applied before it.
    pub follow: Option<Rc<Admitted>>,
    /// Why the head is not followed.
    pub trouble: Option<Trouble>,
    /// The floor goes back before anything else is done: a signed statement says so, and the head is admitted by it.
    pub rewound: Option<Rewound>,
    /// What the record does not know yet.
    pub news: Option<TrustEvent>,
}

/// What judging a head brought that the record does not know yet.
#[derive(Default)]
struct Judgement {
    rewound: Option<Rewound>,
    news: Option<TrustEvent>,
}

impl Source {
    /// Opens a source's clone below the state directory, without reaching for the remote.
    ///
    /// # Errors
    /// If the clone can neither be opened nor made.
    pub fn open(host: &settings::Host, settings: &settings::Source) -> Result<Self, GitError> {
        let folder = host.state.join("git").join(&settings.name);
        let remote = remote(settings);
        let mirror = match Mirror::open(&folder, &remote) {
            Err(GitError::MirrorBroken { .. }) => Mirror::afresh(&folder, &remote)?,
            opened => opened?,
        };
        Ok(Self {
            settings: settings.clone(),
            mirror: Arc::new(Mutex::new(mirror)),
            folder,
            unpublished: RefCell::default(),
            compared: None,
            splits: Vec::new(),
            judged: None,
            admitted: None,
            introduction: None,
            host: host.clone(),
            trust: Arc::default(),
            before: RefCell::default(),
            remade: RefCell::default(),
            offered: Arc::default(),
        })
    }

    /// Asks the remote for its head and judges it, unless it is the one that was judged last. Writes nothing down.
    ///
    /// # Errors
    /// Only if the record cannot be read.
    pub async fn look(&mut self, agent: &Agent, now: Timestamp) -> Result<Offer, RecordError> {
        let _timed = agent.bulletin.timed(Stage::Source);
        let store = &agent.store;
        let introduction = match introduction(store, &self.settings)? {
            Ok(introduction) => introduction,
            Err(trouble) => return Ok(Offer { follow: None, trouble: Some(trouble), rewound: None, news: None }),
        };
        let trust = match host_trust::read(&self.host) {
            Ok(trust) => trust,
            Err(error) => {
                let trouble = Trouble::Unreadable(format!("what this host says about trust: {}", chain(&error)));
                return Ok(Offer { follow: None, trouble: Some(trouble), rewound: None, news: None });
            }
        };
        let others = self.introduction.replace(introduction).is_some_and(|before| before != introduction);
        if others || trust != *self.trust {
            self.trust = Arc::new(trust);
            // Nothing that was judged by another beginning, or by other words of the host, counts.
            (self.judged, self.admitted) = (None, None);
            self.before.take();
        }
        let known = self.judged.as_ref().map(|(head, _)| *head);
        let (folder, remote, offered) = (self.folder.clone(), remote(&self.settings), Arc::clone(&self.offered));
        let needed = self.needed(store)?;
        let fetched = with(&self.mirror, move |mirror| {
            let fetched = fetch(mirror, known, &folder, &remote)?;
            renew(mirror, &needed, &remote);
            *offered.lock().unwrap_or_else(PoisonError::into_inner) = fetched.head;
            Ok(fetched)
        });
        let (trouble, Judgement { rewound, news }) = match fetched.await {
            Ok(Fetched { head: Some(head), statements_moved }) => {
                self.compared.take_if(|_| statements_moved);
                // What was refused for want of people, or as a rewind, may be let in by now.
                self.judged.take_if(|(_, refusal)| statements_moved && refusal.is_some());
                (None, self.judge(agent, &introduction, head, now).await?)
            }
            Ok(Fetched { head: None, statements_moved: _ }) => (Some(Trouble::Gone), Judgement::default()),
            Err(error) => (Some(Trouble::Unreachable(chain(&error))), Judgement::default()),
        };
        let unasked = trouble.as_ref().map(|trouble| TrustEvent::Unchecked {
            source: self.settings.name.clone(),
            commit: None,
            detail: trouble.to_string(),
        });
        let offer = self.offer(agent, &introduction, trouble, news.or(unasked), now).await?;
        Ok(Offer { rewound, ..offer })
    }

    /// The commits that may be read again, wherever the branch leads by then.
    fn needed(&self, store: &Store) -> Result<Vec<CommitId>, RecordError> {
        let floor = floor(store, &self.settings.name)?;
        let followed = self.admitted.as_ref().map(|admitted| admitted.commit());
        let in_use = store.commits_in_use()?;
        Ok(in_use.iter().filter_map(|commit| commit.parse().ok()).chain(floor).chain(followed).collect())
    }

    /// Forgets what was thought of the head, so that the next look judges it anew and tells it again.
    pub fn doubt(&mut self) {
        self.judged = None;
    }

    /// A lookout for this source.
    #[must_use]
    pub fn lookout(&self) -> Lookout {
        Lookout { mirror: Arc::clone(&self.mirror), offered: Arc::clone(&self.offered) }
    }

    /// The folder of the repository, if it is on this machine.
    #[must_use]
    pub fn local_path(&self) -> Option<PathBuf> {
        self.mirror.lock().unwrap_or_else(PoisonError::into_inner).local_path()
    }

    /// The files of an admitted commit in these folders.
    ///
    /// # Errors
    /// If a folder is missing, or anything below it is not a plain file within the limits.
    pub async fn files(&self, admitted: &Admitted, folders: &Folders) -> Result<writ_core::dialect::Files, GitError> {
        let (head, admitted, folders) = (admitted.commit(), admitted.clone(), folders.clone());
        self.mended(head, move |mirror| mirror.files(&admitted, &folders)).await
    }

    /// Runs a call on the clone; if that turns out to be broken, it is made afresh and the call run again, once for each
    /// head: what the remote does not have (any more) is not fetched again and again.
    async fn mended<T: Send + 'static>(
        &self,
        head: CommitId,
        call: impl Fn(&mut Mirror) -> Result<T, GitError> + Send + 'static,
    ) -> Result<T, GitError> {
        let (folder, remote) = (self.folder.clone(), remote(&self.settings));
        let may = !self.remade.borrow().contains(&head);
        let (remade, result) = with(&self.mirror, move |mirror| {
            let result = call(mirror);
            let Err(GitError::MirrorBroken { detail, .. }) = &result else { return Ok((false, result)) };
            if !may {
                return Ok((false, result));
            }
            tracing::warn!(source = remote.name, detail, "the local copy is broken and is made afresh");
            *mirror = Mirror::afresh(&folder, &remote)?;
            mirror.fetch()?;
            Ok((true, call(mirror)))
        })
        .await?;
        if remade {
            self.remade.borrow_mut().insert(head);
        }
        result
    }

    /// Judges a head and remembers the judgement, unless it is remembered already and could be made. Gives what is new.
    async fn judge(
        &mut self,
        agent: &Agent,
        introduction: &Introduction,
        head: CommitId,
        now: Timestamp,
    ) -> Result<Judgement, RecordError> {
        // What could not be checked, and what is not valid yet, is looked at again.
        let lasts = |it: &trust::Refusal| it.reason.is_some_and(|reason| reason != trust::Reason::NotYetValid);
        let settled = |refusal: &Option<trust::Refusal>| refusal.as_ref().is_none_or(lasts);
        if self.judged.as_ref().is_some_and(|(known, refusal)| *known == head && settled(refusal)) {
            return Ok(Judgement::default());
        }
        let floor = floor(&agent.store, &self.settings.name)?;
        let (verdict, rewound) = match self.witnesses(agent, head, floor).await? {
            Err(refusal) => (Err(refusal), None),
            Ok(witnesses) => match self.admit(introduction, head, floor, Some(&witnesses), now).await {
                Ok(admitted) => (Ok(admitted), None),
                Err(refusal) => self.let_back(&agent.store, introduction, (floor, &witnesses), now, refusal).await?,
            },
        };
        // That the floor was admitted stands in the record already.
        let is_news = verdict.is_err() || floor != Some(head);
        let news = is_news.then(|| told(&self.settings.name, head, &verdict));
        self.judged = Some(match verdict {
            Ok(admitted) => {
                self.admitted = Some(Rc::new(admitted));
                (head, None)
            }
            Err(refusal) => (head, Some(refusal)),
        });
        Ok(Judgement { rewound, news })
    }

    /// What tells beside the record which commits this host followed. What cannot be read is "could not check".
    async fn witnesses(
        &self,
        agent: &Agent,
        head: CommitId,
        floor: Option<CommitId>,
    ) -> Result<Result<Witnesses, trust::Refusal>, RecordError> {
        let published = with(&self.mirror, |mirror| mirror.repository().published()).await;
        let published = published.map(|(published, unusable)| {
            for why in unusable {
                tracing::warn!(source = self.settings.name, why, "something that a host published cannot be used");
            }
            published
        });
        let testimonies = Testimonies::collect(agent, &self.settings.name, published).await?;
        let witnesses = with(&self.mirror, move |mirror| testimonies.witnesses(mirror, head, floor)).await;
        Ok(witnesses.map_err(|error| unchecked(head, &error)))
    }

    /// Looks whether people let this host go back behind its floor, or behind what else witnesses, to where the refused head
    /// is admitted from.
    async fn let_back(
        &self,
        store: &Store,
        introduction: &Introduction,
        (floor, witnesses): (Option<CommitId>, &Witnesses),
        now: Timestamp,
        mut refusal: trust::Refusal,
    ) -> Result<(Result<Admitted, trust::Refusal>, Option<Rewound>), RecordError> {
        let head = refusal.head;
        let against = witnesses.against(&head).into_iter().map(|(witness, _)| witness.commit);
        let barriers: BTreeSet<CommitId> = floor.into_iter().chain(against).collect();
        for from in barriers {
            let (source, host, used) = (self.settings.name.clone(), Arc::clone(&self.trust), rewind::used(store)?);
            let asked = with(&self.mirror, move |mirror| rewind::ask(mirror, &source, &host, from, &used, now)).await;
            let (followed, unusable) = match asked {
                Ok(asked) => asked,
                Err(error) => return Ok((Err(rewind::unchecked(refusal, &error)), None)),
            };
            refusal = rewind::with_unusable(refusal, &unusable);
            let Some(back) = followed.first() else { continue };
            if let Err(why) = self.may_lead_from(introduction, (floor, witnesses), from, now).await {
                refusal = rewind::with_unusable(refusal, &[format!("a rewind to {}: {why}", back.to)]);
                continue;
            }
            let rest = witnesses.after(from);
            for back in followed {
                match self.admit(introduction, head, Some(back.to), Some(&rest), now).await {
                    Ok(admitted) => return Ok((Ok(admitted), Some(rewind::record(&self.settings.name, from, &back)))),
                    Err(other) => refusal = rewind::not_from_there(other, &back),
                }
            }
        }
        Ok((Err(refusal), None))
    }

    /// Whether the files of a commit may say who lets the host go back from it: the floor's may, and those of a witness that
    /// goes on from the floor and is proven as the floor was.
    async fn may_lead_from(
        &self,
        introduction: &Introduction,
        (floor, witnesses): (Option<CommitId>, &Witnesses),
        from: CommitId,
        now: Timestamp,
    ) -> Result<(), String> {
        if floor == Some(from) {
            return Ok(());
        }
        if let Some(floor) = floor.filter(|floor| !witnesses.is_behind(*floor, &from)) {
            return Err(format!("{from} does not go on from {floor}, which was applied last"));
        }
        let proven = self.admit(introduction, from, Some(from), None, now).await;
        proven.map(drop).map_err(|refusal| format!("{from} is not proven: {}", refusal.detail))
    }

    /// Collects the evidence for a head and decides. What cannot be read is "could not check".
    async fn admit(
        &self,
        introduction: &Introduction,
        head: CommitId,
        floor: Option<CommitId>,
        witnesses: Option<&Witnesses>,
        now: Timestamp,
    ) -> Result<Admitted, trust::Refusal> {
        let (introduction, host) = (*introduction, Arc::clone(&self.trust));
        let question = Question { head, introduction, floor, first_seen: now, host };
        let heard = self.mended(head, move |mirror| mirror.repository().judge(&question)).await;
        verdict(heard, head, witnesses)
    }

    /// What to follow: the commit that was admitted last, else the floor, which was admitted before.
    async fn offer(
        &mut self,
        agent: &Agent,
        introduction: &Introduction,
        trouble: Option<Trouble>,
        news: Option<TrustEvent>,
        now: Timestamp,
    ) -> Result<Offer, RecordError> {
        if self.admitted.is_none()
            && let Some(floor) = floor(&agent.store, &self.settings.name)?
        {
            // A record that was put back to an older state must not lead there.
            let admitted = match self.witnesses(agent, floor, Some(floor)).await? {
                Ok(witnesses) => self.admit(introduction, floor, Some(floor), Some(&witnesses), now).await,
                Err(refusal) => Err(refusal),
            };
            match admitted {
                Ok(admitted) => self.admitted = Some(Rc::new(admitted)),
                Err(refusal) => {
                    let (source, why) = (&self.settings.name, refusal.to_string());
                    tracing::warn!(source, why, "what was applied last is not followed either; what runs is let alone");
                }
            }
        }
        let refused = self.judged.as_ref().and_then(|(_, refusal)| refusal.clone()).map(Trouble::Refused);
        let trouble = trouble.or(refused);
        // What is too old changes nothing any more, not even back to what it was.
        let stale = self.admitted.as_ref().and_then(|admitted| admitted.fresh(now).err());
        let Some(stale) = stale else {
            return Ok(Offer { follow: self.admitted.clone(), trouble, rewound: None, news });
        };
        let news = news.or_else(|| Some(told(&self.settings.name, stale.head, &Err(stale.clone()))));
        Ok(Offer { follow: None, trouble: Some(trouble.unwrap_or(Trouble::Refused(stale))), rewound: None, news })
    }

    /// Proves a commit from the introduction on, wherever the floor is: one that this host applied before, or one that a
    /// person wants to see a plan for. The inner error says why it is not admitted.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub async fn prove(
        &self,
        store: &Store,
        commit: &str,
        now: Timestamp,
    ) -> Result<Result<Admitted, Trouble>, RecordError> {
        let introduction = match introduction(store, &self.settings)? {
            Ok(introduction) => introduction,
            Err(trouble) => return Ok(Err(trouble)),
        };
        let Ok(commit) = commit.parse::<CommitId>() else {
            let why = format!("{commit} is no commit; write all 40 digits of its name");
            return Ok(Err(Trouble::Unreadable(why)));
        };
        let known = self.before.borrow().clone().filter(|known| known.commit() == commit);
        if let Some(known) = known {
            return Ok(Ok(known));
        }
        // A clone that does not have what a person asks for is not broken.
        let host = Arc::clone(&self.trust);
        let question = Question { head: commit, introduction, floor: None, first_seen: now, host };
        let heard = with(&self.mirror, move |mirror| mirror.repository().judge(&question)).await;
        let verdict = verdict(heard, commit, None);
        self.before.replace(verdict.as_ref().ok().cloned());
        Ok(verdict.map_err(Trouble::Refused))
    }
}

/// Decides by the evidence that was heard. What could not be read is "could not check".
fn verdict(
    heard: Result<Proceedings, GitError>,
    head: CommitId,
    witnesses: Option<&Witnesses>,
) -> Result<Admitted, trust::Refusal> {
    match heard {
        Ok(heard) => heard.end(witnesses),
        Err(error) => Err(unchecked(head, &error)),
    }
}

fn unchecked(head: CommitId, error: &GitError) -> trust::Refusal {
    trust::Refusal { head, commit: head, reason: None, detail: chain(error), further: 0 }
}

/// How the settings say a source is reached.
pub(crate) fn remote(settings: &settings::Source) -> Remote {
    let settings::Source { name, url, branch, .. } = settings.clone();
    Remote { name, url, branch, credentials: credentials(&settings.credentials), bounds: Bounds::default() }
}

/// How Git is let in by what the settings name.
pub(crate) fn credentials(settings: &settings::Credentials) -> Credentials {
    let settings::Credentials { ssh_key_file, known_hosts_file, token_file } = settings.clone();
    match (token_file, ssh_key_file, known_hosts_file) {
        (Some(file), _, _) => Credentials::Token { file },
        (None, None, None) => Credentials::None,
        (None, key_file, known_hosts_file) => Credentials::Ssh { key_file, known_hosts_file },
    }
}
