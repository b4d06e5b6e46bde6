//! A server before the real one, by which the host of a test reaches its cluster.

use std::fs;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::apiserver::ApiServer;
use crate::place::Place;

/// The server, and what it runs on.
pub(crate) struct Between {
    pub(crate) server: ApiServer,
    /// Ends what it runs on when it is dropped.
    _stop: oneshot::Sender<()>,
}

impl Between {
    /// Leads the host of a place by way of it.
    pub(crate) fn of(place: &Place) -> Self {
        let (url, authority, token) = (place.text("url"), place.text("ca.crt"), place.text("token"));
        let (stop, stopped) = oneshot::channel::<()>();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                sender.send(ApiServer::before(&url, &authority, &token).await).ok();
                stopped.await.ok();
            });
        });
        let server = receiver.recv().unwrap();
        let kubeconfig = fs::read_to_string(server.kubeconfig()).unwrap().replace("between", "writ-test");
        fs::write(place.machine.path("kubeconfig"), kubeconfig).unwrap();
        Self { server, _stop: stop }
    }

    /// How many requests of a method held all of these texts.
    pub(crate) fn count(&self, method: &str, texts: &[&str]) -> usize {
        let means = |request: &String| {
            request.starts_with(&format!("{method} ")) && texts.iter().all(|text| request.contains(text))
        };
        self.server.requests().iter().filter(|request| means(request)).count()
    }
}
