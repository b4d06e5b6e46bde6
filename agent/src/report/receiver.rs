//! Whoever is told something out of the outbox.

use std::rc::Rc;

use writ_core::time::Timestamp;

use super::answer::{Answer, Try};
use super::{Forge, Hook, Mailer, Speaks, pace};
use crate::record::Waiting;
use crate::settings::{Alert, Way};

/// Whoever is told something.
#[derive(Debug)]
pub enum Receiver {
    /// A forge, what became of commits.
    Forge(Rc<Forge>),
    /// The same, what requests would come to.
    Remarks(Rc<Forge>),
    /// A webhook, what is wrong.
    Hook(Hook),
    /// People by mail, what is wrong.
    Mail(Mailer),
}

impl Receiver {
    /// Whoever an alert of the settings is for; the record that tells is called `store`.
    #[must_use]
    pub fn of(alert: &Alert, store: &str) -> Self {
        let (id, store) = (alert.id(), store.to_owned());
        match &alert.way {
            Way::Webhook { address, format } => Self::Hook(Hook::new(id, address.clone(), format.clone(), store)),
            Way::Mail(mail) => Self::Mail(Mailer::new(id, mail.clone(), store)),
        }
    }

    /// The name by which the outbox knows it.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Forge(forge) => forge.id(),
            Self::Remarks(forge) => forge.remarks_id(),
            Self::Hook(hook) => hook.id.clone(),
            Self::Mail(mailer) => mailer.id.clone(),
        }
    }

    /// The interface that it speaks, if it is a forge.
    pub(super) fn speaks(&self) -> Option<Speaks> {
        match self {
            Self::Forge(forge) | Self::Remarks(forge) => Some(forge.speaks()),
            Self::Hook(_) | Self::Mail(_) => None,
        }
    }

    /// The forge as one that is written to at a pace, whatever the repository; none if it is no forge.
    pub(super) fn writer(&self) -> Option<String> {
        match self {
            Self::Forge(forge) | Self::Remarks(forge) => Some(forge.writer()),
            Self::Hook(_) | Self::Mail(_) => None,
        }
    }

    /// True if it is time for one more word on this commit in this context. What a newer commit waits behind is always let go:
    /// nothing more will be said on its own commit.
    pub(super) fn has_time_for(&self, waiting: &Waiting, now: Timestamp) -> bool {
        let max = self.speaks().and_then(Speaks::statuses_max);
        max.is_none_or(|max| waiting.is_overtaken || pace::again(max, waiting.sent, waiting.sent_at) <= now)
    }

    /// Tells it, and says what became of that. Never fails: what goes wrong is an answer, too.
    pub(super) async fn offer(&self, waiting: &Waiting, attempt: Try) -> Answer {
        match self {
            Self::Forge(forge) => forge.offer(&waiting.status, attempt).await,
            Self::Remarks(forge) => forge.remark(waiting, attempt).await,
            Self::Hook(hook) => hook.offer(waiting, attempt).await,
            Self::Mail(mailer) => mailer.offer(waiting, attempt).await,
        }
    }
}

impl From<Forge> for Receiver {
    fn from(forge: Forge) -> Self {
        Self::Forge(Rc::new(forge))
    }
}
