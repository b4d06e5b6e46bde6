//! The running Gitea, by the interface that its users have.

use std::fs;
use std::path::PathBuf;

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
