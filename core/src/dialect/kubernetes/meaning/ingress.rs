//! What the fields of an Ingress say together.

use super::Judge;
use crate::model::annotation;
use crate::text::quoted;

/// The annotation by which a class was named before there was a field for it.
const CLASS: &str = "kubernetes.io/ingress.class";

/// The class that this annotation may name.
const OWN: [&str; 2] = ["caddy", "voodu-caddy"];

impl Judge<'_> {
    pub(super) fn ingress(&mut self) {
        let annotations = self.object.at("/metadata/annotations").and_then(serde_json::Value::as_object);
        for (name, value) in annotations.into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            let place = format!("/metadata/annotations/{}", name.replace('~', "~0").replace('/', "~1"));
            let domain = name.split_once('/').map_or("", |(domain, _)| domain);
            if name == CLASS {
                if !OWN.contains(&value) {
                    let message = format!("nothing on a container host serves the class {}", quoted(value));
                    self.error(&place, message, "leave the annotation out; the one ingress of a host serves it");
                }
            } else if name == annotation::TLS && !["internal", "issued"].contains(&value) {
                let message = format!("{} says nothing about certificates", quoted(value));
                self.error(&place, message, "write `internal`, or `issued`, which is what happens anyway");
            } else if name == annotation::TLS_EMAIL && !is_email(value) {
                let message = format!("{} is no address of mail", quoted(value));
                self.error(&place, message, "write it as ops@example.org");
            } else if domain.contains("ingress") || domain.contains("traefik") || domain.contains("haproxy") {
                let message = format!("the annotation {} speaks to another ingress", quoted(name));
                let help = "leave it out; what it asks for cannot be said to the ingress of a container host";
                self.error(&place, message, help);
            }
        }
        if self.items("/spec/rules").is_empty() && self.object.at("/spec/defaultBackend").is_none() {
            self.error("/spec", "an Ingress needs `rules` or a `defaultBackend`", "");
        }
        for (rule, _) in self.items("/spec/rules") {
            for (path, value) in self.items(&format!("{rule}/http/paths")) {
                self.backend(&format!("{path}/backend"), &value["backend"]);
                let kind = value["pathType"].as_str();
                if value.get("path").is_none() && kind != Some("ImplementationSpecific") {
                    self.error(&path, "a path of this type needs `path`", "write `path: /` for all of them");
                }
            }
        }
        if let Some(backend) = self.object.at("/spec/defaultBackend") {
            self.backend("/spec/defaultBackend", backend);
        }
    }

    fn backend(&mut self, pointer: &str, backend: &serde_json::Value) {
        if let Some(service) = backend.get("service") {
            let port = service.get("port").cloned().unwrap_or_default();
            self.exactly_one(&format!("{pointer}/service/port"), &port, &["number", "name"], "the port of a backend");
        } else if backend.get("resource").is_none() {
            self.error(pointer, "a backend needs a `service`", "");
        }
    }
}

/// One `@` with something on both sides, and nothing that ends it early elsewhere.
fn is_email(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_+".contains(c);
    text.split_once('@')
        .is_some_and(|(who, at)| !who.is_empty() && at.contains('.') && who.chars().all(plain) && at.chars().all(plain))
}
