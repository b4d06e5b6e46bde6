//! The settings as they were written, with the place of every value. What they mean is decided elsewhere.

use writ_core::text::{Place, Problems, Section, Written, read_toml};

pub(super) struct Settings {
    pub(super) host: Host,
    pub(super) sources: Vec<Source>,
    pub(super) units: Vec<Unit>,
    pub(super) reports: Vec<Report>,
    pub(super) ingress: Ingress,
    pub(super) web: Option<Web>,
    pub(super) alerts: Vec<Alert>,
    pub(super) hint: Option<Hint>,
    pub(super) traces: Option<Traces>,
}

#[derive(Default)]
pub(super) struct Host {
    pub(super) name: Option<Written<String>>,
    pub(super) labels: Vec<(String, Written<String>)>,
    pub(super) state: Option<Written<String>>,
    pub(super) allow_unsigned_apply: Option<Written<bool>>,
    pub(super) guard: Option<Written<String>>,
    pub(super) trust: Option<Written<String>>,
    pub(super) revoked: Option<Written<String>>,
    pub(super) age_identity_file: Option<Written<String>>,
    pub(super) kubeconfig: Option<Written<String>>,
    pub(super) standby: Option<Written<String>>,
}

pub(super) struct Source {
    pub(super) name: Option<Written<String>>,
    pub(super) url: Option<Written<String>>,
    pub(super) branch: Option<Written<String>>,
    pub(super) poll: Option<Written<String>>,
    pub(super) publish: Option<Written<bool>>,
    pub(super) hint_secret_file: Option<Written<String>>,
    pub(super) credentials: Option<Credentials>,
    pub(super) introduction: Option<Introduction>,
}

pub(super) struct Credentials {
    pub(super) place: Place,
    pub(super) ssh_key_file: Option<Written<String>>,
    pub(super) known_hosts_file: Option<Written<String>>,
    pub(super) token_file: Option<Written<String>>,
}

pub(super) struct Introduction {
    pub(super) commit: Option<Written<String>>,
    pub(super) signer: Option<Written<String>>,
}

pub(super) struct Unit {
    pub(super) name: Option<Written<String>>,
    pub(super) source: Option<Written<String>>,
    pub(super) path: Option<Written<Vec<Written<String>>>>,
    pub(super) target: Option<Written<String>>,
    pub(super) drift: Option<Written<String>>,
    pub(super) prune: Option<Prune>,
    pub(super) recreate: Option<Written<bool>>,
    pub(super) backup: Option<Backup>,
    pub(super) guard: Option<Written<String>>,
    pub(super) plugins: Vec<Plugin>,
    pub(super) renderer: Option<Renderer>,
    pub(super) ignore: Vec<Ignore>,
    pub(super) variables: Vec<(String, Written<String>)>,
    pub(super) account: Option<Written<String>>,
    pub(super) windows: Vec<Window>,
    pub(super) depends_on: Option<Written<Vec<Written<String>>>>,
    pub(super) previews: Option<Previews>,
}

pub(super) struct Previews {
    pub(super) place: Place,
    pub(super) number: Option<Written<u32>>,
    pub(super) days: Option<Written<u32>>,
}

pub(super) struct Window {
    pub(super) cron: Option<Written<String>>,
    pub(super) tz: Option<Written<String>>,
    pub(super) span: Option<Written<String>>,
}

pub(super) struct Plugin {
    pub(super) kind: Option<Written<String>>,
    pub(super) url: Option<Written<String>>,
    pub(super) credentials: Option<Credentials>,
    pub(super) version: Option<Written<String>>,
    pub(super) path: Option<Written<String>>,
    pub(super) digest: Option<Written<String>>,
}

pub(super) struct Renderer {
    pub(super) place: Place,
    pub(super) kind: Option<Written<String>>,
    pub(super) folder: Option<Written<String>>,
    pub(super) program: Option<Written<String>>,
    pub(super) digest: Option<Written<String>>,
    pub(super) release: Option<Written<String>>,
    pub(super) namespace: Option<Written<String>>,
    pub(super) values: Option<Written<Vec<Written<String>>>>,
}

pub(super) struct Ignore {
    pub(super) place: Place,
    pub(super) kind: Option<Written<String>>,
    pub(super) namespace: Option<Written<String>>,
    pub(super) name: Option<Written<String>>,
    pub(super) fields: Option<Written<Vec<Written<String>>>>,
}

pub(super) struct Prune {
    pub(super) max: Option<Written<u32>>,
    pub(super) percent: Option<Written<u32>>,
}

pub(super) struct Backup {
    pub(super) directory: Option<Written<String>>,
    pub(super) keep: Option<Written<u32>>,
}

pub(super) struct Report {
    pub(super) place: Place,
    pub(super) forge: Option<Written<String>>,
    pub(super) url: Option<Written<String>>,
    pub(super) token_file: Option<Written<String>>,
    pub(super) app: Option<App>,
    pub(super) project: Option<Written<String>>,
    pub(super) source: Option<Written<String>>,
}

pub(super) struct App {
    pub(super) place: Place,
    pub(super) id: Option<Written<String>>,
    pub(super) installation: Option<Written<u32>>,
    pub(super) key_file: Option<Written<String>>,
}

#[derive(Default)]
pub(super) struct Ingress {
    pub(super) image: Option<Written<String>>,
    pub(super) addresses: Option<Written<Vec<Written<String>>>>,
    pub(super) http_port: Option<Written<u32>>,
    pub(super) https_port: Option<Written<u32>>,
    pub(super) email: Option<Written<String>>,
    pub(super) ca: Option<Written<String>>,
    pub(super) directory: Option<Written<String>>,
    pub(super) directory_roots_file: Option<Written<String>>,
}

pub(super) struct Alert {
    pub(super) place: Place,
    pub(super) name: Option<Written<String>>,
    pub(super) webhook: Option<Written<String>>,
    pub(super) webhook_file: Option<Written<String>>,
    pub(super) format: Option<Written<String>>,
    pub(super) secret_file: Option<Written<String>>,
    pub(super) mail: Option<Mail>,
    pub(super) units: Option<Written<Vec<Written<String>>>>,
    pub(super) kinds: Option<Written<Vec<Written<String>>>>,
    pub(super) remind: Option<Written<String>>,
}

pub(super) struct Mail {
    pub(super) place: Place,
    pub(super) to: Option<Written<Vec<Written<String>>>>,
    pub(super) from: Option<Written<String>>,
    pub(super) server: Option<Written<String>>,
    pub(super) user: Option<Written<String>>,
    pub(super) password_file: Option<Written<String>>,
}

pub(super) struct Hint {
    pub(super) place: Place,
    pub(super) listen: Option<Written<String>>,
}

pub(super) struct Traces {
    pub(super) url: Option<Written<String>>,
    pub(super) token_file: Option<Written<String>>,
}

pub(super) struct Web {
    pub(super) listen: Option<Written<String>>,
    pub(super) token_file: Option<Written<String>>,
    pub(super) tls: Option<Tls>,
    pub(super) url: Option<Written<String>>,
}

pub(super) struct Tls {
    pub(super) place: Place,
    pub(super) certificate_file: Option<Written<String>>,
    pub(super) key_file: Option<Written<String>>,
    pub(super) client_ca_file: Option<Written<String>>,
}

/// Reads the whole document; every problem of its form goes to `problems`.
///
/// None if it is not TOML: what the rest of it seems to say would mislead.
pub(super) fn read(file: &str, text: &str, problems: &mut Problems) -> Option<Settings> {
    read_toml(file, "the settings", text, problems, |root, problems| {
        let host = root.section("host", problems).map(|section| host(section, problems)).unwrap_or_default();
        let sources = root.sections("source", problems).into_iter().map(|section| source(section, problems)).collect();
        let units = root.sections("unit", problems).into_iter().map(|section| unit(section, problems)).collect();
        let reports = root.sections("report", problems).into_iter().map(|section| report(section, problems)).collect();
        let ingress = root.section("ingress", problems).map(|section| ingress(section, problems)).unwrap_or_default();
        let alerts = root.sections("alert", problems).into_iter().map(|section| alert(section, problems)).collect();
        let web = root.section("web", problems).map(|section| web(section, problems));
        let hint = root.section("hint", problems).map(|section| hint(section, problems));
        let traces = root.section("traces", problems).map(|section| traces(section, problems));
        Settings { host, sources, units, reports, ingress, web, alerts, hint, traces }
    })
}

fn host(mut section: Section<'_>, problems: &mut Problems) -> Host {
    let host = Host {
        name: section.string("name", problems),
        labels: section.texts("labels", problems),
        state: section.string("state", problems),
        allow_unsigned_apply: section.boolean("allow_unsigned_apply", problems),
        guard: section.string("guard", problems),
        trust: section.string("trust", problems),
        revoked: section.string("revoked", problems),
        age_identity_file: section.string("age_identity_file", problems),
        kubeconfig: section.string("kubeconfig", problems),
        standby: section.string("standby", problems),
    };
    section.finish(problems);
    host
}

fn source(mut section: Section<'_>, problems: &mut Problems) -> Source {
    let (name, url, branch) =
        (section.string("name", problems), section.string("url", problems), section.string("branch", problems));
    let source = Source {
        name: section.require("name", name, problems),
        url: section.require("url", url, problems),
        branch: section.require("branch", branch, problems),
        poll: section.string("poll", problems),
        publish: section.boolean("publish", problems),
        hint_secret_file: section.string("hint_secret_file", problems),
        credentials: section.section("credentials", problems).map(|section| credentials(section, problems)),
        introduction: section.section("introduction", problems).map(|section| introduction(section, problems)),
    };
    section.finish(problems);
    source
}

fn credentials(mut section: Section<'_>, problems: &mut Problems) -> Credentials {
    let credentials = Credentials {
        ssh_key_file: section.string("ssh_key_file", problems),
        known_hosts_file: section.string("known_hosts_file", problems),
        token_file: section.string("token_file", problems),
        place: section.place.clone(),
    };
    section.later("github_app", problems);
    section.finish(problems);
    credentials
}

fn introduction(mut section: Section<'_>, problems: &mut Problems) -> Introduction {
    let (commit, signer) = (section.string("commit", problems), section.string("signer", problems));
    let introduction = Introduction {
        commit: section.require("commit", commit, problems),
        signer: section.require("signer", signer, problems),
    };
    section.finish(problems);
    introduction
}

fn unit(mut section: Section<'_>, problems: &mut Problems) -> Unit {
    let (name, source) = (section.string("name", problems), section.string("source", problems));
    let (path, target) = (section.string_or_strings("path", problems), section.string("target", problems));
    let unit = Unit {
        name: section.require("name", name, problems),
        source: section.require("source", source, problems),
        path: section.require("path", path, problems),
        target: section.require("target", target, problems),
        drift: section.string("drift", problems),
        prune: section.section("prune", problems).map(|section| prune(section, problems)),
        recreate: section.boolean("recreate", problems),
        backup: section.section("backup", problems).map(|section| backup(section, problems)),
        guard: section.string("guard", problems),
        plugins: section.sections("plugin", problems).into_iter().map(|section| plugin(section, problems)).collect(),
        renderer: section.section("renderer", problems).map(|section| renderer(section, problems)),
        ignore: section.sections("ignore", problems).into_iter().map(|section| ignore(section, problems)).collect(),
        variables: section.texts("variables", problems),
        account: section.string("account", problems),
        windows: section.sections("windows", problems).into_iter().map(|section| window(section, problems)).collect(),
        depends_on: section.strings("depends_on", problems),
        previews: section.section("previews", problems).map(|section| previews(section, problems)),
    };
    section.finish(problems);
    unit
}

fn ingress(mut section: Section<'_>, problems: &mut Problems) -> Ingress {
    let ingress = Ingress {
        image: section.string("image", problems),
        addresses: section.strings("addresses", problems),
        http_port: section.number("http_port", problems),
        https_port: section.number("https_port", problems),
        email: section.string("email", problems),
        ca: section.string("ca", problems),
        directory: section.string("directory", problems),
        directory_roots_file: section.string("directory_roots_file", problems),
    };
    section.finish(problems);
    ingress
}

fn alert(mut section: Section<'_>, problems: &mut Problems) -> Alert {
    let name = section.string("name", problems);
    let alert = Alert {
        name: section.require("name", name, problems),
        webhook: section.string("webhook", problems),
        webhook_file: section.string("webhook_file", problems),
        format: section.string("format", problems),
        secret_file: section.string("secret_file", problems),
        mail: section.section("mail", problems).map(|section| mail(section, problems)),
        units: section.strings("units", problems),
        kinds: section.strings("on", problems),
        remind: section.string("remind", problems),
        place: section.place.clone(),
    };
    section.finish(problems);
    alert
}

fn mail(mut section: Section<'_>, problems: &mut Problems) -> Mail {
    let (to, from) = (section.strings("to", problems), section.string("from", problems));
    let server = section.string("server", problems);
    let mail = Mail {
        to: section.require("to", to, problems),
        from: section.require("from", from, problems),
        server: section.require("server", server, problems),
        user: section.string("user", problems),
        password_file: section.string("password_file", problems),
        place: section.place.clone(),
    };
    section.finish(problems);
    mail
}

fn hint(mut section: Section<'_>, problems: &mut Problems) -> Hint {
    let listen = section.string("listen", problems);
    let hint = Hint { listen: section.require("listen", listen, problems), place: section.place.clone() };
    section.finish(problems);
    hint
}

fn traces(mut section: Section<'_>, problems: &mut Problems) -> Traces {
    let url = section.string("url", problems);
    let (url, token_file) = (section.require("url", url, problems), section.string("token_file", problems));
    section.finish(problems);
    Traces { url, token_file }
}

fn web(mut section: Section<'_>, problems: &mut Problems) -> Web {
    let listen = section.string("listen", problems);
    let web = Web {
        listen: section.require("listen", listen, problems),
        token_file: section.string("token_file", problems),
        tls: section.section("tls", problems).map(|section| tls(section, problems)),
        url: section.string("url", problems),
    };
    section.finish(problems);
    web
}

fn tls(mut section: Section<'_>, problems: &mut Problems) -> Tls {
    let certificate_file = section.string("certificate_file", problems);
    let (key_file, client_ca_file) = (section.string("key_file", problems), section.string("client_ca_file", problems));
    let tls = Tls {
        certificate_file: section.require("certificate_file", certificate_file, problems),
        key_file: section.require("key_file", key_file, problems),
        client_ca_file: section.require("client_ca_file", client_ca_file, problems),
        place: section.place.clone(),
    };
    section.finish(problems);
    tls
}

fn plugin(mut section: Section<'_>, problems: &mut Problems) -> Plugin {
    let (kind, url) = (section.string("kind", problems), section.string("url", problems));
    let (version, digest) = (section.string("version", problems), section.string("digest", problems));
    let plugin = Plugin {
        kind: section.require("kind", kind, problems),
        url: section.require("url", url, problems),
        credentials: section.section("credentials", problems).map(|section| credentials(section, problems)),
        version: section.require("version", version, problems),
        path: section.string("path", problems),
        digest: section.require("digest", digest, problems),
    };
    section.finish(problems);
    plugin
}

fn renderer(mut section: Section<'_>, problems: &mut Problems) -> Renderer {
    let (kind, program) = (section.string("kind", problems), section.string("program", problems));
    let digest = section.string("digest", problems);
    let renderer = Renderer {
        place: section.place.clone(),
        kind: section.require("kind", kind, problems),
        folder: section.string("folder", problems),
        program: section.require("program", program, problems),
        digest: section.require("digest", digest, problems),
        release: section.string("release", problems),
        namespace: section.string("namespace", problems),
        values: section.strings("values", problems),
    };
    section.finish(problems);
    renderer
}

fn ignore(mut section: Section<'_>, problems: &mut Problems) -> Ignore {
    let (kind, fields) = (section.string("kind", problems), section.strings("fields", problems));
    let ignore = Ignore {
        kind: section.require("kind", kind, problems),
        namespace: section.string("namespace", problems),
        name: section.string("name", problems),
        fields: section.require("fields", fields, problems),
        place: section.place.clone(),
    };
    section.finish(problems);
    ignore
}

fn window(mut section: Section<'_>, problems: &mut Problems) -> Window {
    let (cron, span) = (section.string("cron", problems), section.string("for", problems));
    let window = Window {
        cron: section.require("cron", cron, problems),
        tz: section.string("tz", problems),
        span: section.require("for", span, problems),
    };
    section.finish(problems);
    window
}

fn previews(mut section: Section<'_>, problems: &mut Problems) -> Previews {
    let place = section.place.clone();
    let (number, days) = (section.number("number", problems), section.number("days", problems));
    section.finish(problems);
    Previews { place, number, days }
}

fn prune(mut section: Section<'_>, problems: &mut Problems) -> Prune {
    let prune = Prune { max: section.number("max", problems), percent: section.number("percent", problems) };
    section.finish(problems);
    prune
}

fn backup(mut section: Section<'_>, problems: &mut Problems) -> Backup {
    let directory = section.string("directory", problems);
    let backup =
        Backup { directory: section.require("directory", directory, problems), keep: section.number("keep", problems) };
    section.finish(problems);
    backup
}

fn report(mut section: Section<'_>, problems: &mut Problems) -> Report {
    let (forge, url) = (section.string("forge", problems), section.string("url", problems));
    let token_file = section.string("token_file", problems);
    let app = section.section("app", problems).map(|section| app(section, problems));
    let report = Report {
        forge: section.require("forge", forge, problems),
        url: section.require("url", url, problems),
        token_file: if app.is_none() { section.require("token_file", token_file, problems) } else { token_file },
        app,
        project: section.string("project", problems),
        source: section.string("source", problems),
        place: section.place.clone(),
    };
    section.finish(problems);
    report
}

fn app(mut section: Section<'_>, problems: &mut Problems) -> App {
    let (id, installation) = (section.string("id", problems), section.number("installation", problems));
    let key_file = section.string("key_file", problems);
    let app = App {
        id: section.require("id", id, problems),
        installation: section.require("installation", installation, problems),
        key_file: section.require("key_file", key_file, problems),
        place: section.place.clone(),
    };
    section.finish(problems);
    app
}
