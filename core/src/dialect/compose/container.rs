//! The container of a service, and what its pod says beside it.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Value, json};

use super::ports::Ports;
use super::probe;
use super::scene::{Scene, unknown};
use super::variables::lines;
use super::volumes::Mounts;
use crate::dialect::voodu::literal;
use crate::dialect::yaml::{Content, Node};
use crate::text::{is_secret_name, quoted};

/// A container, and the fields of its pod.
pub(super) struct Parts {
    pub(super) container: Value,
    pub(super) pod: Map<String, Value>,
}

/// Reads all that is about the container.
pub(super) fn read(scene: &mut Scene<'_>, service: &Node<'_>, name: &str, ports: &Ports, mounts: &Mounts) -> Parts {
    let mut container = json!({"name": name});
    match service.get("image").map(|node| scene.text("image", node)) {
        Some(Some(image)) => container["image"] = json!(image),
        Some(None) => {}
        // What is said of `build` says it all.
        None if service.get("build").is_some() => {}
        None => scene.error(&service.label(), "the service names no image", "write its `image`"),
    }
    for (key, field) in [("entrypoint", "command"), ("command", "args")] {
        if let Some(words) = service.get(key).and_then(|node| words(scene, key, node)) {
            container[field] = words.iter().map(|word| json!(literal(word))).collect();
        }
    }
    let env = environment(scene, service);
    if !env.is_empty() {
        let variables = env.iter().map(|(name, value)| json!({"name": name, "value": literal(value)}));
        container["env"] = variables.collect();
    }
    let own = ports.of_container();
    if !own.is_empty() {
        container["ports"] = Value::Array(own);
    }
    if !mounts.mounts.is_empty() {
        container["volumeMounts"] = Value::Array(mounts.mounts.clone());
    }
    if let Some(path) = service.get("working_dir").and_then(|node| scene.text("working_dir", node)) {
        container["workingDir"] = json!(path);
    }
    if let Some(policy) = pull_policy(scene, service) {
        container["imagePullPolicy"] = json!(policy);
    }
    if let Some(probe) = probe::read(scene, service) {
        container["readinessProbe"] = probe;
    }
    let resources = resources(scene, service);
    if !resources.is_empty() {
        container["resources"] = Value::Object(resources);
    }
    let security = security(scene, service);
    if !security.is_empty() {
        container["securityContext"] = Value::Object(security);
    }
    Parts { container, pod: pod(scene, service) }
}

fn pod(scene: &mut Scene<'_>, service: &Node<'_>) -> Map<String, Value> {
    let mut pod = Map::new();
    if let Some(node) = service.get("stop_grace_period")
        && let Some(seconds) = probe::seconds(scene, "stop_grace_period", node)
    {
        pod.insert("terminationGracePeriodSeconds".to_owned(), json!(seconds));
    } else {
        // What compose waits, where the file says nothing.
        pod.insert("terminationGracePeriodSeconds".to_owned(), json!(10));
    }
    if let Some(node) = service.get("network_mode") {
        match scene.text("network_mode", node).as_deref() {
            Some("host") => drop(pod.insert("hostNetwork".to_owned(), json!(true))),
            Some("bridge" | "default") | None => {}
            Some(_) => {
                scene.error(&node.range, "this `network_mode` cannot be carried", "write `host`, or take it out");
            }
        }
    }
    if let Some(node) = service.get("restart") {
        match scene.text("restart", node).as_deref() {
            Some("always" | "unless-stopped") | None => {}
            Some(_) => {
                let help = "what runs once is a Job: write it as one";
                scene.remark(&node.range, "the containers of a service are restarted whenever they end", help);
            }
        }
    }
    pod
}

/// A command: a list, or a line that is split as a shell would.
fn words(scene: &mut Scene<'_>, key: &str, node: &Node<'_>) -> Option<Vec<String>> {
    match &node.content {
        Content::Null => None,
        Content::List(_) => Some(scene.texts(key, node)),
        Content::Broken | Content::Boolean(_) | Content::Number(_) | Content::Text(_) | Content::Map(_) => {
            let line = scene.text(key, node)?;
            let words = split(&line);
            if words.is_none() {
                scene.error(&node.range, "a quote is not closed", "write it as a list of words");
            }
            words
        }
    }
}

/// Words of a line, with quotes and backslashes as a shell takes them; none if a quote is open.
fn split(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word): (Vec<String>, Option<String>) = (Vec::new(), None);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '\'' => break,
                        inner => word.push(inner),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '"' => break,
                        '\\' => match letters.next()? {
                            escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                            other => word.extend(['\\', other]),
                        },
                        inner => word.push(inner),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(letters.next()?),
            blank if blank.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

/// `env_file`, overlaid by `environment`.
fn environment(scene: &mut Scene<'_>, service: &Node<'_>) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    if let Some(node) = service.get("env_file") {
        for (path, at) in env_files(scene, node) {
            let Some(bytes) = scene.file(&path, &at) else { continue };
            match std::str::from_utf8(bytes).map_err(|_| 1).and_then(lines) {
                Ok(variables) => env.extend(variables),
                Err(line) => {
                    let message = format!("line {line} of {} is no variable", quoted(&path));
                    scene.error(&at, message, "write each line as NAME=value");
                }
            }
        }
    }
    let Some(node) = service.get("environment") else { return env };
    let written: Vec<(String, Option<String>, Range<usize>)> = match &node.content {
        Content::Map(entries) => {
            let one = |entry: &crate::dialect::yaml::Entry<'_>| {
                scene.hidden.push(entry.value.range.clone());
                let value = match entry.value.content {
                    Content::Null => None,
                    Content::Broken
                    | Content::Boolean(_)
                    | Content::Number(_)
                    | Content::Text(_)
                    | Content::List(_)
                    | Content::Map(_) => Some(scene.text(&entry.name, &entry.value)?),
                };
                Some((entry.name.to_string(), value, entry.range.clone()))
            };
            entries.iter().filter_map(one).collect()
        }
        Content::List(items) => {
            let one = |item: &std::rc::Rc<Node<'_>>| {
                if item.text().is_some_and(|text| text.contains('=')) {
                    scene.hidden.push(item.range.clone());
                }
                let text = scene.text("environment", item)?;
                let (name, value) = text.split_once('=').map_or((&*text, None), |(name, value)| (name, Some(value)));
                Some((name.to_owned(), value.map(str::to_owned), item.range.clone()))
            };
            items.iter().filter_map(one).collect()
        }
        Content::Broken | Content::Null | Content::Boolean(_) | Content::Number(_) | Content::Text(_) => {
            scene.wrong("environment", "a map or a list", node);
            return env;
        }
    };
    for (name, value, at) in written {
        let Some(value) = value else {
            let help = "set it in the bucket: `writ config set -s SCOPE -n NAME KEY=VALUE`";
            scene.remark(&at, format!("{} has its value from whoever calls compose", quoted(&name)), help);
            continue;
        };
        if is_secret_name(&name.to_lowercase()) && !value.is_empty() {
            let help = "leave it out, and set it in the bucket: `writ config set -s SCOPE -n NAME KEY=VALUE`";
            scene.remark(&at, format!("the value of {} stands in the manifest", quoted(&name)), help);
        }
        env.insert(name, value);
    }
    env
}

/// The files that hold variables, in their order.
fn env_files(scene: &mut Scene<'_>, node: &Node<'_>) -> Vec<(String, Range<usize>)> {
    let Content::List(items) = &node.content else {
        return scene.text("env_file", node).map(|path| (path, node.range.clone())).into_iter().collect();
    };
    let mut files = Vec::new();
    for item in items {
        let path = if let Content::Map(_) = item.content {
            item.get("path").and_then(|path| scene.text("path", path))
        } else {
            scene.text("env_file", item)
        };
        let required = item.get("required").is_none_or(|node| scene.truth("required", node));
        match path {
            Some(path) if required || scene.given.files.contains_key(path.trim_start_matches("./")) => {
                files.push((path, item.label()));
            }
            Some(path) => drop(scene.missing.insert(path.trim_start_matches("./").to_owned())),
            None => {}
        }
    }
    files
}

fn pull_policy(scene: &mut Scene<'_>, service: &Node<'_>) -> Option<&'static str> {
    let node = service.get("pull_policy")?;
    match scene.text("pull_policy", node)?.as_str() {
        "always" => Some("Always"),
        "never" => Some("Never"),
        "missing" | "if_not_present" => Some("IfNotPresent"),
        _ => {
            scene.error(&node.range, "this `pull_policy` cannot be carried", "write `always`, `missing` or `never`");
            None
        }
    }
}

/// An amount of memory as Kubernetes writes it; units of compose are powers of 1024.
pub(super) fn memory(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let lower = lower.strip_suffix('b').unwrap_or(&lower);
    let (number, unit) = match lower.strip_suffix(['k', 'm', 'g']) {
        Some(number) => (number, lower.get(number.len()..).unwrap_or_default()),
        None => (lower, ""),
    };
    let number: u64 = number.trim().parse().ok()?;
    let unit = match unit {
        "k" => "Ki",
        "m" => "Mi",
        "g" => "Gi",
        _ => "",
    };
    Some(format!("{number}{unit}"))
}

fn resources(scene: &mut Scene<'_>, service: &Node<'_>) -> Map<String, Value> {
    let mut resources = Map::new();
    if let Some(deploy) = service.get("deploy") {
        for entry in unknown(deploy, &["replicas", "mode", "resources", "labels"]) {
            let help = "pods are replaced in their order and restarted whenever they end";
            scene.remark(&entry.range, format!("`{}` of `deploy` is not carried", entry.name), help);
        }
    }
    let written = service.get("deploy").and_then(|deploy| deploy.get("resources"));
    for (key, field) in [("limits", "limits"), ("reservations", "requests")] {
        let mut amounts = Map::new();
        let node = written.and_then(|written| written.get(key));
        let (mut cpus, mut bytes) = (node.and_then(|node| node.get("cpus")), node.and_then(|node| node.get("memory")));
        if key == "limits" {
            cpus = cpus.or_else(|| service.get("cpus"));
            bytes = bytes.or_else(|| service.get("mem_limit"));
        }
        for entry in node.iter().flat_map(|node| unknown(node, &["cpus", "memory"])) {
            let help = "set limits in the configuration of the engine";
            scene.remark(&entry.range, format!("`{}` is not carried", entry.name), help);
        }
        if let Some(node) = cpus
            && let Some(text) = scene.text("cpus", node)
        {
            amounts.insert("cpu".to_owned(), json!(text));
        }
        if let Some(node) = bytes
            && let Some(text) = scene.text("memory", node)
        {
            match memory(&text) {
                Some(amount) => drop(amounts.insert("memory".to_owned(), json!(amount))),
                None => scene.wrong("memory", "an amount as 512M", node),
            }
        }
        if !amounts.is_empty() {
            resources.insert(field.to_owned(), Value::Object(amounts));
        }
    }
    resources
}

fn security(scene: &mut Scene<'_>, service: &Node<'_>) -> Map<String, Value> {
    let mut security = Map::new();
    if let Some(node) = service.get("user")
        && let Some(user) = scene.text("user", node)
    {
        let (user, group) = user.split_once(':').map_or((&*user, None), |(user, group)| (user, Some(group)));
        let numbers = [("runAsUser", Some(user)), ("runAsGroup", group)];
        for (field, number) in numbers.into_iter().filter_map(|(field, text)| Some((field, text?))) {
            match number.parse::<u32>() {
                Ok(number) => drop(security.insert(field.to_owned(), json!(number))),
                Err(_) => {
                    scene.error(&node.range, "a user is carried by its number alone", "write it as \"1000:1000\"");
                }
            }
        }
    }
    let mut capabilities = Map::new();
    for (key, field) in [("cap_add", "add"), ("cap_drop", "drop")] {
        if let Some(node) = service.get(key) {
            let names = scene.texts(key, node).into_iter().map(|name| name.to_ascii_uppercase());
            let names: Vec<String> = names.map(|name| name.strip_prefix("CAP_").unwrap_or(&name).to_owned()).collect();
            capabilities.insert(field.to_owned(), json!(names));
        }
    }
    if !capabilities.is_empty() {
        security.insert("capabilities".to_owned(), Value::Object(capabilities));
    }
    for (key, field) in [("privileged", "privileged"), ("read_only", "readOnlyRootFilesystem")] {
        if service.get(key).is_some_and(|node| scene.truth(key, node)) {
            security.insert(field.to_owned(), json!(true));
        }
    }
    security
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_as_a_shell_does() {
        let words = |line| split(line).map(|words| words.join("|"));
        assert_eq!(words("a  b\tc").as_deref(), Some("a|b|c"));
        assert_eq!(words(r#"sh -c "echo \"$A\" \n" 'b c'd ''"#).as_deref(), Some(r#"sh|-c|echo "$A" \n|b cd|"#));
        assert_eq!(words(r"a\ b").as_deref(), Some("a b"));
        assert_eq!(words("'open"), None);
        assert_eq!(words("\"open"), None);
    }

    #[test]
    fn an_amount_of_memory_is_in_powers_of_1024() {
        for (text, amount) in [("512M", "512Mi"), ("1g", "1Gi"), ("64kb", "64Ki"), ("100", "100"), ("1GB", "1Gi")] {
            assert_eq!(memory(text).as_deref(), Some(amount), "{text}");
        }
        for wrong in ["", "M", "1t", "1.5g", "-1m"] {
            assert_eq!(memory(wrong), None, "{wrong}");
        }
    }
}
