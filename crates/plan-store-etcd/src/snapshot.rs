//! Keeps the view in a file.
//!
//! ```text
//! "plan-store-etcd view 1\n"   what it is
//! 32 bytes                     SHA-256 of the rest
//! the rest                     stored.Snapshot
//! ```
//! The snapshot is written to a second file, which is then renamed, so the file is always
//! whole. Everything that is read from it is checked before it is used.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plan_store::{EndpointName, InvalidName, Resolution};
use prost::Message;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::Error;
use crate::codec::{self, decode_records, encode_records};
use crate::layout::StoredStanding;
use crate::proto::stored;
use crate::view::{Shown, View, answer_at};

const MAGIC: &[u8] = b"plan-store-etcd view 1\n";
const HASH: usize = 32;

/// The value in `stored.Standing` of an endpoint where nothing has happened yet.
const VACANT: u64 = 0;

/// The pause between two writes.
const PAUSE: Duration = Duration::from_secs(1);

/// Shows the view from the file, if it exists and can be read.
///
/// # Errors
/// [`Error::ForeignSnapshot`] if it is the view of a store with another prefix.
pub(crate) fn show(file: &Path, prefix: &str, shown: &Shown) -> Result<(), Error> {
    match load(file, prefix) {
        Ok(Some(view)) => {
            info!(revision = view.revision, "view read from disk");
            shown.show_from_disk(view);
        }
        Ok(None) => {}
        Err(error @ Error::ForeignSnapshot { .. }) => return Err(error),
        Err(error) => {
            warn!(%error, "no view from disk");
            shown.warn(error);
        }
    }
    Ok(())
}

/// Writes the view whenever there is a newer one. Never returns.
pub(crate) async fn keep(file: PathBuf, prefix: String, shown: Arc<Shown>) {
    let mut saved = shown.get().revision;
    loop {
        sleep(PAUSE).await;
        let view = shown.get();
        if view.revision == saved {
            continue;
        }
        let (file, prefix, revision) = (file.clone(), prefix.clone(), view.revision);
        match spawn_blocking(move || save(&file, &prefix, &view)).await {
            Ok(Ok(())) => saved = revision,
            Ok(Err(error)) => {
                warn!(%error, "view not written to disk");
                shown.warn(error);
            }
            Err(error) => warn!(%error, "view not written to disk"),
        }
    }
}

fn save(file: &Path, prefix: &str, view: &View) -> Result<(), Error> {
    let failed = |error: std::io::Error| bad(file, error);
    let (witness, witnessed) = view.witness.clone().unwrap_or_default();
    let endpoints = view.answers().filter_map(|(name, answer)| {
        Some(stored::Standing {
            kept: view.is_kept(name),
            ..standing(name, answer)?
        })
    });
    let snapshot = stored::Snapshot {
        cluster_id: view.cluster,
        revision: view.revision,
        endpoints: endpoints.collect(),
        prefix: prefix.into(),
        witness,
        witnessed,
    };
    let rest = snapshot.encode_to_vec();
    let mut beside = PathBuf::from(file).into_os_string();
    beside.push(".new");
    let mut new = File::create(&beside).map_err(failed)?;
    new.write_all(MAGIC).map_err(failed)?;
    new.write_all(&Sha256::digest(&rest)).map_err(failed)?;
    new.write_all(&rest).map_err(failed)?;
    new.sync_all().map_err(failed)?;
    fs::rename(&beside, file).map_err(failed)
}

fn standing(name: &EndpointName, answer: &Resolution) -> Option<stored::Standing> {
    let (number, records) = match answer {
        Resolution::Withdrawn { generation } => {
            (StoredStanding::withdrawn(*generation).number(), None)
        }
        Resolution::Answer {
            generation,
            records,
        } => (
            StoredStanding::active(*generation).number(),
            Some(encode_records(records)),
        ),
        Resolution::Dangling { generation } => (StoredStanding::active(*generation).number(), None),
        Resolution::Vacant => (VACANT, None),
        Resolution::Unknown => return None,
    };
    let name = name.as_str().into();
    Some(stored::Standing {
        name,
        number,
        records,
        kept: false,
    })
}

/// Reads the view; `None` if there is no file.
fn load(file: &Path, prefix: &str) -> Result<Option<View>, Error> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(bad(file, error)),
    };
    let snapshot = decode(&bytes).map_err(|reason| bad(file, reason))?;
    if !snapshot.prefix.is_empty() && snapshot.prefix != prefix {
        return Err(Error::ForeignSnapshot {
            file: file.into(),
            names: snapshot.prefix,
            ours: prefix.into(),
        });
    }
    let view = view_of(snapshot).map_err(|reason| bad(file, reason))?;
    Ok(Some(view))
}

fn decode(bytes: &[u8]) -> Result<stored::Snapshot, String> {
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or("it is not a view's snapshot")?;
    let (hash, rest) = rest.split_first_chunk::<HASH>().ok_or("it is cut short")?;
    if Sha256::digest(rest).as_slice() != hash {
        return Err("it is damaged; remove it".into());
    }
    codec::decode_whole(rest)
}

fn view_of(snapshot: stored::Snapshot) -> Result<View, String> {
    let mut view = View::at(snapshot.cluster_id, snapshot.revision);
    let witness = (snapshot.witness, snapshot.witnessed);
    // Without a witness the cluster is listed. That also finds out which of the kept endpoints
    // the cluster knows.
    let keeps = snapshot.endpoints.iter().any(|standing| standing.kept);
    view.witness = Some(witness).filter(|(key, _)| !key.is_empty() && !keeps);
    for stored::Standing {
        name,
        number,
        records,
        kept,
    } in snapshot.endpoints
    {
        let name: EndpointName = name
            .parse()
            .map_err(|error: InvalidName| error.to_string())?;
        let records = records.map(|records| decode_records(&records).map(Arc::new));
        let records = records.transpose();
        let records = records.map_err(|error| format!("endpoint {name}: {error}"))?;
        let answer = match number {
            VACANT => Resolution::Vacant,
            number => {
                let stored = StoredStanding::from_number(number);
                let stored = stored.ok_or_else(|| format!("{name}: {number} is not a standing"))?;
                answer_at(stored, records)
            }
        };
        if kept {
            view.keep(name, answer);
        } else {
            view.set(name, answer);
        }
    }
    Ok(view)
}

fn bad(file: &Path, reason: impl std::fmt::Display) -> Error {
    Error::Snapshot {
        file: file.into(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use plan_store::{Generation, RecordSet, Target};

    use super::*;

    const PREFIX: &str = "/x/";

    /// A folder of its own for each test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = format!("plan-store-etcd-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(folder);
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn file(&self) -> PathBuf {
            self.0.join("view")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn view(revision: i64) -> View {
        let name = |text: &str| -> EndpointName { text.parse().unwrap() };
        let generation = Generation::FIRST;
        let target = Target::new([192, 0, 2, 1].into(), 7);
        let records = RecordSet::new(5, [target]).unwrap();
        let records = Arc::new(records);
        let mut view = View::at(17, revision);
        view.set(
            name("a"),
            Resolution::Answer {
                generation,
                records,
            },
        );
        view.set(name("b"), Resolution::Withdrawn { generation });
        view.set(name("c"), Resolution::Vacant);
        view.keep(name("d"), Resolution::Withdrawn { generation });
        view.witness = Some((b"/x/active/a".into(), 5));
        view
    }

    fn content(view: &View) -> Vec<(EndpointName, Resolution)> {
        let answers = view
            .answers()
            .map(|(name, answer)| (name.clone(), answer.clone()));
        let mut answers: Vec<_> = answers.collect();
        answers.sort_by(|(a, _), (b, _)| a.cmp(b));
        answers
    }

    #[test]
    fn a_view_survives_the_disk() {
        let folder = Folder::new("survives");
        assert!(
            load(&folder.file(), PREFIX).unwrap().is_none(),
            "there is none yet"
        );
        for revision in [8, 9] {
            save(&folder.file(), PREFIX, &view(revision)).unwrap();
            let loaded = load(&folder.file(), PREFIX).unwrap().unwrap();
            assert_eq!((loaded.cluster, loaded.revision), (17, revision));
            assert_eq!(content(&loaded), content(&view(revision)));
            assert_eq!(loaded.witness, None, "one is kept");
            let kept = ["a", "d"].map(|name| loaded.is_kept(&name.parse().unwrap()));
            assert_eq!(kept, [false, true]);
        }
        let files = fs::read_dir(&folder.0).unwrap().count();
        assert_eq!(files, 1, "nothing is left beside it");
    }

    #[test]
    fn a_damaged_file_is_refused_wherever_it_is_damaged() {
        let folder = Folder::new("damaged");
        save(&folder.file(), PREFIX, &view(8)).unwrap();
        let good = fs::read(folder.file()).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(decode(&bad).is_err(), "byte {at}");
            assert!(decode(&good[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_file_of_another_prefix_or_a_later_version_is_refused() {
        let folder = Folder::new("foreign");
        save(&folder.file(), PREFIX, &view(8)).unwrap();
        let error = show(&folder.file(), "/y/", &Shown::nothing()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`/x/`") && text.contains("`/y/`"), "{text}");
        let mut later = view_file(&view(8));
        later.extend([0xf8, 0x07, 1]); // Field 127.
        let hash: [u8; HASH] = Sha256::digest(&later).into();
        let bytes = [MAGIC, &hash, &later].concat();
        let reason = decode(&bytes).unwrap_err();
        assert!(reason.contains("later version"), "{reason}");
    }

    fn view_file(view: &View) -> Vec<u8> {
        let folder = Folder::new("rest");
        save(&folder.file(), PREFIX, view).unwrap();
        fs::read(folder.file())
            .unwrap()
            .split_off(MAGIC.len() + HASH)
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = Folder::new("kept");
        save(&folder.file(), PREFIX, &view(8)).unwrap();
        // A folder is in the way of the second file.
        fs::create_dir(folder.0.join("view.new")).unwrap();
        let error = save(&folder.file(), PREFIX, &view(9)).unwrap_err();
        assert!(error.to_string().contains("view"), "{error}");
        assert_eq!(load(&folder.file(), PREFIX).unwrap().unwrap().revision, 8);
    }
}
