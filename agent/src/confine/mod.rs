//! Lowers the files of a repository in a child process that can reach nothing.
//!
//! The child is this program, started under a name that no command has. Before it reads a byte it puts walls around
//! itself, and says which ones stand; then it reads the files, answers, and ends. Nobody keeps a child running.
//!
//! Invariant: whatever the child does, it ends as a value: what the files ask for, or why that cannot be said.
//! Invariant: the child is given files, what was fetched for them and the variables of their unit, and no bucket, key, token
//! or other setting.
//! Invariant: what the child says is held against what an honest one could say (`answer`), as bytes of a stranger are.

mod answer;
mod child;
mod ended;
mod expand;
mod outputs;
mod parent;
mod request;
mod sealed;
mod syscalls;
mod unfilled;
mod value;
mod walls;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use writ_core::dialect::{Address, Addresses, BlockId, Contents, Files, Given, Lowered};
use writ_core::text::{Problems, Sources};

use crate::fetch::{self, Taken};

pub use child::{called, run};
pub use ended::{ConfineError, Ended};
pub use expand::{Program, hex};
pub use parent::{Bounds, Child};
pub use walls::{Landlock, Limits, WallError, Walls, confine};

/// What a child is asked about files.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ask {
    /// What plugins are asked about their blocks.
    Blocks,
    /// Which addresses they take contents from; if they take none, what they ask for.
    First,
    /// What they ask for, with these contents.
    With(Contents),
    /// What they ask for, with a text in the place of contents that nobody fetched.
    Unfetched,
}

/// What a child says of files.
#[derive(Debug)]
enum Answer {
    /// What plugins are asked, for each block of theirs.
    Questions(BTreeMap<BlockId, String>),
    /// These are to be fetched first, each within its time.
    Addresses(Addresses),
    /// What they ask for.
    Judged(Judged),
}

/// What files ask for.
#[derive(Debug)]
pub struct Judged {
    /// Their objects, or all their problems.
    pub lowered: Result<Lowered, Problems>,
    /// Their texts, without what is secret in them.
    pub sources: Sources,
    /// The addresses whose contents were not fetched.
    pub unfetched: BTreeSet<Address>,
}

impl Child {
    /// What files ask for with what the settings of their unit give to them, and what they take from servers for it. Copies
    /// of these are kept below the directory `state`.
    ///
    /// # Errors
    /// If the child does anything but answer.
    pub async fn lower(&self, state: &Path, files: &Files, given: &Given) -> Result<(Judged, Taken), ConfineError> {
        match self.ask(files, given, &Ask::First).await? {
            Answer::Judged(judged) => Ok((judged, Taken::default())),
            Answer::Addresses(addresses) => {
                let contents = fetch::contents(state, addresses).await;
                let taken = Taken::of(&contents);
                Ok((self.judged(files, given, &Ask::With(contents)).await?, taken))
            }
            Answer::Questions(_) => Err(unasked()),
        }
    }

    /// What plugins are asked about the blocks of their kinds in files.
    ///
    /// # Errors
    /// If the child does anything but answer.
    pub async fn questions(&self, files: &Files, given: &Given) -> Result<BTreeMap<BlockId, String>, ConfineError> {
        let kinds = &given.expansions.kinds;
        match self.ask(files, given, &Ask::Blocks).await? {
            Answer::Questions(questions) if questions.keys().all(|id| kinds.contains_key(&id.kind)) => Ok(questions),
            Answer::Questions(_) | Answer::Addresses(_) | Answer::Judged(_) => Err(unasked()),
        }
    }

    /// What files ask for, with a text in the place of contents of servers and of encrypted values.
    ///
    /// # Errors
    /// If the child does anything but answer.
    pub async fn lower_unfetched(&self, files: &Files, given: &Given) -> Result<Judged, ConfineError> {
        let mut judged = self.judged(files, given, &Ask::Unfetched).await?;
        if let Ok(lowered) = &mut judged.lowered {
            lowered.note_unopened();
        }
        Ok(judged)
    }

    async fn judged(&self, files: &Files, given: &Given, ask: &Ask) -> Result<Judged, ConfineError> {
        match self.ask(files, given, ask).await? {
            Answer::Judged(judged) => Ok(judged),
            Answer::Addresses(_) => Err(Ended::Garbled("it asks for what it was given").into()),
            Answer::Questions(_) => Err(unasked()),
        }
    }
}

fn unasked() -> ConfineError {
    Ended::Garbled("it answers what it was not asked").into()
}
