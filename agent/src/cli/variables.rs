//! Variables that a person gives to manifests of this machine.

use writ_core::dialect::{UnfitVariable, Variables};

use super::exit::Failure;

#[derive(Debug, clap::Args)]
pub(crate) struct Given {
    /// A variable of the manifests, as their unit's settings would give it; once for each
    #[arg(long = "var", value_name = "NAME=VALUE")]
    variables: Vec<String>,
}

impl Given {
    pub(crate) fn read(&self) -> Result<Variables, Failure> {
        let Self { variables: written } = self;
        let mut variables = Variables::default();
        for word in written {
            let Some((name, value)) = word.split_once('=') else {
                return Err(Failure::message("`--var` takes a name and a value: write `--var NAME=VALUE`"));
            };
            let unfit = |UnfitVariable { message, help }| Failure::message(format!("{message}: {help}"));
            variables.set(name, value).map_err(unfit)?;
        }
        Ok(variables)
    }
}
