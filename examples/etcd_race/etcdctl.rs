//! `etcdctl`, called as a program.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use incident::Error;

/// `etcdctl`, on the keys below a prefix.
#[derive(Clone)]
pub(crate) struct Etcdctl {
    /// The members' addresses, in `etcdctl`'s format.
    pub(crate) endpoints: String,
    pub(crate) prefix: &'static str,
}

impl Etcdctl {
    pub(crate) fn get(&self, key: &str) -> Result<Option<String>, Error> {
        let text = self.run(&["get", "--print-value-only", &self.full(key)], "")?;
        let value = text.trim_end();
        Ok((!value.is_empty()).then(|| value.to_owned()))
    }

    /// All keys that begin with `start`, by the rest of their names, with their values.
    pub(crate) fn all(&self, start: &str) -> Result<BTreeMap<String, String>, Error> {
        let start = self.full(start);
        let text = self.run(&["get", "--prefix", &start], "")?;
        let mut lines = text.lines();
        let mut all = BTreeMap::new();
        while let (Some(key), Some(value)) = (lines.next(), lines.next()) {
            all.insert(key[start.len()..].to_owned(), value.to_owned());
        }
        Ok(all)
    }

    pub(crate) fn put(&self, key: &str, value: &str) -> Result<(), Error> {
        self.run(&["put", &self.full(key), value], "").map(drop)
    }

    pub(crate) fn delete(&self, key: &str) -> Result<(), Error> {
        self.run(&["del", &self.full(key)], "").map(drop)
    }

    /// Deletes all keys.
    pub(crate) fn clear(&self) -> Result<(), Error> {
        self.run(&["del", "--prefix", self.prefix], "").map(drop)
    }

    /// Puts these keys in one transaction, if the key `exists` is there or is `None`.
    /// Returns whether it put them.
    pub(crate) fn put_if(
        &self,
        exists: Option<&str>,
        puts: [(&str, &str); 2],
    ) -> Result<bool, Error> {
        let guard = exists.map(|key| format!("version(\"{}\") > \"0\"\n", self.full(key)));
        let puts = puts.map(|(key, value)| format!("put {} {value}\n", self.full(key)));
        let text = format!("{}\n{}\n\n", guard.unwrap_or_default(), puts.concat());
        let answer = self.run(&["txn"], &text)?;
        Ok(answer.starts_with("SUCCESS"))
    }

    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Runs `etcdctl` with this input, and returns its output.
    fn run(&self, arguments: &[&str], input: &str) -> Result<String, Error> {
        let failed = |error: String| failure(format!("etcdctl: {error}"));
        let mut child = Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .env("ETCDCTL_ENDPOINTS", &self.endpoints)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                failed(format!(
                    "{error}; install it with `apt-get install etcd-client`"
                ))
            })?;
        if let Some(mut stdin) = child.stdin.take() {
            let written = stdin.write_all(input.as_bytes());
            written.map_err(|error| failed(error.to_string()))?;
        }
        let output = child
            .wait_with_output()
            .map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
        }
    }
}

/// A failure that is not of the protocol.
pub(crate) fn failure(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    plan_store::Error::new(cause).into()
}
