//! A site whose ingress listens on ports of its own, and clients of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use reqwest::{Certificate, Client, redirect};
use tokio::sync::{Mutex, MutexGuard};
use writ_core::ingress::{CONTAINER, VOLUME};

use crate::free_port::free_port;
use crate::site::Site;
use crate::world::World;

/// There is one ingress on a host, and one host on the engine.
static TURN: Mutex<()> = Mutex::const_new(());

/// A site whose ingress listens on ports of its own.
pub struct Front {
    pub site: Site,
    pub http: u16,
    pub https: u16,
    _turn: MutexGuard<'static, ()>,
}

/// Removes the ingress, whoever left it.
fn sweep(endpoint: &str) {
    for words in [["rm", "-f", "-v", CONTAINER].as_slice(), &["volume", "rm", "-f", VOLUME]] {
        drop(Command::new("docker").args(words).env("DOCKER_HOST", endpoint).output());
    }
}

impl Front {
    pub async fn new(more: &str) -> Self {
        Self::with(more, "ca = \"internal\"").await
    }

    /// One with further settings of the unit, and these of the ingress.
    pub async fn with(more: &str, ingress: &str) -> Self {
        let turn = TURN.lock().await;
        let world = World::new().await;
        sweep(&world.endpoint);
        let (http, https) = (free_port(), free_port());
        let more = more.replace("SCOPE", &world.scope);
        let settings = format!("{more}\n[ingress]\nhttp_port = {http}\nhttps_port = {https}\n{ingress}");
        Self { site: Site::with(world, &settings).await, http, https, _turn: turn }
    }

    pub fn host(&self, name: &str) -> String {
        format!("{name}.{}.example.org", self.site.world.scope)
    }

    pub fn at(&self, port: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, port).into()
    }

    /// The status and the text of an answer to a request for a host and a path.
    pub async fn asks(&self, name: &str, path: &str) -> (u16, String) {
        let host = self.host(name);
        let client = Client::builder().no_proxy().resolve(&host, self.at(self.http));
        let client = client.redirect(redirect::Policy::none()).build().unwrap();
        match client.get(format!("http://{host}:{}{path}", self.http)).send().await {
            Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default().trim().to_owned()),
            Err(error) => (0, format!("{error:?}")),
        }
    }

    pub async fn answers(&self, name: &str, path: &str, expected: (u16, &str)) {
        let what = format!("{name} {path} -> {expected:?}");
        self.site
            .becomes(&what, async || match self.asks(name, path).await {
                (status, text) if (status, text.as_str()) == expected => Ok(()),
                other => Err(format!("{other:?}")),
            })
            .await;
    }

    /// The same by HTTPS, the certificate checked by an authority.
    pub async fn asks_encrypted(&self, name: &str, path: &str, authority: &str) -> Result<String, String> {
        let host = self.host(name);
        let authority = Certificate::from_pem(authority.as_bytes()).map_err(|error| format!("{error:?}"))?;
        let client = Client::builder().no_proxy().resolve(&host, self.at(self.https)).tls_certs_only([authority]);
        let client = client.build().map_err(|error| format!("{error:?}"))?;
        let answer = client.get(format!("https://{host}:{}{path}", self.https)).send().await;
        let answer = answer.map_err(|error| format!("{error:?}"))?;
        Ok(answer.text().await.unwrap_or_default().trim().to_owned())
    }

    pub fn ingress(&self) -> Result<String, String> {
        self.site.world.tries(&["inspect", "-f", "{{.Id}} {{.State.Status}} {{.State.StartedAt}}", CONTAINER])
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        sweep(&self.site.world.endpoint);
    }
}
