//! What the machine of a pod calls itself.

use serde_json::Value;

use super::Reader;
use crate::model::concrete::{machine_name, pod_hostname};
use crate::model::template::Machine;
use crate::model::view::pod::PodFields;
use crate::model::{Kind, PodIndex};

const POD: &str = "/spec/template/spec";
/// Longest name of a machine. Source: `HOST_NAME_MAX` of Linux.
const NAME_BYTES_MAX: usize = 64;
/// As long as what is drawn for a replica.
const DRAWN: &str = "0000";

/// What the pod template says of it.
pub(super) fn read(reader: &mut Reader<'_, '_>, pod: &PodFields) -> Machine {
    let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let mut machine = Machine {
        name: said(&pod.hostname),
        subdomain: said(&pod.subdomain),
        whole: pod.set_hostname_as_fqdn.unwrap_or(false),
    };
    let at = |field: &str| reader.object.at(field).and_then(Value::as_str).map(str::to_owned);
    let (service, indexed) = (at("/spec/serviceName"), at("/spec/completionMode").as_deref() == Some("Indexed"));
    // Source: the controllers of Kubernetes, which write their own names over those of the template.
    let gives_names = reader.object.id.kind == Kind::StatefulSet;
    if (gives_names || indexed) && machine.name.take().is_some() {
        let message = "`hostname` has no effect here: each pod is called by its own name";
        reader.note(&format!("{POD}/hostname"), message);
    }
    if gives_names {
        if machine.subdomain.is_some() && machine.subdomain != service {
            let message = "`subdomain` has no effect in a StatefulSet: its `serviceName` is what pods have names below";
            reader.note(&format!("{POD}/subdomain"), message);
        }
        machine.subdomain = service.filter(|name| !name.is_empty());
    }
    check_length(reader, &machine);
    machine
}

fn check_length(reader: &mut Reader<'_, '_>, machine: &Machine) {
    if !machine.whole {
        return;
    }
    let object = &reader.object.id;
    // As long as that of any of its pods but those with numbers of many digits, which are shortened for a Job.
    let is_replica = object.kind == Kind::Deployment;
    let index = if is_replica { PodIndex::Replica(DRAWN.to_owned()) } else { PodIndex::Ordinal(0) };
    let pod = pod_hostname(object, &index);
    let name = machine_name(object, machine, &pod);
    if name.len() > NAME_BYTES_MAX {
        let message = format!("the machine would be called {name}, which is longer than {NAME_BYTES_MAX} bytes");
        reader.error_help(&format!("{POD}/setHostnameAsFQDN"), &message, "leave it out, or use shorter names");
    }
}
