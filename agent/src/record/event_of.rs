//! Makes an event of what each part of the program tells.

use super::event::{AgentEvent, Event, OperatorEvent, ReportEvent, TrustEvent, WorkEvent};

impl From<AgentEvent> for Event {
    fn from(event: AgentEvent) -> Self {
        Self::Agent(event)
    }
}

impl From<TrustEvent> for Event {
    fn from(event: TrustEvent) -> Self {
        Self::Trust(event)
    }
}

impl From<WorkEvent> for Event {
    fn from(event: WorkEvent) -> Self {
        Self::Work(event)
    }
}

impl From<OperatorEvent> for Event {
    fn from(event: OperatorEvent) -> Self {
        Self::Operator(event)
    }
}

impl From<ReportEvent> for Event {
    fn from(event: ReportEvent) -> Self {
        Self::Report(event)
    }
}
