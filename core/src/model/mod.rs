//! The one model: Kubernetes API objects, and what a container host must become for them.

mod budget;
mod concrete;
mod desired;
mod expand;
pub(crate) mod extras;
mod identity;
mod job;
mod late;
pub(crate) mod logins;
mod object;
mod other_kind;
mod outside;
mod pod;
mod quantity;
mod resolve;
mod route;
mod schedule;
pub(crate) mod template;
mod view;

pub use budget::Budget;
pub use desired::{ClaimTemplate, Controller, DaemonUpdate, Desired, PodManagement, StatefulUpdate, Workload};
pub use extras::{Dns, Extras, LogRoom, ProcessLimit};
pub use identity::{Kind, ObjectId, PodIndex, Scope};
pub(crate) use job::Work;
pub use job::{Concurrency, CronRules, JobRules};
pub use late::{Late, PodFacts};
pub use logins::{Login, Logins, PullSecret};
pub(crate) use object::flat;
pub use object::{BucketRef, Object, annotation};
pub(crate) use other_kind::DEFINITION;
pub use other_kind::OtherKind;
pub use outside::{Reference, Unfilled};
pub use pod::{
    ContainerSpec, FileContent, Files, Hook, Hooks, Mount, MountSource, PodSpec, Port, Probe, ProbeAction, Protocol,
    Publish, PullPolicy, RELAY_IMAGE, Resources, Security, Terminal, VolumeSpec,
};
pub(crate) use quantity::is_quantity;
pub(crate) use resolve::is_parameter;
pub use resolve::{Buckets, World, resolve};
pub use route::{Changes, Condition, Entrance, Headers, NewPath, Redirect, Route, RoutePath, RouteTls, Target};
pub use schedule::Schedule;
