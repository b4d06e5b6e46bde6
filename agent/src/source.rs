//! One source: from what its remote offers to a commit that may be applied.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use writ_core::time::Timestamp;
use writ_core::trust::{self, Admitted, Case, CommitId, HostTrust, Introduction, KeyId};

use crate::error::chain;
use crate::git::{Bounds, Credentials, GitError, Mirror, Remote};
use crate::host_trust;
use crate::offered::{Fetched, fetch, renew};
use crate::record::{RecordError, Rewound, Store, TrustEvent};
use crate::rewind;
use crate::settings;

/// A source that is followed: its clone, and what was last thought of it.
#[derive(Debug)]
pub struct Source {
    /// Its settings.
    pub settings: settings::Source,
    mirror: Arc<Mutex<Mirror>>,
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

/// Sees, beside a pass, whether the remote has moved on.
#[derive(Debug)]
pub struct Lookout {
    mirror: Arc<Mutex<Mirror>>,
    offered: Arc<Mutex<Option<CommitId>>>,
}

/// What a lookout saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Nobody has fetched anything yet that it could be compared with.
    Nothing,
    /// The head that was fetched last, or no head at all.
    Same,
    /// Another head.
    Newer(CommitId),
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

/// Why a head is not followed. What runs stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody has said where trust in this source begins.
    NotEnrolled,
    /// The settings pin another beginning than the one that was enrolled.
    Contradiction,
    /// The beginning that was pinned, or the commit that was asked for, is no such thing; what to do.
    Unreadable(String),
    /// The remote could not be asked.
    Unreachable(String),
    /// The remote has no such branch (any more).
    Gone,
    /// The head may not change this host.
    Refused(trust::Refusal),
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
    pub async fn look(&mut self, store: &Store, now: Timestamp) -> Result<Offer, RecordError> {
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
                // What was refused for want of people, or as a rewind, may be let in by now.
                self.judged.take_if(|(_, refusal)| statements_moved && refusal.is_some());
                (None, self.judge(store, &introduction, head, now).await?)
            }
            Ok(Fetched { head: None, statements_moved: _ }) => (Some(Trouble::Gone), Judgement::default()),
            Err(error) => (Some(Trouble::Unreachable(chain(&error))), Judgement::default()),
        };
        let unasked = trouble.as_ref().map(|trouble| TrustEvent::Unchecked {
            source: self.settings.name.clone(),
            commit: None,
            detail: trouble.to_string(),
        });
        let offer = self.offer(store, &introduction, trouble, news.or(unasked), now).await?;
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

    /// The files below `path` of an admitted commit.
    ///
    /// # Errors
    /// If the path is missing, or anything below it is not a plain file within the limits.
    pub async fn files(&self, admitted: &Admitted, path: &str) -> Result<writ_core::dialect::Files, GitError> {
        let (head, admitted, path) = (admitted.commit(), admitted.clone(), path.to_owned());
        self.mended(head, move |mirror| mirror.files(&admitted, &path)).await
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
        store: &Store,
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
        let floor = floor(store, &self.settings.name)?;
        let verdict = self.admit(introduction, head, floor, now).await;
        let (verdict, rewound) = match (verdict, floor) {
            (Err(refusal), Some(floor)) => self.let_back(store, introduction, floor, now, refusal).await?,
            (verdict, _) => (verdict, None),
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

    /// Looks whether people let this host go back behind its floor, to where the refused head is admitted from.
    async fn let_back(
        &self,
        store: &Store,
        introduction: &Introduction,
        floor: CommitId,
        now: Timestamp,
        refusal: trust::Refusal,
    ) -> Result<(Result<Admitted, trust::Refusal>, Option<Rewound>), RecordError> {
        let (source, host, used) = (self.settings.name.clone(), Arc::clone(&self.trust), rewind::used(store)?);
        let asked = with(&self.mirror, move |mirror| rewind::ask(mirror, &source, &host, floor, &used, now)).await;
        let (followed, unusable) = match asked {
            Ok(asked) => asked,
            Err(error) => return Ok((Err(rewind::unchecked(refusal, &error)), None)),
        };
        let mut refusal = rewind::with_unusable(refusal, &unusable);
        for back in followed {
            match self.admit(introduction, refusal.head, Some(back.to), now).await {
                Ok(admitted) => return Ok((Ok(admitted), Some(rewind::record(&self.settings.name, floor, &back)))),
                Err(other) => refusal = rewind::not_from_there(other, &back),
            }
        }
        Ok((Err(refusal), None))
    }

    /// Collects the evidence for a head and decides. What cannot be read is "could not check".
    async fn admit(
        &self,
        introduction: &Introduction,
        head: CommitId,
        floor: Option<CommitId>,
        now: Timestamp,
    ) -> Result<Admitted, trust::Refusal> {
        let (introduction, host) = (*introduction, Arc::clone(&self.trust));
        let evidence = self.mended(head, move |mirror| mirror.evidence(&introduction, floor.as_ref(), head, &host));
        verdict(evidence.await, &introduction, head, floor.as_ref(), now, &self.trust)
    }

    /// What to follow: the commit that was admitted last, else the floor, which was admitted before.
    async fn offer(
        &mut self,
        store: &Store,
        introduction: &Introduction,
        trouble: Option<Trouble>,
        news: Option<TrustEvent>,
        now: Timestamp,
    ) -> Result<Offer, RecordError> {
        if self.admitted.is_none()
            && let Some(floor) = floor(store, &self.settings.name)?
        {
            self.admitted = self.admit(introduction, floor, Some(floor), now).await.ok().map(Rc::new);
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
        let evidence = with(&self.mirror, move |mirror| mirror.evidence(&introduction, None, commit, &host)).await;
        let verdict = verdict(evidence, &introduction, commit, None, now, &self.trust);
        self.before.replace(verdict.as_ref().ok().cloned());
        Ok(verdict.map_err(Trouble::Refused))
    }
}

impl Lookout {
    /// Compares the remote's head with the one that was fetched last.
    ///
    /// # Errors
    /// If the remote cannot be asked.
    pub async fn look(&self) -> Result<Sight, GitError> {
        let offered = Arc::clone(&self.offered);
        with(&self.mirror, move |mirror| {
            let head = mirror.list()?;
            let offered = *offered.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(match (head, offered) {
                (_, None) => Sight::Nothing,
                (Some(head), Some(offered)) if head != offered => Sight::Newer(head),
                (Some(_) | None, Some(_)) => Sight::Same,
            })
        })
        .await
    }
}

/// Runs a blocking call on the clone beside everything else.
async fn with<T: Send + 'static>(
    mirror: &Arc<Mutex<Mirror>>,
    call: impl FnOnce(&mut Mirror) -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    let mirror = Arc::clone(mirror);
    let joined = tokio::task::spawn_blocking(move || call(&mut mirror.lock().unwrap_or_else(PoisonError::into_inner)));
    joined.await.expect("a call on the clone neither panics nor is cancelled")
}

/// Decides by evidence. What could not be read is "could not check".
fn verdict(
    evidence: Result<trust::Evidence, GitError>,
    introduction: &Introduction,
    head: CommitId,
    floor: Option<&CommitId>,
    now: Timestamp,
    host: &HostTrust,
) -> Result<Admitted, trust::Refusal> {
    match evidence {
        Ok(evidence) => trust::admit(&Case { evidence: &evidence, introduction, floor, first_seen: now, host }),
        Err(error) => Err(trust::Refusal { head, commit: head, reason: None, detail: chain(&error), further: 0 }),
    }
}

/// A judgement as the journal tells it.
fn told(source: &str, head: CommitId, verdict: &Result<Admitted, trust::Refusal>) -> TrustEvent {
    let (source, commit) = (source.to_owned(), head.to_string());
    match verdict {
        Ok(admitted) => TrustEvent::Admitted {
            source,
            commit,
            signer: admitted.signer().to_string(),
            principal: Some(admitted.principal().to_owned()),
        },
        Err(refusal) => match refusal.reason {
            None => TrustEvent::Unchecked { source, commit: Some(commit), detail: refusal.to_string() },
            Some(reason) => TrustEvent::Refused {
                source,
                commit,
                culprit: (refusal.commit != head).then(|| refusal.commit.to_string()),
                reason: reason.code().to_owned(),
                detail: refusal.to_string(),
            },
        },
    }
}

/// How the settings say a source is reached.
fn remote(settings: &settings::Source) -> Remote {
    let settings::Credentials { ssh_key_file, known_hosts_file, token_file } = settings.credentials.clone();
    let credentials = match (token_file, ssh_key_file, known_hosts_file) {
        (Some(file), _, _) => Credentials::Token { file },
        (None, None, None) => Credentials::None,
        (None, key_file, known_hosts_file) => Credentials::Ssh { key_file, known_hosts_file },
    };
    let settings::Source { name, url, branch, .. } = settings.clone();
    Remote { name, url, branch, credentials, bounds: Bounds::default() }
}

/// Where trust in a source begins: as enrolled on this host, or as the settings pin it. Two that differ are no beginning.
///
/// # Errors
/// If the record cannot be read.
pub fn introduction(store: &Store, source: &settings::Source) -> Result<Result<Introduction, Trouble>, RecordError> {
    let enrolled = store.introduction(&source.name)?.map(|introduced| (introduced.commit, introduced.signer));
    let pinned = source.introduction.as_ref().map(|pinned| (pinned.commit.clone(), pinned.signer.clone()));
    if let (Some(enrolled), Some(pinned)) = (&enrolled, &pinned)
        && enrolled != pinned
    {
        return Ok(Err(Trouble::Contradiction));
    }
    let Some((commit, signer)) = enrolled.or(pinned) else { return Ok(Err(Trouble::NotEnrolled)) };
    let again = |why: String| format!("the introduction cannot be read: {why}; run `writ enrol` again");
    let commit = commit.parse::<CommitId>().map_err(|error| again(error.to_string()));
    let signer = signer.parse::<KeyId>().map_err(|error| again(error.to_string()));
    Ok(commit.and_then(|commit| Ok(Introduction { commit, signer: signer? })).map_err(Trouble::Unreadable))
}

/// The last commit that was verified and applied. One that cannot be read is an error: without a floor, a rewind would pass.
fn floor(store: &Store, source: &str) -> Result<Option<CommitId>, RecordError> {
    let unreadable = |text: &str| RecordError::Meaning {
        path: store.path().to_path_buf(),
        row: format!("the floor of {source}"),
        detail: format!("{text} is no commit"),
    };
    store.floor(source)?.map(|text| text.parse().map_err(|_| unreadable(&text))).transpose()
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotEnrolled => f.write_str("the source is not enrolled: run `writ enrol`"),
            Self::Contradiction => f.write_str(
                "the settings pin another introduction than the one that was enrolled: \
                 take it out of the settings, or run `writ enrol` again",
            ),
            Self::Unreadable(why) => f.write_str(why),
            Self::Unreachable(why) => write!(f, "the remote could not be asked: {why}"),
            Self::Gone => f.write_str("the remote has no such branch; what runs stays as it is"),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}
