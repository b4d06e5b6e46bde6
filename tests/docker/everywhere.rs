//! One repository with manifests in all three dialects, which goes to a container host and to a cluster
//! (`tests/cluster/everywhere.rs`) as it is.

use crate::site::{CANARY, Site};

const DESK: &str = include_str!("../fixtures/everywhere/desk.hcl");
const READER: &str = include_str!("../fixtures/everywhere/reader.yaml");
const SHELF: &str = include_str!("../fixtures/everywhere/shelf.yaml");

#[tokio::test]
async fn a_repository_of_all_dialects_that_a_cluster_takes_comes_up_on_a_container_host() {
    let site = Site::new().await;
    site.write("desk.hcl", &site.scoped(DESK));
    site.write("reader.yaml", &site.scoped(&READER.replace("HUSH", CANARY)));
    site.deploy("shelf.yaml", &site.scoped(SHELF)).await;
    let containers = site.containers();
    let reader = containers.keys().find(|name| name.contains("-reader.")).unwrap_or_else(|| panic!("{containers:?}"));
    let told = format!("welcome at desk 0, welcome at desk 1, twelve books, {} letters", CANARY.len());
    site.world.exec_until(reader, &["sh", "/ask.sh"], |said| said == told).await;
    site.holds().await;
}
