//! One repository with manifests in all three dialects, which goes to a container host (`tests/docker/everywhere.rs`) and to a cluster
//! as it is.

use crate::place::{Place, until};

const FILES: [(&str, &str); 3] = [
    ("desk.hcl", include_str!("../fixtures/everywhere/desk.hcl")),
    ("reader.yaml", include_str!("../fixtures/everywhere/reader.yaml")),
    ("shelf.yaml", include_str!("../fixtures/everywhere/shelf.yaml")),
];

#[test]
fn a_repository_of_all_dialects_that_a_container_host_takes_comes_up_in_a_cluster() {
    let place = Place::new("");
    let own = |text: &str| text.replace("SCOPE", &place.namespace).replace("HUSH", "geheim");
    let files = FILES.map(|(path, text)| (path, own(text)));
    place.origin.deploy(&files.each_ref().map(|(path, text)| (*path, text.as_str())));
    let first = place.pass();
    assert!(first.code == Some(2) && !first.text.contains("geheim"), "{first:?}");
    let second = place.pass();
    assert_eq!(second.code, Some(0), "{second:?}");
    let ask = || place.try_kubectl(&["exec", "deployment/reader", "--", "sh", "/ask.sh"]);
    let told = "welcome at desk 0, welcome at desk 1, twelve books, 6 letters";
    assert!(until(|| ask().is_ok_and(|said| said == told)), "{:?}", ask());
}
