//! Builds the program that stands in containers, static, so that the agent carries it.

#![allow(clippy::print_stdout, reason = "cargo reads what a build script prints")]

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// The program's source, and its name where it was built.
const SOURCE: &str = "companion/main.rs";
const NAME: &str = "companion";

fn main() {
    println!("cargo::rerun-if-changed=companion");
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("cargo tells a build script its {name}"));
    let built = PathBuf::from(variable("OUT_DIR")).join(NAME);
    let mut compile = Command::new(variable("RUSTC"));
    compile.args(["--edition", "2024", "--crate-type", "bin", "--crate-name", NAME]);
    compile.args(["--target", &variable("TARGET"), "--remap-path-prefix"]);
    // The same source gives the same program wherever it lies.
    compile.arg(format!("{}=writ", variable("CARGO_MANIFEST_DIR")));
    for option in
        ["target-feature=+crt-static", "opt-level=s", "panic=abort", "strip=symbols", "lto=fat", "codegen-units=1"]
    {
        compile.args(["-C", option]);
    }
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        compile.args(["-C", &format!("linker={linker}")]);
    }
    let done = compile.arg("-o").arg(&built).arg(SOURCE).status();
    assert!(done.is_ok_and(|done| done.success()), "cannot build {SOURCE}; a static C library (libc.a) is needed");
}
