//! The order of blocks in a file, and of files in a unit, has no meaning.

use proptest::prelude::*;
use writ_core::dialect::Files;

use super::{lowered, render};

const BLOCKS: [&str; 6] = [
    "asset \"data\" \"config\" {\n  one = \"1\"\n  two = file(\"./two.conf\")\n}\n",
    "asset \"shared\" \"certificates\" {\n  root = \"pem\"\n}\n",
    "statefulset \"data\" \"pg\" {\n  image = \"postgres\"\n  replicas = 3\n  ports = [\"5432\"]\n\
     volumes = [\"${asset.data.config.two}:/etc/two:ro\", \"${asset.shared.certificates.root}:/etc/root\"]\n\
     volume_claim \"data\" {\n    mount_path = \"/data\"\n  }\n}\n",
    "deployment \"shop\" \"web\" {\n  image = \"web\"\n  env = {\n    B = \"2\"\n    A = \"1\"\n  }\n\
     volumes = [\"${asset.shared.certificates.root}:/etc/root:ro\"]\n}\n",
    "statefulset \"data\" \"cache\" {\n  image = \"redis\"\n  volumes = [\"${asset.data.config.one}:/one:ro\"]\n}\n",
    "deployment \"data\" \"tool\" {\n  image = \"tool\"\n  health_check = \"/\"\n}\n",
];

/// Puts each block into the file of its number.
fn unit(order: &[usize], files_of: &[usize]) -> Files {
    let mut files = Files::from([("two.conf".to_owned(), b"two".to_vec())]);
    for block in order {
        let file = files.entry(format!("{}.hcl", files_of[*block])).or_default();
        file.extend(BLOCKS[*block].as_bytes());
    }
    files
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_blocks_and_their_spread_over_files_are_immaterial(
        order in Just((0..BLOCKS.len()).collect::<Vec<_>>()).prop_shuffle(),
        files_of in proptest::collection::vec(0_usize..4, BLOCKS.len()),
    ) {
        let (plain, problems, refused) = lowered(&unit(&[0, 1, 2, 3, 4, 5], &[0; 6]));
        prop_assert!(!refused, "{}", problems);
        let (shuffled, problems, refused) = lowered(&unit(&order, &files_of));
        prop_assert!(!refused, "{}", problems);
        prop_assert_eq!(render(&plain), render(&shuffled));
    }
}

#[test]
fn the_order_of_attributes_and_of_variables_is_immaterial() {
    let one =
        "deployment \"a\" \"b\" {\n  image = \"i\"\n  replicas = 2\n  env = {\n    A = \"1\"\n    B = \"2\"\n  }\n}\n";
    let two =
        "deployment \"a\" \"b\" {\n  env = {\n    B = \"2\"\n    A = \"1\"\n  }\n  replicas = 2\n  image = \"i\"\n}\n";
    assert_eq!(render(&lowered(&super::single(one)).0), render(&lowered(&super::single(two)).0));
}

#[test]
fn the_order_of_arguments_has_a_meaning() {
    let with = |command| format!("deployment \"a\" \"b\" {{\n  image = \"i\"\n  command = {command}\n}}\n");
    let (one, two) = (with("[\"a\", \"b\"]"), with("[\"b\", \"a\"]"));
    assert_ne!(render(&lowered(&super::single(&one)).0), render(&lowered(&super::single(&two)).0));
}
