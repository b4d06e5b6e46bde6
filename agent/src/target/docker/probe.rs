//! Tries a probe once: in the container, or over the pod's network from this host.
//!
//! Invariant: what could not be tried is an error, never a failure of the container.

use std::net::Ipv4Addr;
use std::time::Duration;

use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use futures_util::StreamExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use writ_core::model::ProbeAction;

use super::connection::ANSWER;
use super::{Docker, NETWORK, grpc};
use crate::target::{ProbeResult, TargetError};

impl Docker {
    /// Tries one probe once.
    ///
    /// # Errors
    /// If it could not be tried.
    pub async fn probe(
        &self,
        container: &str,
        action: &ProbeAction,
        limit: Duration,
    ) -> Result<ProbeResult, TargetError> {
        match action {
            ProbeAction::Exec(command) => self.probe_exec(container, command, limit).await,
            ProbeAction::Tcp { port } => {
                let address = self.address_of(container).await?;
                Ok(match timeout(limit, TcpStream::connect((address, *port))).await {
                    Ok(Ok(_connection)) => ProbeResult::Success,
                    Ok(Err(error)) => ProbeResult::Failure(format!("port {port}: {error}")),
                    Err(_elapsed) => ProbeResult::Failure(format!("port {port}: no connection in time")),
                })
            }
            ProbeAction::Grpc { port, service } => {
                let address = self.address_of(container).await?;
                Ok(match timeout(limit, grpc::check(address, *port, service)).await {
                    Ok(answer) => answer,
                    Err(_elapsed) => ProbeResult::Failure(format!("port {port}: no answer in time")),
                })
            }
            ProbeAction::Http { path, port, tls, headers } => {
                let address = self.address_of(container).await?;
                let scheme = if *tls { "https" } else { "http" };
                let url = format!("{scheme}://{address}:{port}/{}", path.trim_start_matches('/'));
                self.probe_http(&url, headers, limit).await
            }
        }
    }

    async fn probe_exec(
        &self,
        container: &str,
        command: &[String],
        limit: Duration,
    ) -> Result<ProbeResult, TargetError> {
        let operation = "run a probe in a container";
        let engine = self.engine().await?;
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..CreateExecOptions::default()
        };
        let made = match self.ask(operation, ANSWER, engine.create_exec(container, options)).await {
            // A container that does not run answers nobody.
            Err(TargetError::Refused { reason, .. }) => return Ok(ProbeResult::Failure(reason)),
            other => other?,
        };
        let run = async {
            let started = engine.start_exec(&made.id, None::<StartExecOptions>).await?;
            if let StartExecResults::Attached { mut output, input: _ } = started {
                // What it writes may hold secrets, so that only its end is of interest.
                while let Some(chunk) = output.next().await {
                    chunk?;
                }
            }
            engine.inspect_exec(&made.id).await
        };
        let Ok(ended) = timeout(limit, run).await else {
            return Ok(ProbeResult::Failure(format!("no answer within {} s", limit.as_secs())));
        };
        let code = match ended.map_err(|error| self.error(operation, error)) {
            Ok(ended) => ended.exit_code,
            Err(TargetError::Refused { reason, .. }) => return Ok(ProbeResult::Failure(reason)),
            Err(error) => return Err(error),
        };
        Ok(match code {
            Some(0) => ProbeResult::Success,
            Some(code) => ProbeResult::Failure(format!("exit code {code}")),
            None => ProbeResult::Failure("it did not end".to_owned()),
        })
    }

    async fn probe_http(
        &self,
        url: &str,
        headers: &[(String, String)],
        limit: Duration,
    ) -> Result<ProbeResult, TargetError> {
        let failed = |reason: String| TargetError::Failed { operation: format!("probe {url}"), reason };
        // A redirect is an answer; where it leads is nobody's health. A certificate is not checked, as a kubelet does.
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .danger_accept_invalid_certs(true)
            .no_proxy()
            .timeout(limit)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let mut request = client.get(url).header("User-Agent", "writ-probe");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.build().map_err(|error| failed(error.without_url().to_string()))?;
        Ok(match client.execute(request).await {
            Ok(answer) if (200..400).contains(&answer.status().as_u16()) => ProbeResult::Success,
            Ok(answer) => ProbeResult::Failure(format!("HTTP {}", answer.status().as_u16())),
            Err(error) if error.is_timeout() => ProbeResult::Failure(format!("no answer within {} s", limit.as_secs())),
            Err(error) if error.is_connect() => ProbeResult::Failure("no connection".to_owned()),
            Err(error) => ProbeResult::Failure(error.without_url().to_string()),
        })
    }

    /// The container's address as this host reaches it.
    async fn address_of(&self, container: &str) -> Result<Ipv4Addr, TargetError> {
        let operation = "find the address of a container";
        let mut found = self.ours(operation, container).await?;
        if let Some(sandbox) = found.joined_to().map(str::to_owned) {
            found = self.ours(operation, &sandbox).await?;
        }
        if found.inspect.host_config.as_ref().and_then(|host| host.network_mode.as_deref()) == Some("host") {
            return Ok(Ipv4Addr::LOCALHOST);
        }
        let asked = found.asked.as_ref().and_then(|asked| asked.address.clone());
        let networks = found.inspect.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let now = networks.get(NETWORK).and_then(|endpoint| endpoint.ip_address.clone());
        let address = now.filter(|address| !address.is_empty()).or(asked);
        address.and_then(|address| address.parse().ok()).ok_or_else(|| TargetError::Failed {
            operation: operation.to_owned(),
            reason: format!("it is not on network {NETWORK}"),
        })
    }
}
