//! `enact backup` and `enact restore`, as a person gives them.

use std::sync::atomic::AtomicBool;

use super::commands::keeping;
use super::*;

/// A folder of its own, removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = new_socket().with_extension("folder");
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn store(&self) -> String {
        format!("disk:{}", self.0.display())
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// The names in it.
    fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind in the folder for temporary files at worst.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process with two endpoints and a store on disk.
fn on_disk(folder: &Folder) -> (Targets, FleetFile, Serve) {
    let targets = Targets::start(1..=6);
    let endpoints = [("a", &[1, 2, 3, 4, 5, 6][..]), ("b", &[1, 2][..])];
    let name = new_socket().display().to_string().replace('/', "-");
    let fleet = FleetFile::new(&name, &keeping(&targets.fleet(&endpoints)));
    let serve = Serve::start(&["--fleet", fleet.path(), "--store", &folder.store()]);
    (targets, fleet, serve)
}

fn enact(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_enact"));
    command.args(arguments).output().unwrap()
}

fn restore(file: &str, folder: &Folder, more: &[&str]) -> Output {
    let store = folder.store();
    enact(&[&["restore", file, "--store", &store], more].concat())
}

/// What it says on standard error, when it fails with status 2.
fn refused(output: Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn said(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn newest(serve: &Serve) -> u64 {
    let status = serve.tell(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    status["generations"]["newest"].as_u64().unwrap()
}

#[test]
fn a_backup_under_load_is_restored_above_what_was_served() {
    let (old, new) = (Folder::new(), Folder::new());
    let (_targets, fleet, serve) = on_disk(&old);
    let target = Targets::address(1).to_string();
    let ended = AtomicBool::new(false);
    let file = new.file("plans.backup");
    thread::scope(|scope| {
        let admin = &serve.admin;
        let tell = move |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_enact"));
            let output = command.args(arguments).env("ENACT_ADMIN", admin).output();
            said(output.unwrap());
        };
        let (ended, target) = (&ended, &target);
        scope.spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                tell(&["drain", target, "--why", "load"]);
                tell(&["undrain", target]);
            }
        });
        let begin = newest(&serve);
        let deadline = Instant::now() + PATIENCE;
        while newest(&serve) < begin + 6 {
            assert!(Instant::now() < deadline, "no plans are published");
            let told = serve.tell(&["backup", &file]);
            assert!(told.starts_with(&format!("{file}: plan ")), "{told}");
            // Each of them is whole.
            let elsewhere = Folder::new();
            said(restore(&file, &elsewhere, &["--above", "1"]));
        }
        ended.store(true, Ordering::Relaxed);
    });
    serve.ask_until("a.re.example.", has(&[1, 2, 3, 4, 5, 6]));
    serve.tell(&["drain", "--zone", "z0", "--why", "rack work"]);
    serve.ask_until("a.re.example.", has(&[1, 2, 4, 5]));
    serve.tell(&["backup", &file]);
    assert!(!Path::new(&format!("{file}.new")).exists());
    serve.tell(&["undrain", "--zone", "z0"]);
    serve.ask_until("a.re.example.", has(&[1, 2, 3, 4, 5, 6]));
    let served = newest(&serve);
    serve.end();

    // The machine is lost. A number is needed, and the drain is as it was at the backup.
    let error = refused(restore(&file, &new, &[]));
    assert!(error.contains("--above N"), "{error}");
    let above = served.to_string();
    let told = said(restore(&file, &new, &["--above", &above]));
    let continued = served + 1;
    assert!(told.contains(&format!("as plan {continued}")), "{told}");
    let serve = Serve::start(&["--fleet", fleet.path(), "--store", &new.store()]);
    assert!(has(&[1, 2, 4, 5])(&serve.ask("a.re.example.")));
    assert!(newest(&serve) >= continued);
    assert!(serve.tell(&["status"]).contains("rack work"));
    let history = serve.tell(&["history"]);
    assert!(history.contains("restore of plan "), "{history}");
    serve.tell(&["undrain", "--zone", "z0"]);
    serve.ask_until("a.re.example.", has(&[1, 2, 3, 4, 5, 6]));
    assert!(newest(&serve) > continued);
    serve.end();
}

#[test]
fn a_store_that_is_in_use_or_holds_something_is_not_replaced_by_a_slip() {
    let folder = Folder::new();
    let (_targets, _fleet, serve) = on_disk(&folder);
    let file = folder.file("plans.backup");
    serve.tell(&["backup", &file]);
    let error = refused(restore(&file, &folder, &["--replace"]));
    assert!(error.contains("in use by another process"), "{error}");
    let served = newest(&serve);
    serve.end();
    let error = refused(restore(&file, &folder, &[]));
    assert!(error.contains("--replace"), "{error}");
    // The store is still there and says what was served; a lower number counts for nothing.
    let told = said(restore(&file, &folder, &["--replace", "--above", "1"]));
    assert!(told.contains(&format!("as plan {}", served + 1)), "{told}");
    let error = refused(restore(
        &file,
        &folder,
        &["--replace", "--above", "2000000000"],
    ));
    assert!(error.contains("whether the number is right"), "{error}");
}

#[test]
fn a_bad_file_is_refused_before_the_folder_is_touched() {
    let (source, folder) = (Folder::new(), Folder::new());
    let (_targets, _fleet, serve) = on_disk(&source);
    let file = source.file("plans.backup");
    serve.tell(&["backup", &file]);
    serve.end();
    let good = fs::read(&file).unwrap();
    let bad = source.file("bad.backup");
    let mut later = good.clone();
    later[16] = 9;
    let mut cases = vec![(later, "has version 9")];
    let step = good.len() / 25 + 1;
    for at in (1..good.len()).step_by(step) {
        cases.push((good[..at].to_vec(), "is damaged"));
        let mut flipped = good.clone();
        flipped[at] ^= 4;
        cases.push((flipped, "cannot be restored"));
    }
    cases.push((b"[[dns_zone]]\n".to_vec(), "is no backup"));
    for (bytes, says) in cases {
        fs::write(&bad, &bytes).unwrap();
        let error = refused(restore(&bad, &folder, &["--above", "9"]));
        assert!(
            error.contains(&bad) && error.contains(says),
            "{says}: {error}"
        );
    }
    assert_eq!(folder.names(), BTreeSet::new());
    let error = refused(restore("/no/such/file", &folder, &["--above", "9"]));
    assert!(error.contains("/no/such/file"), "{error}");
}

/// Runs the program with a limit of so many blocks of 512 bytes for each file that it writes, as on
/// a disk that is full.
fn with_little_room(blocks: u32, arguments: &[&str], admin: &Path) -> Output {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_enact")]);
    command
        .args(arguments)
        .env("ENACT_ADMIN", admin)
        .output()
        .unwrap()
}

#[test]
fn a_full_disk_leaves_what_is_there() {
    let folder = Folder::new();
    let (_targets, fleet, serve) = on_disk(&folder);
    let file = folder.file("plans.backup");
    serve.tell(&["backup", &file]);
    let before = fs::read(&file).unwrap();
    let error = refused(with_little_room(0, &["backup", &file], &serve.admin));
    assert!(
        error.contains("no file of that name was changed"),
        "{error}"
    );
    assert_eq!(fs::read(&file).unwrap(), before);
    let served = newest(&serve);
    serve.end();
    let names = folder.names();
    let arguments = ["restore", &file, "--store", &folder.store(), "--replace"];
    // As much room as the store of before needs to be looked at, and as none at all.
    for blocks in [0, 16, 150] {
        let error = refused(with_little_room(blocks, &arguments, Path::new("/")));
        assert!(error.contains("nothing is restored"), "{error}");
        assert_eq!(folder.names(), names, "{blocks}: nothing is left over");
    }
    let serve = Serve::start(&["--fleet", fleet.path(), "--store", &folder.store()]);
    assert!(has(&[1, 2])(&serve.ask("b.re.example.")));
    assert!(newest(&serve) >= served, "it goes on from where it was");
    serve.end();
    said(enact(&arguments));
}

#[test]
fn what_cannot_be_backed_up_says_what_to_do() {
    let (_targets, _fleet, serve) = super::commands::zones();
    let folder = Folder::new();
    let error = refused(serve.command(&["backup", &folder.file("backup")]));
    assert!(error.contains("--store disk:FOLDER"), "{error}");
    // Neither a folder nor a device is replaced.
    for place in [&folder.0.display().to_string(), "/dev/null"] {
        let error = refused(serve.command(&["backup", place]));
        assert!(!error.contains("panicked"), "{error}");
    }
    assert_eq!(folder.names(), BTreeSet::new());
    for (store, says) in [
        ("memory", "disk:/var/lib/enact"),
        ("etcd://127.0.0.1:2379", "enact restore-cluster"),
        ("disk:", "disk:/var/lib/enact"),
    ] {
        let error = refused(enact(&["restore", "/no/such/file", "--store", store]));
        assert!(error.contains(says), "{error}");
    }
    serve.end();
}
