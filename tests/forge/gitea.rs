//! The running Gitea, by the interface that its users have.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use writ::report::{Forge, Receiver, Speaks};

/// The running Gitea.
pub(crate) struct Gitea {
    folder: PathBuf,
    pub(crate) url: String,
    pub(crate) user: String,
    token: String,
    client: Client,
}

impl Gitea {
    pub(crate) fn running() -> Self {
        let folder = std::env::var_os("WRIT_GITEA").expect("WRIT_GITEA names the directory of a running Gitea");
        let folder = PathBuf::from(folder);
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap().trim().to_owned();
        let (url, user, token) = (text("url"), text("user"), text("token"));
        Self { folder, url, user, token, client: Client::builder().no_proxy().build().unwrap() }
    }

    /// The file that holds a token of a user who may do everything.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.folder.join("token")
    }

    /// The key with which it signs what it merges, as `ssh-ed25519 AAAA…`.
    pub(crate) fn signing_key(&self) -> String {
        let line = fs::read_to_string(self.folder.join("signing.pub")).unwrap();
        line.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// Opens a pull request of a branch, and gives its number.
    pub(crate) async fn open(&self, name: &str, branch: &str) -> u64 {
        let request = json!({ "head": branch, "base": "main", "title": branch });
        let opened = self.ask(Method::POST, &format!("repos/{}/{name}/pulls", self.user), Some(request)).await;
        opened["number"].as_u64().unwrap()
    }

    /// The comments on a pull request, oldest first: their numbers and texts.
    pub(crate) async fn comments(&self, name: &str, pull: u64) -> Vec<(u64, String)> {
        let path = format!("repos/{}/{name}/issues/{pull}/comments", self.user);
        let comments = self.ask(Method::GET, &path, None).await;
        let shown = |it: &Value| (it["id"].as_u64().unwrap(), it["body"].as_str().unwrap().to_owned());
        comments.as_array().unwrap().iter().map(shown).collect()
    }

    /// Has a branch be merged into `main` by a pull request, in a style that the forge knows, and gives the new head.
    pub(crate) async fn merge(&self, name: &str, branch: &str, style: &str) -> String {
        let path = format!("repos/{}/{name}", self.user);
        let number = self.open(name, branch).await;
        let pull = format!("{path}/pulls/{number}");
        // It looks in the background whether it can be merged, and refuses to until it has.
        let until = Instant::now() + Duration::from_secs(60);
        while self.ask(Method::GET, &pull, None).await["mergeable"] != true {
            assert!(Instant::now() < until, "{branch} cannot be merged");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.ask(Method::POST, &format!("{pull}/merge"), Some(json!({ "Do": style }))).await;
        let head = self.ask(Method::GET, &format!("{path}/branches/main"), None).await["commit"]["id"].clone();
        head.as_str().unwrap().to_owned()
    }

    /// Asks the interface, and wants it to be done.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let request = self.client.request(method, format!("{}/api/v1/{path}", self.url));
        let request = request.header("authorization", format!("token {}", self.token));
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let response = request.send().await.unwrap();
        let status = response.status();
        let body = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status}: {body}");
        serde_json::from_str(&body).unwrap_or(Value::Null)
    }

    /// Makes a repository with one commit, and gives that.
    pub(crate) async fn repository(&self, name: &str) -> String {
        let body = json!({ "name": name, "default_branch": "main" });
        self.ask(Method::POST, "user/repos", Some(body)).await;
        let body = json!({ "content": STANDARD.encode("hello\n"), "message": "Begin", "branch": "main" });
        let path = format!("repos/{}/{name}/contents/README", self.user);
        let made = self.ask(Method::POST, &path, Some(body)).await;
        made["commit"]["sha"].as_str().unwrap().to_owned()
    }

    /// A repository as Writ reports to it.
    pub(crate) fn forge(&self, name: &str) -> Receiver {
        let project = format!("{}/{name}", self.user);
        Forge::at(Speaks::Gitea, &self.url, &project, &self.token_file()).unwrap().into()
    }

    /// What a context says on a commit: states and descriptions, oldest first.
    pub(crate) async fn said(&self, name: &str, commit: &str, context: &str) -> Vec<(String, String)> {
        let path = format!("repos/{}/{name}/commits/{commit}/statuses?sort=oldest&limit=50", self.user);
        let statuses = self.ask(Method::GET, &path, None).await;
        let text = |status: &Value, key: &str| status[key].as_str().unwrap().to_owned();
        (statuses.as_array().unwrap().iter())
            .filter(|status| status["context"] == context)
            .map(|status| (text(status, "status"), text(status, "description")))
            .collect()
    }
}
