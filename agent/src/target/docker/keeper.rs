//! Who looks after a unit on this engine: a mark, so that two state directories never look after the same pods.
//!
//! The mark is an empty volume with labels. The engine makes a volume of one name once, whoever asks for it at the same
//! time, and its labels never change.
//!
//! Invariant: the mark of another store is removed by [`Docker::take_over`] alone.

use bollard::models::Volume;
use bollard::query_parameters::RemoveVolumeOptions;

use super::Docker;
use super::connection::WORK;
use super::labels::{self, HOST, MACHINE, STORE, UNIT};
use crate::target::{Context, Keeper, TargetError};

impl Docker {
    /// The same engine, looked after from one state directory: units that another one looks after are refused.
    #[must_use]
    pub fn kept_by(mut self, keeper: Keeper) -> Self {
        self.keeper = Some(keeper);
        self
    }

    /// Marks a unit as looked after from here, unless it is marked so. Without a commit it is a person who acts, once, and
    /// looks after nothing.
    ///
    /// # Errors
    /// [`TargetError::Kept`] if another state directory looks after it.
    pub async fn keep(&self, context: &Context) -> Result<(), TargetError> {
        if context.commit.is_none() || self.memory().kept.contains(&context.unit) {
            return Ok(());
        }
        self.put_mark(context).await
    }

    async fn put_mark(&self, context: &Context) -> Result<(), TargetError> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        let (name, operation) = (self.mark(&context.unit), self.marking(&context.unit));
        // Of two that make it at the same time, one gets the other's.
        let made = self.make_volume(&operation, &name, labels::of_mark(context, keeper)).await?;
        self.check_mark(&context.unit, &made)
    }

    /// Who looks after a unit, if it is not looked after from here.
    ///
    /// # Errors
    /// If the engine cannot be reached, or the mark's name belongs to something that Writ did not make.
    pub async fn other_keeper(&self, context: &Context) -> Result<Option<Keeper>, TargetError> {
        let Some(found) = self.volume(&self.mark(&context.unit)).await? else { return Ok(None) };
        match self.check_mark(&context.unit, &found) {
            Ok(()) => Ok(None),
            Err(TargetError::Kept { keeper, .. }) => Ok(Some(keeper)),
            Err(error) => Err(error),
        }
    }

    /// Marks a unit as looked after from here, whoever did so before.
    ///
    /// # Errors
    /// As of [`Docker::other_keeper`].
    pub async fn take_over(&self, context: &Context) -> Result<(), TargetError> {
        if self.other_keeper(context).await?.is_some() {
            let engine = self.engine().await?;
            let name = self.mark(&context.unit);
            let removal = engine.remove_volume(&name, None::<RemoveVolumeOptions>);
            self.find(&self.marking(&context.unit), WORK, removal).await?;
        }
        self.put_mark(context).await
    }

    /// Notes the mark of a unit among the volumes of a look.
    pub(super) fn note_mark(&self, unit: &str, volumes: &[Volume]) -> Result<(), TargetError> {
        if self.keeper.is_none() {
            return Ok(());
        }
        self.memory().kept.remove(unit);
        let name = self.mark(unit);
        volumes.iter().find(|volume| volume.name == name).map_or(Ok(()), |found| self.check_mark(unit, found))
    }

    fn check_mark(&self, unit: &str, found: &Volume) -> Result<(), TargetError> {
        let labels = &found.labels;
        let ours = labels.get(HOST) == Some(&self.host) && labels.get(UNIT).is_some_and(|name| name == unit);
        let Some(store) = labels.get(STORE).filter(|_| ours) else {
            return Err(TargetError::Held {
                operation: self.marking(unit),
                name: found.name.clone(),
                holder: labels::holder(&self.host, "volume", &found.name, labels).0,
            });
        };
        if self.keeper.as_ref().is_none_or(|keeper| keeper.store == *store) {
            self.memory().kept.insert(unit.to_owned());
            return Ok(());
        }
        let machine = labels.get(MACHINE).cloned().unwrap_or_else(|| "unknown".to_owned());
        let keeper = Keeper { store: store.clone(), machine };
        Err(TargetError::Kept { unit: unit.to_owned(), host: self.host.clone(), keeper })
    }

    fn mark(&self, unit: &str) -> String {
        format!("writ-keeper_{}_{unit}", self.host)
    }

    fn marking(&self, unit: &str) -> String {
        format!("mark unit {unit} as looked after from here")
    }
}
