//! The TSIG keys of secondaries, in a file of their own, as they are secret.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use dns_server::TsigKey;
use plan_store::EndpointName;

use crate::option_file;

/// The keys by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct TsigKeys(BTreeMap<EndpointName, Arc<TsigKey>>);

impl TsigKeys {
    /// Reads the keys: one a line, as `dig -y` takes them. An empty line, and one that begins
    /// with `#`, says nothing.
    ///
    /// # Errors
    /// If the file cannot be read, a line is no key, or a name is there twice. No message
    /// repeats a secret.
    pub(crate) fn load(file: &Path) -> Result<Self, Box<dyn Error>> {
        let shown = file.display();
        let text = option_file::read_text("--tsig-keys", file)?;
        let mut keys = BTreeMap::new();
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let key: Result<TsigKey, _> = text.parse();
            let key = key.map_err(|error| format!("{shown}:{line}: {error}"))?;
            let name = key.name().clone();
            if keys.insert(name.clone(), Arc::new(key)).is_some() {
                let twice = format!("{shown}:{line}: the key `{name}` is there twice; remove one");
                return Err(twice.into());
            }
        }
        Ok(Self(keys))
    }

    pub(crate) fn get(&self, name: &EndpointName) -> Option<&Arc<TsigKey>> {
        self.0.get(name)
    }
}
